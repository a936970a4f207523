"""A launch is more than one process: stops reach all of them, and nothing is started beside what is left."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.harness.agent_harness import AgentHarness, is_alive, kill_now, kill_process
from support.programs.family_program import children, family_engine, noted
from support.texts import mentions
from support.waiting import eventually

from sutra_grid.core.states import Phase
from sutra_grid.core.types import Desired, NodeReport, NodeState, Reason
from sutra_grid.runtime.net import is_port_free

pytestmark = pytest.mark.e2e

MakeAgent = Callable[..., AgentHarness]
NODE = "node-1"


def start_family(make_agent: MakeAgent, directory: Path, *flags: str, **keys: Any) -> tuple[AgentHarness, NodeReport]:
    agent = make_agent(engines={"family": family_engine(directory / "program", *flags, **keys)})
    report = agent.run(NODE, "family")
    assert report.state is NodeState.RUNNING, report
    return agent, report


def running_again(agent: AgentHarness, before: NodeReport, timeout_seconds: float = 15.0) -> NodeReport:
    return agent.wait_for(
        NODE, lambda one: one.state is NodeState.RUNNING and one.pid != before.pid, timeout_seconds=timeout_seconds
    )


def assert_never_two(report: NodeReport) -> None:
    assert noted(report.spec.storage_path, "twice") == [], "a second process used the directory"


def test_a_wrapper_without_exec_gives_its_program_the_whole_grace(make_agent: MakeAgent, tmp_path: Path) -> None:
    agent, report = start_family(make_agent, tmp_path, "--child-needs", "0.5", shell=True)
    (child,) = children(report.spec.storage_path)
    assert child != report.pid

    stopped = agent.want(NODE, Desired.STOPPED)

    assert noted(report.spec.storage_path, str(child)) == ["signalled", "flushed"]
    assert (stopped.state, stopped.reason, stopped.exits[0].killed) == (NodeState.STOPPED, Reason.COMMANDED, "")
    assert not is_alive(child)
    assert is_port_free(report.spec.port)


@pytest.mark.parametrize("session", ["", "--own-session"], ids=["same session", "own session"])
def test_a_child_that_ignores_the_stop_signal_is_killed_after_the_grace_and_told(
    make_agent: MakeAgent, tmp_path: Path, session: str
) -> None:
    flags = [flag for flag in (session, "--child-ignores-term") if flag]
    agent, report = start_family(make_agent, tmp_path, *flags, stop_grace_secs=0.5)
    (child,) = children(report.spec.storage_path)

    stopped = agent.want(NODE, Desired.STOPPED)

    assert (stopped.state, stopped.reason) == (NodeState.STOPPED, Reason.STOP_TIMEOUT)
    assert noted(report.spec.storage_path, str(child)) == ["signalled"]
    assert mentions(stopped.message, "killed", str(child))
    assert mentions(stopped.exits[0].killed, str(child))
    assert not is_alive(child)
    assert is_port_free(report.spec.port)


def test_a_child_in_its_own_session_is_gone_when_a_node_is_removed(make_agent: MakeAgent, tmp_path: Path) -> None:
    agent, report = start_family(make_agent, tmp_path, "--own-session", "--child-needs", "0.3")
    (child,) = children(report.spec.storage_path)

    agent.want(NODE, Desired.ABSENT)

    assert not is_alive(child)
    assert NODE not in agent.reports()


def test_a_stop_signal_to_all_reaches_the_child_while_the_leader_waits(make_agent: MakeAgent, tmp_path: Path) -> None:
    agent, report = start_family(make_agent, tmp_path, "--leader-waits", stop_scope="all")
    (child,) = children(report.spec.storage_path)

    stopped = agent.want(NODE, Desired.STOPPED)

    assert (stopped.reason, stopped.exits[0].code) == (Reason.COMMANDED, 0)
    assert noted(report.spec.storage_path, str(child)) == ["signalled", "flushed"]


def test_what_a_killed_leader_left_ends_by_the_ladder_before_the_next_start(
    make_agent: MakeAgent, tmp_path: Path
) -> None:
    agent, report = start_family(make_agent, tmp_path, "--own-session", "--child-needs", "0.3")
    (child,) = children(report.spec.storage_path)

    kill_now(report.pid)

    again = running_again(agent, report)
    assert (again.restarts, again.exits[0].signal) == (1, 9)
    assert noted(report.spec.storage_path, str(child)) == ["signalled", "flushed"]
    assert not is_alive(child)
    assert_never_two(report)


def test_what_a_killed_leader_left_is_killed_after_a_grace_and_told(make_agent: MakeAgent, tmp_path: Path) -> None:
    agent, report = start_family(make_agent, tmp_path, "--child-ignores-term", stop_grace_secs=1.0)
    (child,) = children(report.spec.storage_path)

    kill_now(report.pid)

    left = agent.wait_for(NODE, lambda one: one.reason is Reason.LEFTOVERS)
    assert mentions(left.message, "signal 9", str(child)), "why, and which process is left"
    again = running_again(agent, report)
    assert mentions(again.exits[0].killed, str(child))
    assert_never_two(report)


def test_leftovers_of_a_leader_that_died_with_its_agent_end_before_the_next_start(
    make_agent: MakeAgent, tmp_path: Path
) -> None:
    agent, report = start_family(make_agent, tmp_path, "--child-needs", "0.3", shell=True)
    (child,) = children(report.spec.storage_path)
    agent.kill()
    kill_process(report.pid)
    assert is_alive(child)

    agent.start()

    again = running_again(agent, report)
    assert again.exits[0].reason is Reason.LOST
    assert noted(report.spec.storage_path, str(child)) == ["signalled", "flushed"]
    assert_never_two(report)


def test_an_agent_killed_while_leftovers_have_their_grace_continues_it(make_agent: MakeAgent, tmp_path: Path) -> None:
    """The child has left the session and cleaned its environment: only the journal knows that it is a member."""
    agent, report = start_family(make_agent, tmp_path, "--own-session", "--child-ignores-term", stop_grace_secs=2.0)
    (child,) = children(report.spec.storage_path)
    kill_now(report.pid)
    eventually(lambda: agent.journaled(NODE).phase is Phase.CLEARING)
    agent.kill()
    assert is_alive(child)

    agent.start()

    again = running_again(agent, report)
    assert mentions(again.exits[0].killed, str(child))
    assert not is_alive(child)
    assert_never_two(report)


def test_commands_that_come_while_leftovers_end_are_obeyed_when_they_have_gone(
    make_agent: MakeAgent, tmp_path: Path
) -> None:
    agent, report = start_family(make_agent, tmp_path, "--child-needs", "0.5")
    (child,) = children(report.spec.storage_path)
    kill_now(report.pid)
    eventually(lambda: agent.journaled(NODE).phase is Phase.CLEARING)

    stopped = agent.want(NODE, Desired.STOPPED)

    assert (stopped.state, stopped.exits[0].signal) == (NodeState.STOPPED, 9)
    assert not is_alive(child)
    assert agent.want(NODE, Desired.RUNNING).state is NodeState.RUNNING
    assert_never_two(report)
