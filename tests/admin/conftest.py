"""The application on a real registry, with a master on a real gRPC server whose answers the test sets."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from support.fakes.clock import FakeClock
from support.fakes.fake_master import FakeMaster, fake_master
from support.values.grid_values import a_node, a_report, an_agent, an_event

from sutra_grid.admin.app import create_app
from sutra_grid.admin.config import AdminConfig
from sutra_grid.admin.services import services_of
from sutra_grid.core.types import AgentStatus, Desired, NodeState, Reason
from sutra_grid.registry import Observations, Registry


@pytest.fixture
def registry_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/registry.db"


@pytest.fixture
def registry(registry_url: str) -> Iterator[Registry]:
    """A grid of two agents: one healthy with two nodes, one offline with one."""
    opened = Registry.open(registry_url, migrate=True)
    opened.save_agent(an_agent("agent-1"))
    opened.save_agent(an_agent("agent-2", status=AgentStatus.OFFLINE, reason=Reason.MISSED_HEARTBEATS))
    nodes = [
        a_node("node-00000001"),
        a_node("node-00000002", desired=Desired.STOPPED),
        a_node("node-00000003", "agent-2"),
    ]
    for node in nodes:
        opened.create_node(node, record=None, events=[an_event("node.spawned", node_id=node.node_id)])
    reports = [
        a_report(nodes[0], log_tail=()),
        a_report(nodes[1], state=NodeState.STOPPED, pid=0, spec=replace(nodes[1].spec, engine="redis")),
        a_report(nodes[2]),
    ]
    opened.write_observations(Observations(reports=reports))
    yield opened
    opened.close()


@pytest.fixture
def master() -> Iterator[FakeMaster]:
    with fake_master() as fake:
        yield fake


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def config(registry_url: str, master: FakeMaster) -> AdminConfig:
    return AdminConfig(
        listen="127.0.0.1:0",
        registry_url=registry_url,
        master=master.address,
        workers=1,
        threads=2,
        command_timeout_secs=5,
        stop_grace_secs=1,
    )


@pytest.fixture
def app(config: AdminConfig, clock: FakeClock) -> Iterator[Flask]:
    made = create_app(config, clock)
    yield made
    services_of(made).close()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()
