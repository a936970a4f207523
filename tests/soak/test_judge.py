"""Which process tables and statuses the soak accepts, with plain values."""

from __future__ import annotations

import pytest
from support.harness.interfaces import NodeView
from support.harness.processes import NodeProcess

from soak.judge import ProcessJudge, wrong_statuses

ONE = NodeProcess("node-1", 101, 1)
TWO = NodeProcess("node-2", 102, 2)
AGAIN = NodeProcess("node-1", 103, 9)
AGENTS = {"agent-1": "healthy"}


def judged(*samples: list[NodeProcess], doomed: tuple[NodeProcess, ...] = ()) -> list[str]:
    judge = ProcessJudge(["node-1", "node-2"])
    judge.doom(doomed)
    for table in samples:
        judge.sample(table)
    return [violation.kind for violation in judge.violations]


def view(process: NodeProcess, *, status: str = "running", pid: int | None = None) -> NodeView:
    shown = process.pid if pid is None else pid
    return NodeView(process.node_id, "agent-1", status, "running", shown, "", 0, "", "", "", "", 0)


def test_every_node_once_is_right() -> None:
    assert judged([ONE, TWO], [ONE, TWO]) == []


def test_a_node_that_runs_twice_is_a_violation_and_told_once() -> None:
    assert judged([ONE, AGAIN, TWO], [ONE, AGAIN, TWO]) == ["doubled process"]


def test_a_killed_process_may_be_missing_and_replaced() -> None:
    assert judged([ONE, TWO], [TWO], [AGAIN, TWO], doomed=(ONE,)) == []


def test_a_process_that_nobody_killed_may_not_be_replaced() -> None:
    assert judged([ONE, TWO], [TWO], [AGAIN, TWO]) == ["process replaced"]


def test_an_excused_node_may_end_by_itself_and_only_as_long_as_it_is_excused() -> None:
    judge = ProcessJudge(["node-1", "node-2"])
    judge.sample([ONE, TWO])
    judge.excuse("node-1", True)
    judge.sample([AGAIN, TWO])
    assert judge.violations == []

    judge.excuse("node-1", False)
    judge.sample([ONE, TWO])
    assert [violation.kind for violation in judge.violations] == ["process replaced"]


def test_the_same_pid_with_another_start_is_another_process() -> None:
    assert judged([ONE, TWO], [NodeProcess("node-1", ONE.pid, 77), TWO]) == ["process replaced"]


def test_a_process_of_no_known_node_is_a_violation() -> None:
    assert judged([ONE, NodeProcess("node-9", 109, 1)]) == ["unknown process"]


def test_a_doomed_process_that_still_lives_counts_as_missing() -> None:
    judge = ProcessJudge(["node-1", "node-2"])
    judge.doom([ONE])

    assert judge.missing([ONE, TWO]) == ["node-1"]
    assert judge.missing([AGAIN, TWO]) == []


def test_right_statuses_have_nothing_wrong() -> None:
    assert wrong_statuses([view(ONE), view(TWO)], AGENTS, [ONE, TWO], ["agent-1"]) == []


@pytest.mark.parametrize(
    ("nodes", "agents", "word"),
    [
        ([view(ONE, status="unknown"), view(TWO)], AGENTS, "shown as unknown"),
        ([view(ONE, pid=999), view(TWO)], AGENTS, "pid 999"),
        ([view(TWO)], AGENTS, "node-1 is not shown"),
        ([view(ONE), view(TWO), view(NodeProcess("node-3", 5, 5))], AGENTS, "node-3 is shown and has no process"),
        ([view(ONE), view(TWO)], {"agent-1": "degraded"}, "agent-1 is degraded"),
        ([view(ONE), view(TWO)], {}, "agent-1 is not shown"),
    ],
)
def test_each_wrong_status_is_described(nodes: list[NodeView], agents: dict[str, str], word: str) -> None:
    (wrong,) = wrong_statuses(nodes, agents, [ONE, TWO], ["agent-1"])

    assert word in wrong
