"""As process 1 of a pid namespace: a node ends while its agent is down, and a foreign process gets its pid.

Run by ``test_reused_pids``, with a directory. What is not as it must be is an ``AssertionError``.
"""

from __future__ import annotations

import json
import signal
import sys
from contextlib import closing
from pathlib import Path

from support.faults.foreign_process import ForeignProcess
from support.faults.pid_namespaces import give_next, reap
from support.harness.agent_harness import AgentHarness, kill_now
from support.programs.node_program import ran_twice, starts
from support.texts import mentions

from sutra_grid.agent.processes.identity import environment
from sutra_grid.agent.processes.launch_tag import LaunchTag
from sutra_grid.agent.processes.launcher import NotAttached, OsProcessLauncher
from sutra_grid.core.types import Assignment, Desired, NodeState, Reason

TRIES = 50  # a thread of the namespace may get the pid first; that of an ending group is free after its last member


def foreign_as(pid: int, notes: Path, dress: dict[str, str]) -> ForeignProcess:
    """A foreign process with that pid."""
    for number in range(TRIES):
        give_next(pid)
        foreign = ForeignProcess(notes.with_name(f"{notes.name}-{number}"), dress)
        if foreign.pid == pid:
            return foreign
        foreign.close()
    raise AssertionError(f"the pid {pid} was not given again in {TRIES} tries")


def agent_finds_a_foreign_process(home: Path) -> None:
    """The foreign process has all that the node had, its environment and its pid, but not its start."""
    agent = AgentHarness(home).start()
    first = agent.run("node-1")
    dress = dict(environment(first.pid) or {})
    agent.kill()
    kill_now(first.pid)
    reap(first.pid)
    with closing(foreign_as(first.pid, home / "signals", dress)) as foreign:
        agent.start()
        again = agent.wait_for("node-1", NodeState.RUNNING)
        assert (again.reason, again.restarts) == (Reason.LOST, 1), again
        assert starts(agent.data / "node-1") == [first.pid, again.pid]
        agent.want("node-1", Desired.RUNNING, restart=True)
        agent.want("node-1", Desired.STOPPED)
        agent.want("node-1", Desired.ABSENT)
        assert foreign.harm() == []
        assert not ran_twice(agent.data / "node-1")
    agent.kill()


def held_process_ends_and_its_pid_is_given_again(home: Path) -> None:
    """The pidfd of a process that ended means nobody else, whatever is sent: to it, or to the group that it led."""
    dress = {"SUTRA_GRID_LAUNCH": str(LaunchTag("a" * 32, "node-1", 1))}
    with closing(ForeignProcess(home / "first", dress)) as first:
        held = OsProcessLauncher().attach(first.identity(1))
    assert not isinstance(held, NotAttached)
    with closing(foreign_as(first.pid, home / "second", dress)) as second:
        for number in (signal.SIGTERM, signal.SIGKILL):
            held.send_signal(number)
            held.send_signal(number)
        assert held.poll() is not None
        assert isinstance(OsProcessLauncher().attach(held.identity), NotAttached)
        assert second.harm() == []
    held.close()


def container_runs_a_node(home: Path) -> None:
    """The first of two containers on one data directory. Whatever it runs ends with it."""
    first = AgentHarness(home).start().run("node-1")
    dress = dict(environment(first.pid) or {})
    (home / "first.json").write_text(json.dumps([first.pid, dress]))


def container_is_started_again(home: Path) -> None:
    """A new pid namespace of the same boot, in which a foreign process has the node's pid and environment."""
    first_pid, dress = json.loads((home / "first.json").read_text())
    assert not Path("/proc", str(first_pid)).exists()
    with closing(foreign_as(first_pid, home / "signals", dress)) as foreign:
        agent = AgentHarness(home).start()
        again = agent.wait_for("node-1", NodeState.RUNNING)
        assert (again.reason, again.restarts) == (Reason.LOST, 1), again
        assert mentions(again.message, first_pid, "another process has its pid now"), again.message
        assert starts(agent.data / "node-1") == [first_pid, again.pid]
        agent.apply(Assignment("node-1", 2, Desired.ABSENT))
        assert foreign.harm() == []
    assert not ran_twice(agent.data / "node-1")
    agent.kill()


SCENARIOS = {
    scenario.__name__: scenario
    for scenario in (agent_finds_a_foreign_process, held_process_ends_and_its_pid_is_given_again)
}
CONTAINERS = {scenario.__name__: scenario for scenario in (container_runs_a_node, container_is_started_again)}

if __name__ == "__main__":
    {**SCENARIOS, **CONTAINERS}[sys.argv[1]](Path(sys.argv[2]))
