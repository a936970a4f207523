"""A registry whose tables somebody locks for readers too, as only PostgreSQL knows it: a problem, and no traceback."""

from collections.abc import Iterator

import psycopg
import pytest
from flask import Flask
from support.harness.postgres import PostgresServer, why_no_postgres
from support.texts import mentions
from support.values import registry_errors
from support.values.grid_values import an_agent

from sutra_grid.admin.app import create_app
from sutra_grid.admin.config import AdminConfig
from sutra_grid.admin.services import services_of
from sutra_grid.registry import Registry

pytestmark = pytest.mark.postgres


@pytest.fixture
def url() -> Iterator[str]:
    if reason := why_no_postgres():
        pytest.skip(reason)
    with PostgresServer.open() as server, server.new_database() as database_url:
        registry = Registry.open(database_url, migrate=True)
        registry.save_agent(an_agent())
        registry.close()
        yield database_url


@pytest.fixture
def app(url: str) -> Iterator[Flask]:
    config = AdminConfig("127.0.0.1:0", url, "127.0.0.1:1", 1, 2, command_timeout_secs=5, stop_grace_secs=1)
    made = create_app(config)
    yield made
    services_of(made).close()


def test_a_locked_table_is_a_503_that_says_so_and_read_again_when_it_is_free(
    app: Flask, url: str, caplog: pytest.LogCaptureFixture
) -> None:
    client = app.test_client()
    with psycopg.connect(url.replace("postgresql+psycopg", "postgresql")) as other:
        other.execute("LOCK TABLE agents IN ACCESS EXCLUSIVE MODE")
        answer = client.get("/agents")
    assert answer.status_code == 503
    problem = answer.get_json()
    assert (problem["code"], problem["reason"]) == ("unavailable", "registry_unavailable")
    assert mentions(problem["detail"], registry_errors.LOCKED)
    assert problem["hint"]
    assert answer.headers["Retry-After"]
    assert "Traceback" not in caplog.text
    assert [agent["agent_id"] for agent in client.get("/agents").get_json()["agents"]] == ["agent-1"]
