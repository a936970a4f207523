"""Each test of the contract gets an empty registry, once on SQLite and once on PostgreSQL."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.fakes.clock import FakeClock
from support.harness.postgres import PostgresServer, why_no_postgres

from sutra_grid.registry import Registry

BACKENDS = [
    pytest.param("sqlite", id="sqlite"),
    pytest.param("postgres", id="postgres", marks=pytest.mark.postgres),
]


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    reason = why_no_postgres()
    if reason:
        pytest.skip(reason)
    with PostgresServer.open() as server:
        yield server


@pytest.fixture(params=BACKENDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Of an empty database."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/registry.db"
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    with server.new_database() as database_url:
        yield database_url


@pytest.fixture
def registry(url: str) -> Iterator[Registry]:
    opened = Registry.open(url, migrate=True, clock=FakeClock(wall=5.0))
    yield opened
    opened.close()
