"""A grid of real processes whose every connection has mutual TLS."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import grpc
import pytest
from support.harness.daemons import run_program, serves_grpc
from support.harness.grid import Grid, GridSpec
from support.waiting import eventually

from sutra_grid.core.access.identity import Role, agent_server_name
from sutra_grid.wire import grid_pb2 as pb
from sutra_grid.wire.grid_pb2_grpc import GridAgentStub, GridMasterStub

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def grid(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Grid]:
    with Grid(tmp_path_factory.mktemp("tls"), GridSpec(agents=1, with_tls=True)) as running:
        yield running


def test_a_node_is_spawned_through_every_interface(grid: Grid) -> None:
    """Command line, API and gRPC reach the master, and the master the agent."""
    for interface in (grid.cli, grid.rest, grid.grpc):
        node = interface.spawn()
        assert grid.wait_node(node.node_id, "running").node_id == node.node_id
        interface.stop(node.node_id)
        interface.remove(node.node_id)
    assert grid.agent().reachability == "reachable"


def test_events_say_whose_command_it_was(grid: Grid) -> None:
    assert grid.tls is not None
    node = grid.cli.spawn()
    [event] = grid.events(node_id=node.node_id, kind="node.spawned")
    assert (event.actor, event.actor_name, event.actor_address) == ("operator", "certificate test", "127.0.0.1")
    ann = grid.tls.options(Role.OPERATOR, "ann")
    command = ("sutra-grid-cli", "--master", grid.master_address, *ann)
    assert run_program(*command, "nodes", "stop", node.node_id).exit_code == 0
    listed = run_program(*command, "events", "--actor", "ann", "-o", "wide").stdout
    assert "node.commanded" in listed
    assert "certificate ann (127.0.0.1)" in listed
    assert "by certificate ann (127.0.0.1)" in run_program(*command, "nodes", "explain", node.node_id).stdout
    grid.cli.remove(node.node_id)


def test_a_stranger_gets_nothing_from_master_and_agent(grid: Grid) -> None:
    assert grid.tls is not None
    for address in (grid.master_address, grid.agent_address("agent-1"), grid.token_address):
        assert not serves_grpc(address)  # plaintext
    for address in (grid.master_address, grid.agent_address("agent-1")):
        with grpc.secure_channel(address, grpc.ssl_channel_credentials(grid.tls.authority.pem)) as channel:
            with pytest.raises(grpc.RpcError) as raised:
                GridMasterStub(channel).GetClusterStatus(pb.Empty(), timeout=5)
            assert raised.value.code() is grpc.StatusCode.UNAVAILABLE


def test_only_a_master_gives_an_agent_orders(grid: Grid) -> None:
    assert grid.tls is not None
    name = agent_server_name("grid", "agent-1")
    for role in (Role.ADMIN, Role.OPERATOR, Role.AGENT, Role.VIEWER, Role.CLIENT):
        with grid.tls.channel(grid.agent_address("agent-1"), role, "agent-1", name) as channel:
            with pytest.raises(grpc.RpcError) as raised:
                GridAgentStub(channel).Apply(pb.Assignment(node_id="n", desired="absent", generation=1), timeout=5)
            assert raised.value.code() is grpc.StatusCode.PERMISSION_DENIED


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], "may need TLS"),
        (["ca"], "may not accept the certificate"),
        (["other ca"], "not signed by an authority that is trusted here"),
    ],
)
def test_the_command_line_says_why_it_was_not_let_in(
    grid: Grid, tmp_path: Path, options: list[str], words: str
) -> None:
    from support.values.certificates import TestAuthority

    assert grid.tls is not None
    ca = tmp_path / "ca.pem"
    ca.write_bytes(TestAuthority().pem if options == ["other ca"] else grid.tls.authority.pem)
    arguments = ["--tls-ca", str(ca)] if options else []
    outcome = run_program("sutra-grid-cli", "--master", grid.master_address, *arguments, "--timeout=3", "status")
    assert outcome.exit_code == 4, outcome
    assert words in outcome.stderr
    assert f"sutra-grid-cli tls verify {grid.master_address}" in outcome.stderr


def test_a_viewer_may_read_and_is_told_what_it_lacks(grid: Grid) -> None:
    assert grid.tls is not None
    viewer = grid.tls.options(Role.VIEWER, "vi")
    assert run_program("sutra-grid-cli", "--master", grid.master_address, *viewer, "status").exit_code == 0
    outcome = run_program("sutra-grid-cli", "--master", grid.master_address, *viewer, "agents", "drain", "agent-1")
    assert outcome.exit_code == 5, outcome
    assert "certificate vi has the role viewer" in outcome.stderr
    assert "operator" in outcome.stderr


@pytest.mark.soak
def test_an_agent_whose_certificate_expires_is_refused_and_comes_back_with_new_files(tmp_path: Path) -> None:
    with Grid(tmp_path, GridSpec(agents=1, with_tls=True, heartbeat_seconds=0.3, with_admin=False)) as grid:
        assert grid.tls is not None
        agent = grid.agents["agent-1"]
        node = grid.cli.spawn()
        grid.wait_node(node.node_id, "running")
        pids = grid.pids()
        grid.tls.ca_key.rename(grid.tls.ca_key.with_suffix(".away"))  # the master can't renew certificates
        grid.tls.issue(Role.AGENT, "agent-1", ends=timedelta(seconds=4))
        eventually(lambda: grid.agent_statuses() == {"agent-1": "offline"}, 30, "the expired agent offline")
        assert "the certificate of agent agent-1 expired at" in agent.log_text()
        lines = len(agent.log_text().splitlines())
        assert grid.pids() == pids
        assert len(agent.log_text().splitlines()) < lines + 5
        grid.tls.issue(Role.AGENT, "agent-1")
        grid.wait_agents("healthy")
        grid.wait_node(node.node_id, "running")
        assert grid.pids() == pids
