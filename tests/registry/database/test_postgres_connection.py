"""Connections to PostgreSQL that are given up when the server hangs, and only then."""

from __future__ import annotations

import time
from collections.abc import Iterator

import psycopg
import pytest
from sqlalchemy import exc, make_url, text
from support.harness.postgres import OwnServer, own_server
from support.values import registry_errors

from sutra_grid.core.errors import Unavailable
from sutra_grid.core.types import Reason
from sutra_grid.registry.database.engine import POOL_CONNECTIONS, Database, open_database
from sutra_grid.registry.database.postgres_connection import BoundedConnection

pytestmark = pytest.mark.postgres


@pytest.fixture(scope="module")
def server() -> Iterator[OwnServer]:
    with own_server() as server:
        yield server


@pytest.fixture
def connection(server: OwnServer) -> Iterator[BoundedConnection]:
    url = make_url(server.url)
    with BoundedConnection.connect(host=url.host, port=url.port, user=url.username, dbname=url.database) as connection:
        yield connection


@pytest.fixture
def database(server: OwnServer) -> Iterator[Database]:
    database = open_database(server.url, wait_seconds=5.0)
    yield database
    database.dispose()


def select_one(database: Database) -> int:
    with database.reading() as connection:
        number: int = connection.execute(text("SELECT 1")).scalar_one()
    return number


def test_a_statement_on_a_server_that_hangs_ends_with_an_error_and_closes_the_connection(
    server: OwnServer, connection: BoundedConnection
) -> None:
    connection.answer_timeout_seconds = 0.3
    with server.frozen(), pytest.raises(psycopg.OperationalError, match=r"0\.3 s"):
        connection.execute("SELECT 1")
    assert connection.closed


def test_a_statement_that_takes_long_is_waited_for(connection: BoundedConnection) -> None:
    connection.answer_timeout_seconds = 10.0
    assert connection.execute("SELECT 1 FROM pg_sleep(0.5)").fetchone() == (1,)


def test_rows_that_come_for_longer_than_the_limit_are_all_taken(connection: BoundedConnection) -> None:
    # Rows that fill the server's buffer, so that each is sent when it is there; psycopg is woken between them.
    connection.answer_timeout_seconds = 1.0
    began = time.monotonic()
    rows = connection.execute("SELECT repeat('x', 9000), pg_sleep(0.3) FROM generate_series(1, 6)").fetchall()
    assert time.monotonic() - began > connection.answer_timeout_seconds
    assert len(rows) == 6


def test_a_call_over_a_pooled_connection_to_a_server_that_hangs_fails_in_time(
    server: OwnServer, database: Database
) -> None:
    assert select_one(database) == 1
    with server.frozen(), pytest.raises(Unavailable, match=registry_errors.UNREACHABLE) as refused:
        select_one(database)
    assert refused.value.reason is Reason.REGISTRY_UNAVAILABLE
    assert select_one(database) == 1


def test_a_server_that_is_too_slow_for_every_ping_is_used_over_new_connections(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def always_late(self: BoundedConnection, *_: object) -> None:
        raise exc.InvalidatePoolError("late")

    monkeypatch.setattr(BoundedConnection, "check_answers", always_late)
    assert [select_one(database) for _ in range(3)] == [1, 1, 1]


def test_connections_of_a_server_that_was_restarted_cost_no_failed_call(server: OwnServer, database: Database) -> None:
    for _ in range(2):
        assert select_one(database) == 1
        server.stop()
        server.start()
    assert [select_one(database) for _ in range(POOL_CONNECTIONS)] == [1] * POOL_CONNECTIONS


def test_a_connection_is_as_patient_after_a_look_at_its_server_as_before(connection: BoundedConnection) -> None:
    usual = connection.answer_timeout_seconds
    connection.check_answers(lambda pinged: pinged.execute(""), seconds=1.0)
    assert connection.answer_timeout_seconds == usual
