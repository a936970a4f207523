"""Journal files that are damaged, lost or of a newer version: reported with their node, without effect on others."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from support.harness.agent_harness import AgentHarness, is_alive, kill_process
from support.programs.node_program import starts

from sutra_grid.core.errors import FailedPrecondition
from sutra_grid.core.types import Assignment, Desired, NodeState, Reason

pytestmark = pytest.mark.e2e


def test_damaged_journals_are_set_aside_and_told_and_every_process_is_kept(agent: AgentHarness) -> None:
    damages: dict[str, Callable[[bytes], bytes]] = {
        "half-written": lambda whole: whole[: len(whole) // 2],
        "empty": lambda whole: b"",
        "zeros": lambda whole: bytes(len(whole)),
        "one-bit": lambda whole: whole.replace(b'"generation": 1', b'"generation": 3'),
    }
    before = {node_id: agent.run(node_id).pid for node_id in (*damages, "whole")}
    agent.kill()
    for node_id, damage in damages.items():
        agent.journal_file(node_id).write_bytes(damage(agent.journal_file(node_id).read_bytes()))
    agent.start()
    reports = agent.reports()
    assert {node_id: report.pid for node_id, report in reports.items()} == before
    assert {node_id for node_id, report in reports.items() if "damaged-1" in report.message} == set(damages)
    for node_id in damages:
        file = agent.journal_file(node_id)
        assert file.with_name(f"{file.name}.damaged-1").exists()
    assert all(len(starts(agent.data / node_id)) == 1 for node_id in before)


def test_a_node_with_a_damaged_journal_obeys_as_any_other(agent: AgentHarness) -> None:
    damaged = agent.run("node-1")
    agent.kill()
    agent.journal_file("node-1").write_text('{"format": 1, "half')
    agent.start()
    assert agent.want("node-1", Desired.STOPPED).state is NodeState.STOPPED
    assert not is_alive(damaged.pid)


def test_a_node_whose_journal_is_lost_wholly_is_kept_until_the_master_speaks(agent: AgentHarness) -> None:
    running = agent.run("node-1")
    agent.kill()
    for file in (agent.state / "nodes").iterdir():
        file.write_text("nonsense")
    agent.start()
    kept = agent.wait_for("node-1", NodeState.RUNNING)
    assert (kept.pid, kept.generation, kept.spec) == (running.pid, 0, running.spec)
    known = agent.apply(Assignment("node-1", 5, Desired.RUNNING, running.spec, restart_generation=1))
    assert (known.pid, known.generation) == (running.pid, 5)


def test_a_dead_node_whose_journal_is_lost_is_told_as_failed_and_started_by_the_master(agent: AgentHarness) -> None:
    running = agent.run("node-1")
    agent.kill()
    kill_process(running.pid)
    for file in (agent.state / "nodes").iterdir():
        file.write_text("nonsense")
    agent.start()
    lost = agent.reports()["node-1"]
    assert (lost.state, lost.reason, lost.generation) == (NodeState.FAILED, Reason.JOURNAL_CORRUPT, 0)
    again = agent.apply(Assignment("node-1", 5, Desired.RUNNING, running.spec))
    assert (again.state, again.spec) == (NodeState.RUNNING, running.spec)


def test_a_journal_of_a_newer_version_is_neither_used_nor_written(agent: AgentHarness) -> None:
    running, other = agent.run("node-1"), agent.run("node-2")
    agent.kill()
    newer = '{"format": 99, "surprise": true}'
    agent.journal_file("node-1").write_text(newer)
    agent.start()
    reports = agent.reports()
    assert (reports["node-1"].reason, reports["node-1"].pid) == (Reason.UNSUPPORTED, running.pid)
    assert reports["node-2"].pid == other.pid
    with pytest.raises(FailedPrecondition, match="99"):
        agent.apply(Assignment("node-1", 9, Desired.STOPPED))
    assert agent.want("node-2", Desired.STOPPED).state is NodeState.STOPPED, "the others are unaffected"
    agent.kill()
    agent.start()
    assert agent.journal_file("node-1").read_text() == newer
    assert is_alive(running.pid)
