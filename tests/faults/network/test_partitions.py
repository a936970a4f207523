"""Master and agent in two network namespaces; the cable between them is cut in every way, and joined again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.faults.fault_proxy import FaultProxy
from support.faults.namespaces import Cable, cable_or_skip
from support.harness.grid import Grid, GridSpec
from support.harness.interfaces import NodeView, Refused
from support.waiting import eventually

pytestmark = pytest.mark.e2e

MASTER_PORT = 7000
AGENT_PORT = 7001
COMMAND_SECONDS = 4.0
HEAL_SECONDS = 15.0
"""A connection attempt takes at most 5 s, and TCP repeats what was lost after 6.4 s at the latest here."""


@dataclass(frozen=True, slots=True)
class Split:
    """A grid whose master is at the left end of a cable, and its agent with the nodes at the right one."""

    grid: Grid
    cable: Cable

    def lose_what_the_master_sends(self) -> None:
        self.cable.lose(self.cable.left)

    def lose_what_the_agent_sends(self) -> None:
        self.cable.lose(self.cable.right)


@contextmanager
def split_grid(root: Path, *, with_tls: bool = False) -> Iterator[Split]:
    with ExitStack() as stack:
        cable = stack.enter_context(cable_or_skip())
        left, right = cable.left, cable.right
        spec = GridSpec(
            with_admin=False,
            with_tls=with_tls,
            run_in={"master": left.namespace.run_in, "agent-1": right.namespace.run_in},
            master_extra={
                "master": {"listen": f"0.0.0.0:{MASTER_PORT}", "command_timeout_secs": COMMAND_SECONDS},
            },
            extra={
                "agent": {
                    "listen": f"0.0.0.0:{AGENT_PORT}",
                    "advertise": right.address,
                    "master_host": f"{left.address}:{MASTER_PORT}",
                },
                "storage": {"tls": with_tls},
            },
        )
        grid = Grid(root, spec)
        # This process is in neither namespace; what it asks master and agent goes by loopback, whatever the cable does.
        for end, address, port in (
            (left, grid.master_address, MASTER_PORT),
            (right, grid.agent_address("agent-1"), AGENT_PORT),
        ):
            host, _, near = address.rpartition(":")
            proxy = FaultProxy(("127.0.0.1", port), host=host, port=int(near), make_socket=end.namespace.make_socket)
            stack.enter_context(proxy)
        stack.enter_context(grid)
        yield Split(grid, cable)


@pytest.fixture(scope="module")
def split(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Split]:
    with split_grid(tmp_path_factory.mktemp("grid")) as made:
        yield made


@pytest.fixture
def node(split: Split) -> Iterator[NodeView]:
    """A node that runs; afterwards nothing of the test is left in the grid."""
    node = split.grid.grpc.spawn("agent-1")
    yield node
    split.cable.join()
    split.grid.wait_agents("healthy")
    for left in split.grid.grpc.nodes():
        split.grid.grpc.remove(left.node_id)


CUTS = pytest.mark.parametrize(
    "cut",
    [
        pytest.param(lambda split: split.cable.cut(), id="both ways"),
        pytest.param(lambda split: split.cable.unplug(), id="link down"),
        pytest.param(Split.lose_what_the_agent_sends, id="agent to master"),
        pytest.param(Split.lose_what_the_master_sends, id="master to agent"),
    ],
)


@CUTS
def test_a_partition_hides_the_nodes_and_one_heartbeat_heals_it(
    split: Split, node: NodeView, cut: Callable[[Split], None]
) -> None:
    cut_and_heal(split, node, cut)


@pytest.mark.soak
def test_with_mutual_tls_a_partition_is_healed_by_one_heartbeat_too(tmp_path: Path) -> None:
    with split_grid(tmp_path, with_tls=True) as closed:
        assert closed.grid.tls is not None
        node = closed.grid.grpc.spawn("agent-1")
        for cut in (lambda split: split.cable.cut(), Split.lose_what_the_agent_sends, Split.lose_what_the_master_sends):
            cut_and_heal(closed, node, cut)
        assert closed.grid.grpc.stop(node.node_id).status == "stopped"


def cut_and_heal(split: Split, node: NodeView, cut: Callable[[Split], None]) -> None:
    grid, interval = split.grid, split.grid.spec.heartbeat_seconds
    pids, cursor = grid.pids(), grid.events()[-1].event_id

    cut(split)
    since = time.monotonic()
    eventually(lambda: grid.agent().status == "degraded", message="degraded")
    degraded_after = time.monotonic() - since
    eventually(lambda: grid.agent().status == "offline", message="offline")
    offline_after = time.monotonic() - since
    record, hidden, cluster = grid.agent(), grid.grpc.show(node.node_id), grid.grpc.cluster()
    pids_in_between = grid.pids()
    split.cable.join()
    grid.wait_agents("healthy", HEAL_SECONDS)
    healed = grid.grpc.show(node.node_id)

    assert 2 * interval <= degraded_after <= 8 * interval
    assert 5 * interval <= offline_after <= 12 * interval
    assert (record.reason, hidden.status, cluster) == ("missed_heartbeats", "unknown", "critical")
    assert pids_in_between == pids
    assert (healed.status, healed.pid, healed.restarts) == ("running", node.pid, 0)
    assert grid.pids() == pids
    events = [event.kind for event in grid.events(after_event_id=cursor)]
    assert events == ["agent.degraded", "agent.offline", "agent.recovered"]


@pytest.mark.parametrize(
    "cut",
    [
        pytest.param(lambda split: split.cable.cut(), id="both ways"),
        pytest.param(Split.lose_what_the_agent_sends, id="answers lost"),
    ],
)
def test_what_is_commanded_during_a_partition_is_recorded_and_done_when_it_is_healed(
    split: Split, node: NodeView, cut: Callable[[Split], None]
) -> None:
    grid = split.grid
    cut(split)
    since = time.monotonic()
    with pytest.raises(Refused) as stop:
        grid.grpc.stop(node.node_id)
    took = time.monotonic() - since
    eventually(lambda: grid.agent().status == "offline", message="offline")
    with pytest.raises(Refused) as spawn:
        grid.grpc.spawn("agent-1")
    with pytest.raises(Refused) as remove:
        grid.grpc.remove(node.node_id)

    assert took <= COMMAND_SECONDS + 1
    assert stop.value.reason in {"agent_unreachable", "agent_offline"}

    assert spawn.value.reason == "agent_offline"
    assert remove.value.reason == "agent_offline"

    split.cable.join()
    grid.wait_agents("healthy", HEAL_SECONDS)
    eventually(lambda: not grid.pids() and not grid.grpc.nodes(), message="the node removed, and nothing else there")


def test_a_spawn_into_a_partition_fails_in_time_and_leaves_no_process(split: Split, node: NodeView) -> None:
    grid = split.grid
    # The assignment arrives and the node starts, but its answer is lost.
    split.lose_what_the_agent_sends()
    since = time.monotonic()
    with pytest.raises(Refused) as spawn:
        grid.grpc.spawn("agent-1")
    took = time.monotonic() - since
    split.cable.join()
    grid.wait_agents("healthy", HEAL_SECONDS)

    assert took <= COMMAND_SECONDS + 1
    assert spawn.value.reason in {"agent_unreachable", "agent_offline"}
    eventually(lambda: grid.pids() == {node.node_id: node.pid}, message="only the first node runs")
    eventually(lambda: [one.node_id for one in grid.grpc.nodes()] == [node.node_id], message="only it is recorded")
    assert grid.grpc.show(node.node_id).restarts == 0
