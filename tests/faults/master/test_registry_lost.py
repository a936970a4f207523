"""The registry's file is deleted, or replaced by an older copy: agents and nodes run on, and the view comes back."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from support.faults.registry_files import back_up_registry, delete_registry
from support.harness.grid import PATIENT, Grid, GridSpec
from support.harness.interfaces import NodeView, Refused
from support.harness.processes import kill_and_wait
from support.values import registry_errors
from support.waiting import eventually

from sutra_grid.wire import grid_pb2 as pb

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def grid(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Grid]:
    with Grid(tmp_path_factory.mktemp("grid"), GridSpec(agents=2, heartbeat_seconds=0.2, master_extra=PATIENT)) as grid:
        for agent_id in ("agent-1", "agent-2", "agent-1", "agent-2"):
            grid.grpc.spawn(agent_id)
        yield grid


def as_they_are(grid: Grid) -> dict[str, tuple[object, ...]]:
    nodes = grid.stub.ListStorageNodes(pb.ListNodesRequest(), timeout=10).nodes
    return {n.node_id: (n.status, n.pid, n.desired, n.generation, n.endpoint, n.spec.storage_path) for n in nodes}


def in_the_registry(grid: Grid) -> dict[str, int]:
    """The generation of each node, as the file has it."""
    with sqlite3.connect(grid.registry) as connection:
        rows = dict(connection.execute("SELECT node_id, generation FROM nodes").fetchall())
    connection.close()
    return rows


def made_anew(grid: Grid, after_event_id: int) -> pb.Event:
    """Wait until the master uses the file that it recreated; what it tells of that.

    The file is there some time before: until its directory is synced, the master still refuses.
    """

    def told() -> list[pb.Event]:
        try:
            return grid.events(kind="registry.refilled", after_event_id=after_event_id)
        except grpc.RpcError as error:
            if error.code() is not grpc.StatusCode.UNAVAILABLE:
                raise
            return []

    [event] = eventually(told, message="the registry recreated, and told")
    return event


def restart_node(grid: Grid) -> NodeView:
    """Raise the generation of a running node."""
    return grid.grpc.restart(next(view.node_id for view in grid.grpc.nodes() if view.status == "running"))


def commands_work_again(grid: Grid) -> None:
    node = next(view for view in grid.grpc.nodes() if view.status == "running")

    def stopped() -> bool:
        try:
            return grid.grpc.stop(node.node_id).status == "stopped"
        except Refused:
            return False

    eventually(stopped, message="a command succeeds again")
    assert grid.grpc.start(node.node_id).status == "running"


def test_deleted_while_the_master_is_down_it_is_filled_by_the_agents(grid: Grid) -> None:
    restart_node(grid)
    before, running = as_they_are(grid), grid.processes()
    grid.master.kill()
    delete_registry(grid.registry)
    grid.master.start()
    grid.master.wait_ready()
    grid.wait_agents("healthy")
    eventually(lambda: as_they_are(grid) == before, message="every node as it was")
    assert grid.processes() == running
    assert [event.kind for event in grid.events(kind="node.taken_over")] == ["node.taken_over"] * len(before)
    # The admin had the deleted file open; it answers from the new one without a restart.
    eventually(lambda: {view.node_id for view in grid.rest.nodes()} == set(running), message="the admin follows")
    commands_work_again(grid)
    taken_over = grid.grpc.nodes()[0].node_id
    grid.grpc.remove(taken_over)
    assert taken_over not in grid.processes()


def test_deleted_under_the_running_master_it_is_recreated_from_memory_without_a_restart(grid: Grid) -> None:
    removed = grid.grpc.spawn("agent-1").node_id
    grid.grpc.remove(removed)
    restart_node(grid)
    grid.stub.DrainAgent(pb.AgentId(agent_id="agent-2"), timeout=10)
    stopped = grid.grpc.stop(next(view.node_id for view in grid.grpc.nodes() if view.agent_id == "agent-2"))
    before, running, master = as_they_are(grid), grid.processes(), grid.master.pid
    last_event_id = grid.events()[-1].event_id
    delete_registry(grid.registry)

    with pytest.raises(Refused, match=registry_errors.DELETED) as refused:
        grid.grpc.start(stopped.node_id)
    assert (refused.value.code, refused.value.reason) == ("unavailable", "registry_unavailable")
    assert refused.value.hint
    assert grid.http.get("/nodes").status == 503
    assert set(grid.agent_statuses().values()) == {"healthy"}

    event = made_anew(grid, last_event_id)
    assert event.reason == "registry_lost"
    assert grid.processes() == running
    assert as_they_are(grid) == before
    assert in_the_registry(grid) == {node_id: row[3] for node_id, row in before.items()}
    eventually(lambda: {view.node_id for view in grid.rest.nodes()} == set(before), message="the admin follows")
    assert grid.agent("agent-2").drained
    with sqlite3.connect(grid.registry) as connection:
        assert connection.execute("SELECT count(*) FROM tombstones WHERE node_id = ?", (removed,)).fetchone() == (1,)
    connection.close()
    assert set(grid.agent_statuses().values()) == {"healthy"}
    assert not grid.events(kind="agent.degraded", after_event_id=last_event_id)
    commands_work_again(grid)
    grid.stub.UndrainAgent(pb.AgentId(agent_id="agent-2"), timeout=10)
    assert grid.grpc.start(stopped.node_id).status == "running"
    assert grid.master.pid == master
    assert not list(grid.root.glob("*.filling*"))


def test_a_recreated_registry_outlives_the_master(grid: Grid) -> None:
    before = as_they_are(grid)
    grid.master.kill()
    grid.master.start()
    grid.master.wait_ready()
    eventually(lambda: as_they_are(grid) == before, message="every node as it was")


@pytest.mark.parametrize("master_runs", [True, False], ids=["under the running master", "between stop and start"])
def test_an_older_copy_gives_way_to_what_came_after_it(grid: Grid, tmp_path: Path, master_runs: bool) -> None:
    doomed = grid.grpc.spawn("agent-1").node_id
    copy = back_up_registry(grid.registry, tmp_path / "copy.db")
    grid.grpc.remove(doomed)
    restart_node(grid)
    spawned = grid.grpc.spawn("agent-2").node_id
    stopped = next(view.node_id for view in grid.grpc.nodes() if view.node_id != spawned and view.agent_id == "agent-2")
    grid.grpc.stop(stopped)
    before, running, master = as_they_are(grid), grid.processes(), grid.master.pid
    last_event_id = grid.events()[-1].event_id
    if master_runs:
        copy.replace(grid.registry)  # the log of the lost one stays beside it
        replaced = grid.registry.stat().st_ino
        with pytest.raises(Refused, match=registry_errors.REPLACED):
            grid.grpc.start(stopped)
        made_anew(grid, last_event_id)
        assert grid.registry.stat().st_ino != replaced
        assert grid.master.pid == master
    else:
        grid.master.kill()
        delete_registry(grid.registry)
        copy.replace(grid.registry)
        grid.master.start()
        grid.master.wait_ready()
        grid.wait_agents("healthy")

    expected = {node_id: row[3] for node_id, row in before.items()}
    eventually(lambda: in_the_registry(grid) == expected, message="the newer generations in the file")
    eventually(lambda: as_they_are(grid) == before, message="every node as it was")  # memory follows the file
    assert doomed not in in_the_registry(grid)
    assert grid.processes() == running
    commands_work_again(grid)
    grid.grpc.remove(spawned)
    grid.grpc.start(stopped)


def test_a_command_on_an_older_copy_is_done_by_an_agent_that_was_away(grid: Grid, tmp_path: Path) -> None:
    node_id = grid.grpc.spawn("agent-2").node_id
    agent = grid.agents["agent-2"]
    copy = back_up_registry(grid.registry, tmp_path / "copy.db")
    for _ in range(3):
        pid = grid.grpc.restart(node_id).pid
    agent.kill()
    grid.master.kill()
    delete_registry(grid.registry)
    copy.replace(grid.registry)
    grid.master.start()
    grid.master.wait_ready()
    with pytest.raises(Refused) as recorded:
        grid.grpc.stop(node_id)
    assert recorded.value.reason in {"agent_offline", "agent_unreachable"}
    assert grid.pids()[node_id] == pid

    agent.start()
    agent.wait_ready()

    eventually(lambda: node_id not in grid.processes(), message="stopped by the agent that came back")
    grid.wait_node(node_id, "stopped")
    grid.grpc.remove(node_id)


def test_a_node_that_is_killed_while_the_registry_is_away_is_restarted_and_told(grid: Grid) -> None:
    victim = next(view for view in grid.grpc.nodes() if view.status == "running")
    last_event_id = grid.events()[-1].event_id
    delete_registry(grid.registry)
    kill_and_wait([victim.pid])
    eventually(lambda: grid.pids().get(victim.node_id, victim.pid) != victim.pid, message="restarted by its agent")
    made_anew(grid, last_event_id)
    eventually(
        lambda: grid.events(kind="node.restarted", node_id=victim.node_id, after_event_id=last_event_id),
        message="its restart among the events",
    )
