"""Three agents with nine nodes: what a small team runs."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Iterator

import pytest
from support.harness.grid import Grid, GridSpec
from support.harness.interfaces import Interface, NodeView, Refused, what_runs
from support.waiting import eventually

from sutra_grid.wire import grid_pb2 as pb


@pytest.fixture(scope="module")
def grid(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Grid]:
    with Grid(tmp_path_factory.mktemp("grid"), GridSpec(agents=3, max_storage_nodes=3)) as grid:
        for _ in range(9):
            grid.grpc.spawn()
        yield grid


def test_nodes_without_a_named_agent_are_spread_by_free_slots(grid: Grid) -> None:
    assert Counter(view.agent_id for view in grid.grpc.nodes()) == {"agent-1": 3, "agent-2": 3, "agent-3": 3}


def test_every_node_is_one_process_on_a_port_and_a_path_of_its_own(grid: Grid) -> None:
    nodes = grid.grpc.nodes()

    assert grid.pids() == {view.node_id: view.pid for view in nodes}
    assert len({view.endpoint for view in nodes}) == len({view.storage_path for view in nodes}) == 9
    assert all(view.status == "running" for view in nodes)


def test_every_face_counts_the_same(grid: Grid) -> None:
    def by_id(interface: Interface) -> list[NodeView]:
        return sorted(interface.nodes(), key=lambda view: view.node_id)

    cluster = grid.stub.GetClusterStatus(pb.Empty())
    assert (cluster.total_agents, cluster.healthy_agents) == (3, 3)
    assert (cluster.total_storage_nodes, cluster.running_storage_nodes) == (9, 9)
    assert cluster.status == "healthy"
    eventually(lambda: by_id(grid.grpc) == by_id(grid.rest) == by_id(grid.cli), message="the same nodes")
    eventually(lambda: grid.rest.cluster() == grid.cli.cluster() == "healthy", message="healthy on every interface")


def test_no_node_fits_beyond_the_slots(grid: Grid) -> None:
    for agent_id in ("", "agent-2"):
        with pytest.raises(Refused) as refusal:
            grid.grpc.spawn(agent_id)
        assert refusal.value.reason in {"slots_full", "no_agent_available"}
        assert refusal.value.hint
    assert len(grid.processes()) == 9


def test_nodes_of_a_lost_agent_are_unknown_and_never_started_elsewhere(grid: Grid) -> None:
    running = grid.processes()
    lost = grid.agents["agent-2"]

    lost.signal(signal.SIGSTOP)
    eventually(lambda: grid.agent_statuses().get("agent-2") == "offline", message="offline")
    statuses = {(view.agent_id, view.status) for view in grid.grpc.nodes()}
    cluster = grid.grpc.cluster()
    during = grid.processes()
    lost.signal(signal.SIGCONT)
    grid.wait_agents("healthy")

    assert statuses == {("agent-1", "running"), ("agent-2", "unknown"), ("agent-3", "running")}
    assert cluster == "degraded"
    assert during == running == grid.processes()


def test_a_command_for_an_agent_that_is_offline_is_told_to_be_recorded_and_done_when_it_is_back(grid: Grid) -> None:
    node = next(view for view in grid.grpc.nodes() if view.agent_id == "agent-3")
    agent = grid.agents["agent-3"]
    agent.stop()
    eventually(lambda: grid.agent_statuses().get("agent-3") == "offline", message="offline")

    with pytest.raises(Refused, match="agent-3") as refusal:
        grid.grpc.restart(node.node_id)
    assert (refusal.value.code, refusal.value.reason) == ("unavailable", "agent_offline")
    assert grid.pids()[node.node_id] == node.pid

    agent.start()
    agent.wait_ready()
    grid.wait_agents("healthy")
    eventually(lambda: grid.grpc.show(node.node_id).pid not in {0, node.pid}, message="restarted")
    grid.wait_node(node.node_id, "running")


def test_a_retried_spawn_with_the_same_request_id_is_the_same_node(grid: Grid) -> None:
    spare = grid.grpc.nodes()[0]
    grid.grpc.remove(spare.node_id)
    request = pb.SpawnRequest(agent_id=spare.agent_id, request_id="once-and-only-once")

    first = grid.stub.SpawnStorageNode(request, timeout=30)
    again = grid.stub.SpawnStorageNode(request, timeout=30)

    assert first.success, first.error_message
    assert again.node_id == first.node_id
    assert len(grid.processes()) == 9


def test_everything_stopped_and_started_again_is_the_same_grid(grid: Grid) -> None:
    before = what_runs(grid.grpc.nodes())
    running = grid.processes()

    for daemon in grid.daemons:
        assert daemon.stop() == 0, f"{daemon.name} ended badly:\n{daemon.log_tail()}"
    assert grid.processes() == running
    for daemon in grid.daemons:
        daemon.start()
    for daemon in grid.daemons:
        daemon.wait_ready()
    grid.wait_agents("healthy")

    eventually(lambda: what_runs(grid.grpc.nodes()) == before, message="the same nodes")
    assert grid.processes() == running
