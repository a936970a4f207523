"""Something lives that may be the node's process and is not proved to be: nothing is started beside it.

The agent says which pid it is and why it is not proved. It signals nothing, and no stop or removal is called done. When
that process has ended, the node goes on as desired.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from support.faults.other_user import (
    AS_NOBODY,
    AS_NOBODY_BLIND,
    check_or_skip,
    directory_of_nobody,
    unreadable_program,
)
from support.harness.agent_harness import AgentHarness, is_alive, kill_process, refusal_of
from support.harness.processes import kill_and_wait, processes_below
from support.needs import skip_for
from support.programs.node_program import ran_twice, starts
from support.texts import mentions

from sutra_grid.core.states import Phase
from sutra_grid.core.types import Desired, NodeReport, NodeState, Reason

pytestmark = pytest.mark.e2e

NODE_ARGS = ("--port", "{port}", "--storage-path", "{storage_path}", "--node-id", "{node_id}")
NO_GROUPS: Mapping[str, Mapping[str, Any]] = {"limits": {"memory": "sampled"}}


def engine(binary: str, *args: str, probe: str = "tcp") -> dict[str, Any]:
    return {"binary_path": binary, "args": list(args), "health_probe": probe}


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[AgentHarness]:
    home = tmp_path / "home"
    cleaned = ("/usr/bin/env", "-i", "LANG=C", str(home / "node-program"), *NODE_ARGS)
    engines = {"cleaned": engine(*cleaned), "portless": engine(*cleaned, "--deaf", probe="none")}
    harness = AgentHarness(home, engines=engines, **NO_GROUPS).start()
    yield harness
    if harness.daemon.is_running:
        harness.kill()
    kill_and_wait(processes_below(home))


def unproved(agent: AgentHarness, node_id: str, pid: int) -> NodeReport:
    """The report of a node beside a process that may be its own."""
    report = agent.wait_for(node_id, lambda one: one.reason is Reason.UNPROVED_PROCESS)
    assert (report.state, report.pid) == (NodeState.FAILED, pid)
    assert mentions(report.message, f"pid {pid}", "looks like", "not proved", f"kill {pid}"), report.message
    return report


def forget_identity(agent: AgentHarness, node_id: str) -> None:
    """As if the agent had ended between the start of the process and its journal entry."""
    agent.rewrite_journal(node_id, process=None, phase=Phase.LAUNCHING)


@pytest.mark.parametrize("name", ["cleaned", "portless"])
def test_nothing_is_started_beside_it_and_it_is_not_signalled(agent: AgentHarness, name: str) -> None:
    first = agent.run("node-1", name)
    agent.kill()
    forget_identity(agent, "node-1")
    agent.start()
    unproved(agent, "node-1", first.pid)
    for desired in (Desired.RUNNING, Desired.STOPPED, Desired.ABSENT):
        report = agent.want("node-1", desired)
        assert (report.state, report.reason, report.pid) == (NodeState.FAILED, Reason.UNPROVED_PROCESS, first.pid)
    assert is_alive(first.pid)
    assert starts(agent.data / "node-1") == [first.pid]
    kill_process(first.pid)
    agent.wait_for_removal("node-1")


@pytest.mark.parametrize("name", ["cleaned", "portless"])
def test_after_its_end_the_node_runs_again_once(agent: AgentHarness, name: str) -> None:
    first = agent.run("node-1", name)
    agent.kill()
    forget_identity(agent, "node-1")
    agent.start()
    unproved(agent, "node-1", first.pid)
    kill_process(first.pid)
    again = agent.wait_for("node-1", NodeState.RUNNING)
    assert again.pid != first.pid
    assert starts(agent.data / "node-1") == [first.pid, again.pid]
    assert not ran_twice(agent.data / "node-1")


def test_without_any_journal_the_node_is_told_by_its_log_and_nothing_is_started(agent: AgentHarness) -> None:
    first = agent.run("node-1", "cleaned")
    agent.kill()
    for file in agent.journal_file("node-1").parent.glob("node-1.json*"):
        file.unlink()
    log = agent.state / "logs" / "node-1.log"
    log.rename(log.with_name("node-1.log.1"))
    agent.start()
    unproved(agent, "node-1", first.pid)
    assert agent.want("node-1", Desired.RUNNING, first.spec).reason is Reason.UNPROVED_PROCESS
    kill_process(first.pid)
    again = agent.wait_for("node-1", NodeState.RUNNING)
    assert starts(agent.data / "node-1") == [first.pid, again.pid]


def test_a_spawn_into_the_directory_of_a_running_program_is_refused(agent: AgentHarness) -> None:
    first = agent.run("node-1", "portless", storage_path="shared")
    agent.kill()
    for file in agent.journal_file("node-1").parent.glob("node-1.json*"):
        file.unlink()
    (agent.state / "logs" / "node-1.log").rename(agent.home / "elsewhere.log")
    agent.start()
    refused = refusal_of(lambda: agent.run("node-2", "portless", storage_path="shared"))
    assert refused.reason is Reason.UNPROVED_PROCESS
    assert mentions(refused.message, f"pid {first.pid}", "the node's directory")
    assert "node-2" not in agent.reports()
    assert starts(agent.data / "shared") == [first.pid]


def test_a_journaled_process_that_is_hidden_is_neither_gone_nor_started_again() -> None:
    redis = shutil.which("redis-server")
    if redis is None:
        skip_for("redis-server (Debian package redis-server)")
    with directory_of_nobody() as home:
        check_or_skip(AS_NOBODY_BLIND)
        args = ("--port", "{port}", "--bind", "127.0.0.1", "--dir", "{storage_path}", "--save", "")
        engines = {"hidden": engine(str(unreadable_program(redis, home)), *args)}
        agent = AgentHarness(home, engines=engines, **NO_GROUPS)
        agent.move_to(AS_NOBODY)
        agent.start()
        first = agent.run("node-1", "hidden")
        agent.kill()
        agent.move_to(AS_NOBODY_BLIND)
        agent.start()
        report = agent.wait_for("node-1", lambda one: one.reason is Reason.UNPROVED_PROCESS)
        assert report.pid == first.pid
        assert mentions(report.message, f"pid {first.pid}", "can't be read by the agent's user")
        assert agent.want("node-1", Desired.STOPPED).reason is Reason.UNPROVED_PROCESS
        assert agent.want("node-1", Desired.RUNNING).reason is Reason.UNPROVED_PROCESS
        assert is_alive(first.pid)
        agent.kill()
        agent.move_to(AS_NOBODY)
        agent.start()
        adopted = agent.wait_for("node-1", NodeState.RUNNING)
        assert (adopted.pid, adopted.exits) == (first.pid, ())
        agent.want("node-1", Desired.STOPPED)
        assert not is_alive(first.pid)
        agent.kill()


def test_a_program_that_is_hidden_from_its_start_is_supervised_as_a_child() -> None:
    redis = shutil.which("redis-server")
    if redis is None:
        skip_for("redis-server (Debian package redis-server)")
    with directory_of_nobody() as home:
        check_or_skip(AS_NOBODY_BLIND)
        args = ("--port", "{port}", "--bind", "127.0.0.1", "--dir", "{storage_path}", "--save", "")
        engines = {"hidden": engine(str(unreadable_program(redis, home)), *args)}
        agent = AgentHarness(home, engines=engines, **NO_GROUPS)
        agent.move_to(AS_NOBODY_BLIND)
        agent.start()
        first = agent.run("node-1", "hidden")
        assert first.state is NodeState.RUNNING
        agent.kill()
        agent.start()
        report = agent.wait_for("node-1", lambda one: one.reason is Reason.UNPROVED_PROCESS)
        assert report.pid == first.pid
        kill_process(first.pid)
        again = agent.wait_for("node-1", NodeState.RUNNING)
        agent.want("node-1", Desired.STOPPED)
        assert not is_alive(again.pid)
        agent.kill()
