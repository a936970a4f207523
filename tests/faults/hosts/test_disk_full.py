"""The disk of an agent is really full: a small tmpfs under its data and its state."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.faults.tmpfs import fill, small_disk
from support.harness.agent_harness import AgentHarness, is_alive, kill_now, refusal_of
from support.harness.grid import Grid, GridSpec
from support.harness.processes import kill_and_wait, processes_below
from support.texts import tries_in
from support.waiting import eventually

from sutra_grid.core.types import Desired, NodeState, Reason
from sutra_grid.wire import grid_pb2 as pb

pytestmark = pytest.mark.e2e


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[AgentHarness]:
    home = tmp_path / "home"
    with small_disk(home / "data", size_mb=2):
        harness = AgentHarness(home).start()
        try:
            yield harness
        finally:
            harness.kill()
            kill_and_wait(processes_below(home))


def test_on_a_full_disk_nothing_new_is_spawned_and_nodes_heartbeats_and_stops_go_on(tmp_path: Path) -> None:
    disk = tmp_path / "agent-1"
    reserve = {"storage": {"disk_reserve_mb": 0}}
    with (
        small_disk(disk, size_mb=64),
        Grid(tmp_path, GridSpec(heartbeat_seconds=1.0, with_admin=False, extra=reserve)) as grid,
    ):
        kept, stopped = grid.grpc.spawn("agent-1"), grid.grpc.spawn("agent-1")
        with grid.kv(kept) as kv:
            kv.put("colour", "green")
        cursor = grid.events()[-1].event_id

        filler = fill(disk)
        refused = grid.stub.SpawnStorageNode(pb.SpawnRequest(agent_id="agent-1"), timeout=10)
        heartbeat = grid.agent().last_heartbeat
        eventually(lambda: grid.agent().last_heartbeat > heartbeat, message="heartbeats")
        view = grid.grpc.stop(stopped.node_id)

        assert (refused.success, refused.error.reason) == (False, "disk_full"), refused
        assert view.status == "stopped"
        assert grid.pids() == {kept.node_id: kept.pid}
        with grid.kv(kept) as kv:
            assert kv.get("colour") == "green"
        assert not [event for event in grid.events(after_event_id=cursor) if event.kind == "agent.degraded"]
        filler.unlink()
        again = grid.grpc.spawn("agent-1")
        assert grid.pids() == {kept.node_id: kept.pid, again.node_id: again.pid}


def test_an_agent_that_could_not_write_its_journal_writes_it_when_there_is_room(agent: AgentHarness) -> None:
    running, other = agent.run("node-1"), agent.run("node-2")
    filler = fill(agent.data)
    error = refusal_of(lambda: agent.run("node-3"))
    assert error.reason is Reason.DISK_FULL, error
    assert {one.pid for one in agent.reports().values()} == {running.pid, other.pid}
    assert agent.want("node-1", Desired.STOPPED).state is NodeState.STOPPED
    assert not is_alive(running.pid)
    assert is_alive(other.pid)
    filler.unlink()
    assert agent.run("node-3").state is NodeState.RUNNING
    eventually(lambda: agent.journaled("node-1").assignment.desired is Desired.STOPPED, message="what was owed written")
    agent.kill()
    agent.start()
    reports = agent.reports()
    assert (reports["node-1"].state, reports["node-2"].pid) == (NodeState.STOPPED, other.pid)


def test_a_node_that_ends_on_a_full_disk_comes_back_when_there_is_room(agent: AgentHarness) -> None:
    running = agent.run("node-1")
    filler = fill(agent.data)
    kill_now(running.pid)
    waiting = agent.wait_for("node-1", lambda one: one.reason is Reason.DISK_FULL)
    assert waiting.pid == 0
    crash_loop = agent.sections["restart"]["max_crashes"]
    agent.wait_for("node-1", lambda one: tries_in(one.message) > crash_loop and one.state is NodeState.STARTING)
    filler.unlink()
    assert agent.wait_for("node-1", NodeState.RUNNING).pid != running.pid
