"""A file system that is really full: a small tmpfs as the data path of a real agent."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.agent_harness import AgentHarness, is_alive, kill_now, refusal_of
from support.small_disks import fill, small_disk

from sutra_grid.core.types import Desired, NodeState, Reason


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[AgentHarness]:
    with small_disk(tmp_path / "home" / "data", "2m"):
        harness = AgentHarness(tmp_path / "home").start()
        yield harness
        for report in harness.reports().values() if harness.daemon.is_running else ():
            harness.want(report.node_id, Desired.ABSENT)
        harness.kill()


def test_on_a_full_disk_no_node_is_made_and_running_ones_reports_and_stops_go_on(agent: AgentHarness) -> None:
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
    agent.kill()
    agent.start()
    assert agent.reports()["node-2"].pid == other.pid


def test_a_node_that_ends_on_a_full_disk_comes_back_when_there_is_room(agent: AgentHarness) -> None:
    running = agent.run("node-1")
    filler = fill(agent.data)
    kill_now(running.pid)
    waiting = agent.wait_for("node-1", lambda one: one.reason is Reason.DISK_FULL)
    assert waiting.pid == 0
    filler.unlink()
    assert agent.wait_for("node-1", NodeState.RUNNING).pid != running.pid
