"""The schema of a database, and its migration to this program's.

One process at a time: a lock on a file beside the SQLite file, an advisory lock on
PostgreSQL. A migration is one transaction. Alembic is imported only when there is
something to migrate.
"""

from __future__ import annotations

import fcntl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, inspect, text

from sutra_grid.core.errors import FailedPrecondition, Unavailable
from sutra_grid.core.types import Reason
from sutra_grid.registry.database.engine import Database
from sutra_grid.registry.database.faults import RegistryDamaged, file_fault, lock_fault, unavailable
from sutra_grid.registry.database.files import beside, close_to_others, make_private
from sutra_grid.registry.database.integrity import (
    damaged,
    refuse_damaged_log,
    refuse_damaged_pages,
    refuse_missing_parts,
)
from sutra_grid.registry.tables import Base
from sutra_grid.runtime.files import sync_directory

# All revisions, oldest first; one file each in migrations/versions.
REVISIONS = ("0001", "0002", "0003", "0004", "0005", "0006")
HEAD = REVISIONS[-1]

MIGRATION_LOCK_WAIT_SECONDS = 60.0
LOCK_POLL_SECONDS = 0.05
SQLITE_MAGIC = b"SQLite format 3\0"
LOCK_SUFFIX = ".lock"
ADVISORY_LOCK = 0x5347_7265_6769_7374  # "SGregist"


def bring_up_to_date(database: Database, *, create: bool) -> None:
    """Migrate to this program's schema if need be. Any number of processes may do so at once.

    Raises ``RegistryDamaged`` for a damaged registry, and migrates nothing then.
    """
    with _migration_lock(database, create=create):
        _refuse_other_file(database)
        refuse_damaged_log(database)
        try:
            revision = _whole_revision(database)
        except RegistryDamaged as error:
            raise damaged(database, error.why) from error
        if database.file is not None:
            close_to_others(database.file)
        database.keep_write_ahead_log()
        if revision != HEAD:
            with database.writing() as connection:
                _migrate(connection)


def _whole_revision(database: Database) -> str | None:
    """The schema's revision, after a check of every part of the registry."""
    with database.reading() as connection:
        revision = _revision(connection, database)
        _refuse_newer(revision, database.name)
        refuse_damaged_pages(database, connection)
        if revision == HEAD:
            refuse_missing_parts(database, connection)
        return revision


def require_current(database: Database) -> None:
    """Raise unless the schema is this program's."""
    if database.file is not None and not database.file.exists():
        raise _not_set_up(database.name)
    with _os_errors(database):
        _refuse_other_file(database)
    with database.reading() as connection:
        revision = _revision(connection, database)
    if revision == HEAD:
        return
    if revision is None:
        raise _not_set_up(database.name)
    _refuse_newer(revision, database.name)
    raise Unavailable(
        f"registry {database.name} has schema {revision}, older than this program's {HEAD}",
        reason=Reason.REGISTRY_UNAVAILABLE,
        hint="Start the master of this version: it upgrades the registry",
    )


def read_revision(connection: Connection) -> str | None:
    """The recorded revision of the schema; fails when none is recorded."""
    revision: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return revision


def _migrate(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.attributes["connection"] = connection
    config.set_main_option("script_location", "sutra_grid.registry:migrations")
    command.upgrade(config, "head")


def _revision(connection: Connection, database: Database) -> str | None:
    """The schema's revision, None for an empty database. Raises for a database that is not a registry."""
    tables = set(inspect(connection).get_table_names())
    if not tables:
        return None
    ours = tables & set(Base.metadata.tables)
    if "alembic_version" in tables and ours:
        if revision := read_revision(connection):
            return revision
        raise damaged(database, "the version of its schema is missing")
    if len(ours) > 1:
        raise damaged(database, "the table alembic_version is missing")
    raise FailedPrecondition(
        f"registry {database.name} is a database of another program (it holds {', '.join(sorted(tables)[:3])})",
        reason=Reason.REGISTRY_UNAVAILABLE,
        hint="Use a separate database for the grid",
    )


def _refuse_other_file(database: Database) -> None:
    """A file must be empty or begin as SQLite's do (sqlite.org/fileformat.html, section 1.3)."""
    if database.file is None:
        return
    with database.file.open("rb") as stream:
        start = stream.read(len(SQLITE_MAGIC))
    if start not in (b"", SQLITE_MAGIC):
        raise damaged(database, "the file is not a database")


def _refuse_newer(revision: str | None, name: str) -> None:
    if revision is not None and revision not in REVISIONS:
        raise FailedPrecondition(
            f"registry {name} has schema {revision}, newer than this program's {HEAD}",
            reason=Reason.REGISTRY_UNAVAILABLE,
            hint="Install the newer Sutra Grid again, or restore the backup from before its first start",
        )


def _not_set_up(name: str) -> Unavailable:
    return Unavailable(
        f"there is no registry at {name} yet",
        reason=Reason.REGISTRY_UNAVAILABLE,
        hint="Start the master: it creates the registry",
    )


# -- locks -------------------------------------------------------------------


@contextmanager
def _migration_lock(database: Database, *, create: bool) -> Iterator[None]:
    if database.file is None:
        with database.writing() as connection:
            # Held to the end of this transaction, which does nothing else.
            connection.execute(text(f"SET LOCAL lock_timeout = {int(MIGRATION_LOCK_WAIT_SECONDS * 1000)}"))
            connection.execute(text("SET LOCAL statement_timeout = 0"))
            connection.execute(text(f"SELECT pg_advisory_xact_lock({ADVISORY_LOCK})"))
            yield
        return
    with _os_errors(database), _file_lock(beside(database.file, LOCK_SUFFIX), database):
        _prepare_file(database, database.file, create=create)
        yield


@contextmanager
def _os_errors(database: Database) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        detail = f"{error.filename or database.file}: {error.strerror}"
        raise unavailable(database.name, file_fault(error), detail) from error


@contextmanager
def _file_lock(path: Path, database: Database) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    never = threading.Event()
    deadline = time.monotonic() + MIGRATION_LOCK_WAIT_SECONDS
    with path.open("a") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise unavailable(database.name, lock_fault()) from None
                never.wait(LOCK_POLL_SECONDS)
        yield


def _prepare_file(database: Database, file: Path, *, create: bool) -> None:
    """Create the file if allowed, and sync its directory, so that the file survives a power loss."""
    if file.exists():
        return
    if not create:
        raise _not_set_up(database.name)
    make_private(file)
    sync_directory(file.parent)
