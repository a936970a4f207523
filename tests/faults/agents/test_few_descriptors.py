"""An agent whose descriptors run out claims nothing that it can't see, and goes on when there are some again."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from support.harness.agent_harness import AgentHarness, is_alive, kill_now, refusal_of
from support.harness.processes import kill_and_wait, processes_below
from support.waiting import eventually, throughout

from sutra_grid.core.types import Desired, Health, NodeState, Reason

pytestmark = pytest.mark.e2e

NONE_FREE = 3
"""Below every descriptor but the standard ones: nothing can be opened, and what is open stays open."""


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[AgentHarness]:
    harness = AgentHarness(tmp_path / "home").start()
    try:
        yield harness
    finally:
        harness.kill()
        kill_and_wait(processes_below(tmp_path / "home"))


@contextmanager
def without_descriptors(agent: AgentHarness) -> Iterator[psutil.Process]:
    """The process of the agent can't open anything in the context."""
    pid = agent.daemon.pid
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (NONE_FREE, before[1]))
    try:
        yield psutil.Process(pid)
    finally:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, before)


def cpu_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def test_healthy_nodes_stay_healthy_and_a_crashed_one_comes_back_when_files_can_be_opened(agent: AgentHarness) -> None:
    steady, crashing = agent.run("node-1"), agent.run("node-2")
    agent.wait_for("node-1", lambda report: report.health is Health.HEALTHY)
    agent.wait_for("node-2", lambda report: report.health is Health.HEALTHY)
    with without_descriptors(agent) as process:
        kill_now(crashing.pid)
        waiting = agent.wait_for("node-2", lambda report: report.reason is Reason.LIMIT_REACHED)
        assert "open files" in waiting.message
        refusal = refusal_of(lambda: agent.run("node-3"))
        assert refusal.reason is Reason.LIMIT_REACHED, refusal
        used = cpu_seconds(process)

        def nothing_is_claimed() -> bool:
            one, other = agent.reports()["node-1"], agent.reports()["node-2"]
            steady_is_healthy = (one.pid, one.state, one.health) == (steady.pid, NodeState.RUNNING, Health.HEALTHY)
            return steady_is_healthy and other.state is not NodeState.FAILED

        throughout(nothing_is_claimed, 4.0, "the agent claims what it can't see")  # more failures than max_crashes
        assert cpu_seconds(process) - used < 2.0, "the agent spins"
    again = agent.wait_for("node-2", NodeState.RUNNING)
    assert is_alive(again.pid)
    assert agent.run("node-3").state is NodeState.RUNNING
    pids = {report.pid for report in agent.reports().values()}
    assert pids == {pid for pid in processes_below(agent.home) if pid != agent.daemon.pid}


@pytest.mark.soak
def test_a_stop_without_descriptors_is_done_when_the_agent_has_looked_for_leftovers(agent: AgentHarness) -> None:
    running, other = agent.run("node-1"), agent.run("node-2")
    with without_descriptors(agent):
        agent.want("node-1", Desired.STOPPED, timeout_seconds=1.0)
        stopping = agent.wait_for("node-1", lambda report: report.reason is Reason.LIMIT_REACHED)
        assert (stopping.state, stopping.pid) == (NodeState.STOPPING, 0), "nobody can say that nothing is left"
        assert "open files" in stopping.message
        assert not is_alive(running.pid)
        assert is_alive(other.pid)
    agent.wait_for("node-1", NodeState.STOPPED)
    eventually(lambda: agent.journaled("node-1").assignment.desired is Desired.STOPPED, message="journaled")
    agent.kill()
    agent.start()
    reports = agent.reports()
    assert (reports["node-1"].state, reports["node-2"].pid) == (NodeState.STOPPED, other.pid)
