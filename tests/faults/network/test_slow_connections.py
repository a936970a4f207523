"""Connections between master and agent that are slow, stall, are cut in the middle, or are open on one side only."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass

import grpc
import psutil
import pytest
from support.faults.fault_proxy import RESET, STALL, Fault, FaultProxy, Then
from support.harness.grid import Grid, GridSpec
from support.harness.interfaces import NodeView, Refused
from support.waiting import eventually

from sutra_grid.wire import grid_pb2 as pb

pytestmark = pytest.mark.e2e

COMMAND_SECONDS = 4.0
CALL_SECONDS = 5.0
"""After that an agent gives up a heartbeat."""
AGENT = "agent-1"
ROUNDS = 6
NEAR_AGENT = "127.0.0.2"
"""Where the master finds the agent: the proxy, on the agent's own port."""


@dataclass(frozen=True, slots=True)
class Proxied:
    """A grid whose connections between master and agent go through two proxies, named for where they lead."""

    grid: Grid
    to_master: FaultProxy
    to_agent: FaultProxy

    def heal(self) -> None:
        self.to_master.heal()
        self.to_agent.heal()

    def events_of_the_agent(self, after: int) -> list[str]:
        return [event.kind for event in self.grid.events(after_event_id=after, agent_id=AGENT, kind="agent")]


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxied]:
    with ExitStack() as stack:
        to_master = stack.enter_context(FaultProxy(("127.0.0.1", 0)))
        spec = GridSpec(
            with_admin=False,
            master_extra={"master": {"command_timeout_secs": COMMAND_SECONDS}},
            extra={"agent": {"master_host": to_master.address, "advertise": NEAR_AGENT}},
        )
        grid = Grid(tmp_path_factory.mktemp("grid"), spec)
        to_master.target = target_of(grid.master_address)
        host, port = target_of(grid.agent_address(AGENT))
        to_agent = stack.enter_context(FaultProxy((host, port), host=NEAR_AGENT, port=port))
        stack.enter_context(grid)
        yield Proxied(grid, to_master, to_agent)


def target_of(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    return host, int(port)


@pytest.fixture
def node(proxied: Proxied) -> Iterator[NodeView]:
    """A node that runs; afterwards nothing of the test is left in the grid."""
    node = proxied.grid.grpc.spawn(AGENT)
    yield node
    proxied.heal()
    proxied.grid.wait_agents("healthy")
    for left in proxied.grid.grpc.nodes():
        proxied.grid.grpc.remove(left.node_id)


@pytest.mark.soak
@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(Fault(delay_seconds=0.15), id="delayed"),
        pytest.param(Fault(bytes_per_second=8_000), id="throttled"),
    ],
)
def test_slow_connections_make_commands_slow_and_nobody_unwell(proxied: Proxied, node: NodeView, fault: Fault) -> None:
    grid, cursor = proxied.grid, proxied.grid.events()[-1].event_id
    proxied.to_master.set(fault)
    proxied.to_agent.set(fault)

    second = grid.grpc.spawn(AGENT)
    stopped = grid.grpc.stop(second.node_id)

    assert (second.status, stopped.status) == ("running", "stopped")
    assert grid.pids() == {node.node_id: node.pid}
    assert (grid.agent().status, proxied.events_of_the_agent(cursor)) == ("healthy", [])


@pytest.mark.parametrize(
    "fault", [pytest.param(STALL, id="accepted and never answered"), pytest.param(RESET, id="reset")]
)
def test_heartbeats_resume_when_the_way_to_the_master_works_again(
    proxied: Proxied, node: NodeView, fault: Fault
) -> None:
    grid, cursor = proxied.grid, proxied.grid.events()[-1].event_id

    proxied.to_master.set(fault)
    eventually(lambda: grid.agent().status == "offline", message="offline")
    hidden = grid.grpc.show(node.node_id).status
    proxied.heal()
    healed_at = time.monotonic()
    grid.wait_agents("healthy")

    assert time.monotonic() - healed_at <= CALL_SECONDS + 2
    assert hidden == "unknown"
    assert grid.wait_node(node.node_id, "running").pid == node.pid
    assert grid.pids() == {node.node_id: node.pid}
    assert proxied.events_of_the_agent(cursor) == ["agent.degraded", "agent.offline", "agent.recovered"]


def test_an_agent_leaves_a_connection_that_does_not_answer_for_a_new_one(proxied: Proxied, node: NodeView) -> None:
    grid = proxied.grid

    proxied.to_master.freeze_open_connections()
    eventually(lambda: grid.agent().status == "offline", message="offline")
    silent_since = time.monotonic()
    grid.wait_agents("healthy")

    assert time.monotonic() - silent_since <= CALL_SECONDS + 1, "it waited for the keepalive"
    assert grid.wait_node(node.node_id, "running").pid == node.pid


def test_the_master_leaves_a_connection_that_does_not_answer_for_a_new_one(proxied: Proxied, node: NodeView) -> None:
    grid = proxied.grid

    proxied.to_agent.freeze_open_connections()
    with pytest.raises(Refused) as stop:
        grid.grpc.stop(node.node_id)
    second = grid.grpc.spawn(AGENT)

    assert (stop.value.code, stop.value.reason) == ("deadline_exceeded", "agent_unreachable")
    assert second.status == "running"
    grid.wait_node(node.node_id, "stopped")
    assert grid.pids() == {second.node_id: second.pid}


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(STALL, id="never answered"),
        pytest.param(Fault(pass_bytes=60), id="stalled in the middle"),
        pytest.param(RESET, id="reset"),
        pytest.param(Fault(pass_bytes=60, then=Then.RESET), id="reset in the middle"),
    ],
)
def test_a_command_that_gets_no_answer_fails_in_time_and_leaves_nothing(
    proxied: Proxied, node: NodeView, fault: Fault
) -> None:
    grid = proxied.grid

    proxied.to_agent.set(fault)
    since = time.monotonic()
    with pytest.raises(Refused) as spawn:
        grid.grpc.spawn(AGENT)
    took = time.monotonic() - since
    proxied.heal()

    assert took <= COMMAND_SECONDS + 0.5
    assert spawn.value.reason == "agent_unreachable"
    assert AGENT in spawn.value.message
    assert spawn.value.hint
    eventually(lambda: grid.pids() == {node.node_id: node.pid}, message="only the first node runs")
    eventually(lambda: [one.node_id for one in grid.grpc.nodes()] == [node.node_id], message="only it is recorded")
    assert grid.agent().status == "healthy"


def test_lost_connections_leave_no_descriptor_and_no_thread_behind(proxied: Proxied, node: NodeView) -> None:
    grid = proxied.grid
    daemons = [psutil.Process(grid.master.pid), psutil.Process(grid.agents[AGENT].pid)]
    request = pb.LogRequest(node_id=node.node_id)

    def answers() -> bool:
        with suppress(grpc.RpcError):
            grid.stub.ReadNodeLog(request, timeout=0.5)
            return True
        return False

    def lose_all(fault: Fault) -> None:
        """Every connection is lost once; then the grid works again."""
        proxied.to_master.set(RESET)
        proxied.to_agent.set(fault)
        answers()
        proxied.heal()
        eventually(lambda: answers() and proxied.to_master.connections == 1, message="all connected again")

    def held() -> list[tuple[int, int]]:
        return [(process.num_fds(), process.num_threads()) for process in daemons]

    for fault in (RESET, STALL):
        lose_all(fault)
    before = held()
    for fault in (RESET, STALL) * ROUNDS:
        lose_all(fault)

    def returned() -> bool:
        return all(
            now <= then + ROUNDS // 2
            for held_now, held_then in zip(held(), before, strict=True)
            for now, then in zip(held_now, held_then, strict=True)
        )

    eventually(returned, message=f"descriptors and threads of master and agent as before, {before}")
