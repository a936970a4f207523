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
from typing import Any

from sqlalchemy import create_engine, make_url, text

from support.ports import free_port

URL_VARIABLE = "SUTRA_GRID_TEST_POSTGRES_URL"
# The server refuses to run as root; as root, we start it as this user.
UNPRIVILEGED_USER = "nobody"
START_TIMEOUT_SECONDS = 60
# What a test server need not survive.
SETTINGS = ("fsync=off", "full_page_writes=off", "synchronous_commit=off", "shared_buffers=16MB", "max_connections=60")


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
        with _own_server() as url:
            yield cls(url)

    @contextmanager
    def new_database(self) -> Iterator[str]:
        name = f"sutra_grid_test_{uuid.uuid4().hex[:12]}"
        self._execute(f"CREATE DATABASE {name}")
        try:
            yield self._url.set(database=name).render_as_string(hide_password=False)
        finally:
            self._execute(f"DROP DATABASE {name} WITH (FORCE)")

    def _execute(self, statement: str) -> None:
        engine = create_engine(self._url, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(statement))
        engine.dispose()


@contextmanager
def _own_server() -> Iterator[str]:
    folder = binaries()
    assert folder is not None
    user = _unprivileged_user()
    # Not below pytest's directories, which only their owner may enter.
    root = Path(tempfile.mkdtemp(prefix="sutra-grid-postgres-"))
    if user:
        shutil.chown(root, user)
    data, port = root / "data", free_port()
    settings = "".join(f" -c {setting}" for setting in (*SETTINGS, f"unix_socket_directories={root}"))
    try:
        _run(user, folder / "initdb", "-D", data, "-A", "trust", "-U", "postgres", "--no-sync", "-E", "UTF8")
        start = [folder / "pg_ctl", "-D", data, "-w", "-t", START_TIMEOUT_SECONDS, "-l", root / "log"]
        _run(user, *start, "-o", f"-h 127.0.0.1 -p {port}{settings}", "start")
        try:
            yield f"postgresql+psycopg://postgres@127.0.0.1:{port}/postgres"
        finally:
            _run(user, folder / "pg_ctl", "-D", data, "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(root, ignore_errors=True)


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
