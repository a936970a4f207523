"""An agent whose heartbeats arrive and that the master can't call back: told with the cause, and spared by spawns."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import toml
from support.faults.fault_proxy import FaultProxy
from support.faults.namespaces import cable_or_skip
from support.harness.daemons import write_config
from support.harness.grid import Grid, GridSpec
from support.texts import has_line, mentions
from support.waiting import eventually

from sutra_grid.wire import grid_pb2 as pb

pytestmark = pytest.mark.e2e

MASTER_PORT, AGENT_PORT = 7000, 7001


@pytest.fixture(scope="module")
def grid(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Grid]:
    with Grid(tmp_path_factory.mktemp("grid"), GridSpec(agents=2, heartbeat_seconds=0.2)) as grid:
        yield grid


@contextmanager
def configured(grid: Grid, **keys: str) -> Iterator[None]:
    """agent-1 restarted with these keys of [agent]; afterwards as it was, and reached again."""
    agent = grid.agents["agent-1"]
    before = agent.config.read_text()
    try:
        config = toml.loads(before)
        config["agent"] |= keys
        write_config(agent.config, config)
        agent.stop()
        agent.start()  # its own port may be elsewhere now, so the harness can't wait for it
        yield
    finally:
        agent.config.write_text(before)
        agent.stop()
        agent.start()
        agent.wait_ready()
        eventually(lambda: grid.agent().reachability == "reachable", 20, message="reached again")


def eventually_unreachable(grid: Grid, reason: str) -> pb.AgentRecord:
    def record() -> pb.AgentRecord | None:
        found = grid.agent()
        return found if (found.reachability, found.reachability_reason) == ("unreachable", reason) else None

    found = eventually(record, 25, message=f"agent-1 unreachable: {reason}")
    assert found is not None
    return found


def test_an_agent_that_advertises_an_address_where_nothing_listens_is_told_everywhere(grid: Grid) -> None:
    with configured(grid, advertise="127.0.0.77"):
        record = eventually_unreachable(grid, "connection_refused")
        assert record.status == "healthy", "its heartbeats arrive"
        listed = grid.cli.run("-o", "table", "agents", "list").stdout
        assert has_line(listed, "agent-1", "healthy,unreachable")
        shown = grid.cli.run("-o", "table", "agents", "show", "agent-1").stdout
        assert has_line(shown, "Reached", "no", "connection_refused", "127.0.0.77", "[agent] advertise")
        (event,) = grid.events(kind="agent.unreachable")[-1:]
        assert (event.agent_id, event.reason) == ("agent-1", "connection_refused")

        def seen_by_admin() -> bool:
            answer = grid.http.get("/agents/agent-1").json
            return (answer["reachability"], answer["reachability_reason"]) == ("unreachable", "connection_refused")

        eventually(seen_by_admin, message="the admin's JSON")
        assert b"\nsutra_grid_agents_unreachable 1.0\n" in grid.http.get("/metrics").body
        assert b"call it back" in grid.http.get("/ui/agents").body

        spawned = grid.stub.SpawnStorageNode(pb.SpawnRequest(), timeout=20)
        assert (spawned.success, spawned.node.agent_id) == (True, "agent-2")
        named = grid.stub.SpawnStorageNode(pb.SpawnRequest(agent_id="agent-1"), timeout=20)
        assert (named.success, named.error.reason) == (False, "agent_unreachable")
        grid.grpc.remove(spawned.node_id)
    assert [event.agent_id for event in grid.events(kind="agent.reachable")] == ["agent-1"]


@pytest.mark.soak
def test_a_name_that_the_master_can_not_resolve_is_told(grid: Grid) -> None:
    with configured(grid, advertise="no-such-host.invalid"):
        record = eventually_unreachable(grid, "unresolvable_name")
        assert mentions(record.reachability_message, "no-such-host.invalid")


@pytest.mark.soak
def test_another_agent_that_answers_there_is_told(grid: Grid) -> None:
    port = grid.agent_address("agent-2").rpartition(":")[2]
    with configured(grid, listen=f"127.0.0.78:{port}", advertise="127.0.0.1"):
        record = eventually_unreachable(grid, "wrong_agent")
        assert mentions(record.reachability_message, "agent-2", f"127.0.0.1:{port}")


@pytest.mark.soak
def test_an_agent_behind_an_address_that_swallows_connections_is_told(tmp_path: Path) -> None:
    """As behind NAT: the agent reaches the master, and what is sent to its advertised address gets no answer."""
    with ExitStack() as stack:
        cable = stack.enter_context(cable_or_skip())
        left, right = cable.left, cable.right
        left.namespace.ip("route", "add", "10.232.0.0/24", "via", right.address)
        spec = GridSpec(
            with_admin=False,
            heartbeat_seconds=0.2,
            run_in={"master": left.namespace.run_in, "agent-1": right.namespace.run_in},
            master_extra={"master": {"listen": f"0.0.0.0:{MASTER_PORT}"}},
            extra={
                "agent": {
                    "listen": f"0.0.0.0:{AGENT_PORT}",
                    "advertise": "10.232.0.7",
                    "master_host": f"{left.address}:{MASTER_PORT}",
                }
            },
        )
        grid = Grid(tmp_path, spec)
        for end, address, port in (
            (left, grid.master_address, MASTER_PORT),
            (right, grid.agent_address("agent-1"), AGENT_PORT),
        ):
            host, _, near = address.rpartition(":")
            proxy = FaultProxy(("127.0.0.1", port), host=host, port=int(near), make_socket=end.namespace.make_socket)
            stack.enter_context(proxy)
        stack.enter_context(grid)
        record = eventually_unreachable(grid, "timed_out")
        assert mentions(record.reachability_message, "10.232.0.7:7001")
        refused = grid.stub.SpawnStorageNode(pb.SpawnRequest(), timeout=20)
        assert (refused.success, refused.error.reason) == (False, "no_agent_available")
        assert mentions(refused.error_message, "10.232.0.7:7001", "firewall")


@pytest.mark.soak
def test_an_agent_with_the_default_listen_is_not_taken_for_the_one_at_the_masters_loopback(tmp_path: Path) -> None:
    """agent-2 runs on the master's host, agent-1 on another one; both listen on 127.0.0.1:7001, the default."""
    with ExitStack() as stack:
        cable = stack.enter_context(cable_or_skip())
        left, right = cable.left.namespace, cable.right.namespace
        places = {"master": left, "agent-1": right, "agent-2": left}
        spec = GridSpec(
            agents=2,
            with_admin=False,
            heartbeat_seconds=0.2,
            run_in={name: place.run_in for name, place in places.items()},
            master_extra={"master": {"listen": f"0.0.0.0:{MASTER_PORT}"}},
            extra={
                "agent": {
                    "listen": f"127.0.0.1:{AGENT_PORT}",
                    "master_host": f"{cable.left.address}:{MASTER_PORT}",
                }
            },
        )
        grid = Grid(tmp_path, spec)
        for name, place in places.items():
            address = grid.master_address if name == "master" else grid.agent_address(name)
            host, _, near = address.rpartition(":")
            target = ("127.0.0.1", MASTER_PORT if name == "master" else AGENT_PORT)
            stack.enter_context(FaultProxy(target, host=host, port=int(near), make_socket=place.make_socket))
        stack.enter_context(grid)
        record = eventually_unreachable(grid, "wrong_agent")
        assert mentions(record.reachability_message, "agent-2", f"127.0.0.1:{AGENT_PORT}")
        assert has_line(grid.cli.run("-o", "table", "agents", "list").stdout, "agent-1", "healthy,unreachable")
        assert has_line(grid.agents["agent-1"].log_text(), "WARNING", "agent.listen", "call it back")
        spawned = grid.stub.SpawnStorageNode(pb.SpawnRequest(), timeout=20)
        assert (spawned.success, spawned.node.agent_id) == (True, "agent-2")
        named = grid.stub.SpawnStorageNode(pb.SpawnRequest(agent_id="agent-1"), timeout=20)
        assert not named.success
        grid.grpc.remove(spawned.node_id)
