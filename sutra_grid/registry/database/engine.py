"""Opens a database and runs transactions. Whatever differs between the backends is here.

SQLite: write-ahead log (readers never wait), ``BEGIN IMMEDIATE`` for every transaction that writes
(without it, one of two concurrent read-modify-writes is lost), ``synchronous=FULL``. With NORMAL, a
power loss takes back acknowledged commits. The desired state of a node must never be taken back,
and heartbeats are written in batches, so FULL costs little.
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, create_engine, event, exc, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection, Dialect
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection, QueuePool

from sutra_grid.core.errors import FailedPrecondition, InvalidArgument, Unavailable
from sutra_grid.core.redaction import redact_text
from sutra_grid.core.types import Reason
from sutra_grid.registry.database.faults import lock_fault, lost_fault, translated, unavailable
from sutra_grid.registry.database.write_queue import WriteQueue
from sutra_grid.runtime.known_secrets import remember_secret, without_secrets
from sutra_grid.runtime.registry_settings import password_of, url_problem
from sutra_grid.runtime.secret_file import read_secret_file

POOL_CONNECTIONS = 8
POOL_OVERFLOW = 24
POOL_TIMEOUT_SECONDS = 10.0
CONNECT_TIMEOUT_SECONDS = 5
PING_SECONDS = 2.0
STATEMENT_TIMEOUT_MS = 30_000
ANSWER_TIMEOUT_SECONDS = STATEMENT_TIMEOUT_MS / 1000 + 5  # above the server's own limit, which has the better message

FileIdentity = tuple[int, int]  # device and inode

SCHEMES = "sqlite:////path/registry.db or postgresql+psycopg://user@host/database"


class Database:
    """Transactions on one database; thread-safe. Faults come out as core errors.

    ``name`` is the URL for people, without a password; ``file`` the SQLite file, or None.
    """

    def __init__(self, engine: Engine, name: str, file: Path | None, wait_seconds: float) -> None:
        self.name = name
        self.file = file
        self.wait_seconds = wait_seconds
        self._reader = engine
        self._writer = engine.execution_options(begin="IMMEDIATE")
        self._queue = None if file is None else WriteQueue(wait_seconds)  # a server has locks of rows
        self._held: FileIdentity | None = None
        self._counting = threading.Lock()
        self._failures = 0  # guarded by _counting

    def hold(self) -> None:
        """From now on, use only the file that is there now, and refuse any other that takes its place."""
        self._held = None if self.file is None else file_identity(self.file)

    def loss(self) -> str:
        """How the held file was lost, for messages; empty while it is there, and when none is held."""
        if self._held is None or self.file is None:
            return ""
        present = file_identity(self.file)
        if present == self._held:
            return ""
        return "was deleted" if present is None else "was replaced"

    @property
    def failures(self) -> int:
        """Transactions that failed because the database did not answer."""
        with self._counting:
            return self._failures

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One transaction that reads."""
        with self._counted(), self._reader.begin() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction that writes: committed, and on disk, when the block ends without an error.

        Not within another one of the same thread: writers to one file take turns.
        """
        with self._counted(), self._turn() as wait_seconds, self._writer.connect() as connection:
            connection.execution_options(wait_seconds=wait_seconds)
            with connection.begin():
                if self._queue is not None:
                    self._queue.advanced()
                yield connection

    @contextmanager
    def _turn(self) -> Iterator[float]:
        """Gives the seconds that the transaction may wait for a lock."""
        if self._queue is None:
            yield self.wait_seconds
            return
        with ExitStack() as turn:
            try:
                wait_seconds = turn.enter_context(self._queue.turn())
            except TimeoutError as error:
                raise unavailable(self.name, lock_fault()) from error
            yield wait_seconds

    @contextmanager
    def _counted(self) -> Iterator[None]:
        try:
            with translated(self.name):
                self._refuse_lost_file()
                yield
        except Unavailable:
            with self._counting:
                self._failures += 1
            raise

    def keep_write_ahead_log(self) -> None:
        """Set SQLite's journal mode, which stays with the file. It can't be changed within a transaction."""
        if self.file is None:
            return
        with translated(self.name), self._reader.execution_options(begin="").connect() as connection:
            connection.exec_driver_sql("PRAGMA journal_mode = WAL")

    def dispose(self) -> None:
        """Close the connections that are not in use."""
        self._reader.dispose()

    def _refuse_lost_file(self) -> None:
        if loss := self.loss():
            raise unavailable(self.name, lost_fault(loss))


def open_database(url_text: str, password_file: Path | None = None, *, wait_seconds: float) -> Database:
    """The database at a URL. Reads nothing yet; ``wait_seconds`` limits each wait for a lock."""
    url = _parse(url_text)
    if url.get_backend_name() == "sqlite":
        return open_file(_sqlite_file(url), wait_seconds)
    if url.get_backend_name() == "postgresql":
        return _open_postgres(url.set(drivername="postgresql+psycopg"), password_file, wait_seconds)
    raise InvalidArgument(
        f"registry {name_of(url)} is not a supported database",
        reason=Reason.INVALID_ARGUMENT,
        hint=f"Use {SCHEMES}",
    )


def sqlite_file(url_text: str) -> Path | None:
    """The file that a URL names; None for a database server. Raises ``InvalidArgument``."""
    url = _parse(url_text)
    return _sqlite_file(url) if url.get_backend_name() == "sqlite" else None


def _parse(url_text: str) -> URL:
    try:
        url = make_url(url_text)
    except (exc.ArgumentError, ValueError) as error:
        raise InvalidArgument("invalid registry URL", reason=Reason.INVALID_ARGUMENT, hint=f"Use {SCHEMES}") from error
    if allowed := url_problem(url_text):
        raise InvalidArgument("invalid registry URL", reason=Reason.INVALID_ARGUMENT, hint=f"Use {allowed}")
    if password := password_of(url_text):
        remember_secret(password)
    return url


def name_of(url: URL) -> str:
    """The URL for people, without a password, also of its options."""
    return redact_text(url.render_as_string())


def _sqlite_file(url: URL) -> Path:
    if not url.database or url.database == ":memory:":
        raise InvalidArgument(
            f"registry {name_of(url)} names no file",
            reason=Reason.INVALID_ARGUMENT,
            hint="The master and the admin share the registry, so it can't be in memory. Use sqlite:////path/registry.db",
        )
    return Path(url.database).expanduser().absolute()


# -- SQLite ------------------------------------------------------------------


def open_file(file: Path, wait_seconds: float, *, name: str = "") -> Database:
    """The database in a file, which need not exist yet; ``name`` stands for the path in messages."""
    engine = create_engine(
        "sqlite+pysqlite://",
        creator=partial(_connect_sqlite, file, wait_seconds),
        poolclass=QueuePool,
        pool_size=POOL_CONNECTIONS,
        max_overflow=POOL_OVERFLOW,
        pool_timeout=POOL_TIMEOUT_SECONDS,
        json_serializer=_to_json,
        hide_parameters=True,
    )
    event.listen(engine, "connect", partial(_remember_file, file))
    event.listen(engine, "checkout", partial(_refuse_other_file, file))
    event.listen(engine, "begin", partial(_begin_sqlite, wait_seconds))
    return Database(engine, name or str(file), file, wait_seconds)


def _connect_sqlite(file: Path, wait_seconds: float) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"file:{quote(str(file))}?mode=rw",  # does not create an empty file in place of a deleted one
        uri=True,
        timeout=wait_seconds,
        check_same_thread=False,  # the pool gives a connection to one thread at a time
        isolation_level=None,  # the driver begins no transaction: _begin_sqlite does
    )
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA synchronous = FULL")
    return connection


def _begin_sqlite(wait_seconds: float, connection: Connection) -> None:
    options = connection.get_execution_options()
    mode = options.get("begin", "DEFERRED")
    if mode:  # the transaction before on this connection may have had another time to wait
        connection.exec_driver_sql(f"PRAGMA busy_timeout = {int(options.get('wait_seconds', wait_seconds) * 1000)}")
        connection.exec_driver_sql(f"BEGIN {mode}")


def _remember_file(file: Path, _connection: DBAPIConnection, entry: ConnectionPoolEntry) -> None:
    entry.info["file"] = file_identity(file)


def _refuse_other_file(
    file: Path, _connection: DBAPIConnection, entry: ConnectionPoolEntry, _proxy: PoolProxiedConnection
) -> None:
    """A connection to a deleted or replaced file would write where nobody reads."""
    if file_identity(file) != entry.info["file"]:
        raise exc.DisconnectionError("the file was deleted or replaced")


def file_identity(file: Path) -> FileIdentity | None:
    """The identity of the file that has this name now; None without one."""
    try:
        status = os.stat(file)
    except OSError:
        return None
    return status.st_dev, status.st_ino


# -- PostgreSQL --------------------------------------------------------------


def _open_postgres(url: URL, password_file: Path | None, wait_seconds: float) -> Database:
    remember_secret(os.environ.get("PGPASSWORD", ""))  # its client library takes this one if there is no other
    try:
        engine = create_engine(
            url,
            pool_size=POOL_CONNECTIONS,
            max_overflow=POOL_OVERFLOW,
            pool_timeout=POOL_TIMEOUT_SECONDS,
            json_serializer=_to_json,
            hide_parameters=True,  # a statement in an error has no values of rows
            connect_args={
                "connect_timeout": CONNECT_TIMEOUT_SECONDS,
                "tcp_user_timeout": 2_000 * CONNECT_TIMEOUT_SECONDS,
                "application_name": "sutra-grid",
                "options": f"-c lock_timeout={int(wait_seconds * 1000)} -c statement_timeout={STATEMENT_TIMEOUT_MS}",
            },
        )
    except ImportError as error:
        raise FailedPrecondition(
            f"registry {name_of(url)} needs the PostgreSQL driver psycopg, which is not installed",
            reason=Reason.REGISTRY_UNAVAILABLE,
            hint="Install it: pip install 'sutra-grid[postgres]'",
        ) from error
    except exc.ArgumentError as error:
        problem = without_secrets(redact_text(str(error)))
        raise InvalidArgument(
            f"registry {name_of(url)}: {problem}", reason=Reason.INVALID_ARGUMENT, hint=f"Use {SCHEMES}"
        ) from error
    event.listen(engine, "do_connect", partial(_connect_postgres, password_file))
    event.listen(engine, "checkout", partial(_ping_postgres, engine.dialect))
    return Database(engine, name_of(url), None, wait_seconds)


def _connect_postgres(
    password_file: Path | None,
    _dialect: Dialect,
    _entry: ConnectionPoolEntry,
    arguments: list[Any],
    options: dict[str, Any],
) -> DBAPIConnection:
    from sutra_grid.registry.database.postgres_connection import BoundedConnection  # its driver is an extra

    if password_file is not None:
        options = {**options, "password": _read_password(password_file)}
    connection = BoundedConnection.connect(*arguments, **options)
    connection.answer_timeout_seconds = ANSWER_TIMEOUT_SECONDS
    return cast(DBAPIConnection, connection)


def _read_password(file: Path) -> str:
    """The password as it is now. Raises ``Unavailable``: the file may be in the middle of being replaced."""
    try:
        password = read_secret_file(file)
    except InvalidArgument as error:
        raise Unavailable(
            f"the password of the registry can't be read: {error.message}",
            reason=Reason.REGISTRY_UNAVAILABLE,
            hint=error.hint,
        ) from error
    remember_secret(password)
    return password


def _ping_postgres(
    dialect: Dialect, connection: Any, entry: ConnectionPoolEntry, _proxy: PoolProxiedConnection
) -> None:
    """After a restart of the server no call fails, and a server that hangs costs only a short wait."""
    if entry.info.get("used"):  # a new one has just had an answer
        connection.check_answers(dialect.do_ping, PING_SECONDS)
    entry.info["used"] = True


def _to_json(document: object) -> str:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))
