"""A PostgreSQL server for tests: the one of an environment variable, or one of our own from Debian's binaries."""

import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil
import pytest
from sqlalchemy import create_engine, make_url, text

from support.harness.ports import free_port

URL_VARIABLE = "SUTRA_GRID_TEST_POSTGRES_URL"
# The server refuses to run as root; as root, we start it as this user.
UNPRIVILEGED_USER = "nobody"
START_TIMEOUT_SECONDS = 60
# What a test server need not survive.
SETTINGS = ("fsync=off", "full_page_writes=off", "synchronous_commit=off", "shared_buffers=16MB", "max_connections=60")
INITDB = ("-A", "trust", "-U", "postgres", "--no-sync", "-E", "UTF8")


def why_no_postgres() -> str:
    """Empty when the tests can run; else what is missing."""
    if importlib.util.find_spec("psycopg") is None:
        return "psycopg is not installed (pip install 'sutra-grid[postgres]')"
    if URL_VARIABLE not in os.environ and binaries() is None:
        return f"no PostgreSQL server: install Debian's package postgresql, or set {URL_VARIABLE}"
    return ""


def binaries() -> Path | None:
    """The directory of initdb and pg_ctl, of the newest version that is installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return found[-1].parent if found else None


class PostgresServer:
    """A running server; ``new_database`` gives each test one of its own."""

    def __init__(self, url: str) -> None:
        self._url = make_url(url).set(drivername="postgresql+psycopg")

    @classmethod
    @contextmanager
    def open(cls) -> "Iterator[PostgresServer]":
        if URL_VARIABLE in os.environ:
            yield cls(os.environ[URL_VARIABLE])
            return
        with OwnServer() as server:
            yield cls(server.url)

    @contextmanager
    def new_database(self) -> Iterator[str]:
        name = f"sutra_grid_test_{uuid.uuid4().hex[:12]}"
        self._execute(f"CREATE DATABASE {name}")
        try:
            yield self._url.set(database=name).render_as_string(hide_password=False)
        finally:
            self._execute(f"DROP DATABASE {name} WITH (FORCE)")

    def _execute(self, statement: str) -> None:
        engine = create_engine(self._url, isolation_level="AUTOCOMMIT", connect_args={"connect_timeout": 20})
        with engine.connect() as connection:
            connection.execute(text(statement))
        engine.dispose()


def own_server() -> "OwnServer":
    """A server of the test's own. Where there is none to start the test is skipped and says why; CI fails."""
    no_binaries = "" if binaries() else "no PostgreSQL server: install Debian's package postgresql"
    if reason := why_no_postgres() or no_binaries:
        if os.environ.get("CI") == "true":
            raise AssertionError(f"CI has to run this: {reason}")
        pytest.skip(reason)
    return OwnServer()


class OwnServer:
    """A server that a test started and may stop; its data goes when the context is left."""

    def __init__(self) -> None:
        folder = binaries()
        assert folder is not None
        self._folder = folder
        self._user = _unprivileged_user()
        # Not below pytest's directories, which only their owner may enter.
        self._root = Path(tempfile.mkdtemp(prefix="sutra-grid-postgres-"))
        if self._user:
            shutil.chown(self._root, self._user)
        self._port = free_port()
        self.url = f"postgresql+psycopg://postgres@127.0.0.1:{self._port}/postgres"

    def __enter__(self) -> Self:
        data = self._root / "data"
        try:
            _run(self._user, self._folder / "initdb", "-D", data, *INITDB)
            self.start()
        except BaseException:
            shutil.rmtree(self._root, ignore_errors=True)
            raise
        return self

    def start(self) -> None:
        settings = "".join(f" -c {setting}" for setting in (*SETTINGS, f"unix_socket_directories={self._root}"))
        options = f"-h 127.0.0.1 -p {self._port}{settings}"
        self._control("-t", START_TIMEOUT_SECONDS, "-l", self._root / "log", "-o", options, "start")

    def add_user(self, name: str, password: str) -> str:
        """A superuser who has to give a password, or a new one for it; the URL, without the password."""
        engine = create_engine(self.url, isolation_level="AUTOCOMMIT", connect_args={"connect_timeout": 20})
        with engine.connect() as connection:
            known = connection.execute(text("SELECT 1 FROM pg_roles WHERE rolname = :name"), {"name": name}).scalar()
            verb = "ALTER" if known else "CREATE"
            connection.execute(text(f"{verb} ROLE {name} LOGIN SUPERUSER PASSWORD '{password}'"))
        engine.dispose()
        rules = self._root / "data/pg_hba.conf"
        rules.write_text(f"host all {name} 127.0.0.1/32 scram-sha-256\n{rules.read_text()}")
        self._control("reload")
        return self.url.replace("postgres@", f"{name}@")

    def stop(self) -> None:
        """At once, with every connection."""
        self._control("-m", "immediate", "stop")

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Every process stands still, as on a host that hangs: the kernel accepts connections, and nobody answers."""
        first = psutil.Process(int((self._root / "data" / "postmaster.pid").read_text().split()[0]))
        first.suspend()  # it starts no other from here on
        halted = [first, *first.children()]
        try:
            for process in halted[1:]:
                process.suspend()
            yield
        finally:
            for process in halted:
                process.resume()

    def _control(self, *words: Any) -> None:
        _run(self._user, self._folder / "pg_ctl", "-D", self._root / "data", "-w", *words)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if (self._root / "data" / "postmaster.pid").exists():
                self.stop()
        finally:
            shutil.rmtree(self._root, ignore_errors=True)


def _run(user: str | None, *command: Any) -> None:
    subprocess.run(
        [str(part) for part in command],
        user=user,
        cwd="/",
        check=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        timeout=START_TIMEOUT_SECONDS * 2,
    )


def _unprivileged_user() -> str | None:
    return pwd.getpwnam(UNPRIVILEGED_USER).pw_name if os.geteuid() == 0 else None
