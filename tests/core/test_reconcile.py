"""What to do about one node when its agent speaks."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sutra_grid.core.reconcile import (
    WRITES,
    Action,
    decide_missing,
    decide_reported,
    keep_newer,
    node_as_reported,
)
from sutra_grid.core.types import Desired, Node, NodeReport, NodeSpec, NodeState

SPEC = NodeSpec("storage", 50051, "/data/node-1", 2048)
NODE = Node("node-1", "agent-1", SPEC, Desired.RUNNING, generation=3, restart_generation=2, created_at_ms=1)
REPORT = NodeReport("node-1", 3, Desired.RUNNING, NodeState.RUNNING, pid=7, spec=SPEC, restart_generation=2)


@pytest.mark.parametrize(
    ("report", "node", "tombstone", "action"),
    [
        (REPORT, NODE, None, Action.NOTHING),
        (replace(REPORT, generation=2), NODE, None, Action.ASSIGN),
        (replace(REPORT, generation=4), NODE, None, Action.FOLLOW),
        (replace(REPORT, desired=Desired.STOPPED), NODE, None, Action.REASSERT),
        (REPORT, replace(NODE, spec=NodeSpec()), None, Action.RESOLVE),
        (replace(REPORT, spec=NodeSpec()), NODE, None, Action.NOTHING),
        (REPORT, replace(NODE, agent_id="agent-2"), None, Action.FOREIGN),
        (REPORT, None, 3, Action.ASSIGN_ABSENT),
        (REPORT, None, 9, Action.ASSIGN_ABSENT),
        (replace(REPORT, generation=4), None, 3, Action.TAKE_OVER),
        (replace(REPORT, generation=4, desired=Desired.ABSENT), None, 3, Action.NOTHING),
        (REPORT, None, None, Action.TAKE_OVER),
        (replace(REPORT, desired=Desired.ABSENT), None, None, Action.NOTHING),
    ],
)
def test_a_reported_node(report: NodeReport, node: Node | None, tombstone: int | None, action: Action) -> None:
    assert decide_reported("agent-1", report, node, tombstone).action is action


def test_a_missing_node_is_assigned_again_and_an_absent_one_tombstoned() -> None:
    assert decide_missing(NODE).assignment == NODE.assignment()
    assert decide_missing(replace(NODE, desired=Desired.ABSENT)).action is Action.TOMBSTONE


def test_a_node_that_its_agent_shows_as_removed_is_tombstoned() -> None:
    gone = replace(REPORT, desired=Desired.ABSENT, state=NodeState.STOPPED, pid=0)
    absent = replace(NODE, desired=Desired.ABSENT)
    assert decide_reported("agent-1", gone, absent, None).action is Action.TOMBSTONE
    assert decide_reported("agent-1", replace(gone, pid=7), absent, None).action is Action.NOTHING


def test_a_renamed_agent_on_the_same_host_keeps_its_nodes() -> None:
    decision = decide_reported("agent-9", REPORT, NODE, None, owner_on_same_host=True)
    assert decision.action is Action.TAKE_OVER


def test_a_removed_node_that_comes_back_is_assigned_absent_above_both_generations() -> None:
    assignment = decide_reported("agent-1", REPORT, None, 5).assignment
    assert assignment is not None
    assert (assignment.desired, assignment.generation, assignment.agent_id) == (Desired.ABSENT, 6, "agent-1")


def test_a_spec_is_filled_in_and_never_emptied() -> None:
    assert SPEC.completed_by(NodeSpec(port=50055)) == SPEC
    assert NodeSpec().completed_by(SPEC) == SPEC


def test_a_taken_over_node_is_as_the_agent_has_it() -> None:
    node = node_as_reported("agent-1", REPORT, 42)
    assert (node.generation, node.desired, node.spec, node.created_at_ms) == (3, Desired.RUNNING, SPEC, 42)
    assert decide_reported("agent-1", REPORT, node, None).action is Action.NOTHING


def test_memory_never_goes_back_a_generation_and_loses_no_report() -> None:
    reported = replace(NODE, report=REPORT)
    newer = replace(NODE, generation=4, desired=Desired.STOPPED)
    assert keep_newer(newer, NODE) is newer
    assert keep_newer(reported, newer) == replace(newer, report=REPORT)
    assert keep_newer(None, NODE) is NODE


GENERATIONS = st.integers(1, 6)
REPORTS = st.builds(
    lambda generation, desired, state: replace(REPORT, generation=generation, desired=desired, state=state),
    GENERATIONS,
    st.sampled_from(list(Desired)),
    st.sampled_from(list(NodeState)),
)
NODES = st.none() | st.builds(
    lambda generation, desired, agent_id: replace(NODE, generation=generation, desired=desired, agent_id=agent_id),
    GENERATIONS,
    st.sampled_from(list(Desired)),
    st.sampled_from(["agent-1", "agent-2"]),
)


@given(report=REPORTS, node=NODES, tombstone=st.none() | GENERATIONS, same_host=st.booleans())
def test_nothing_is_ended_that_nobody_asked_to_end(
    report: NodeReport, node: Node | None, tombstone: int | None, same_host: bool
) -> None:
    decision = decide_reported("agent-1", report, node, tombstone, owner_on_same_host=same_host)
    assignment = decision.assignment
    if assignment is not None:
        assert assignment.generation > report.generation
        assert decision.action not in WRITES
    if assignment is not None and assignment.desired is not Desired.RUNNING:
        asked_by_row = node is not None and node.agent_id == "agent-1" and node.desired is assignment.desired
        asked_by_tombstone = node is None and tombstone is not None and tombstone >= report.generation
        assert asked_by_row or asked_by_tombstone


@given(report=REPORTS, node=NODES, tombstone=st.none() | GENERATIONS)
def test_an_agent_that_does_as_it_is_told_is_left_alone_at_its_next_report(
    report: NodeReport, node: Node | None, tombstone: int | None
) -> None:
    decision = decide_reported("agent-1", report, node, tombstone)
    assignment = decision.assignment
    if assignment is None:
        return
    obeyed = replace(report, generation=assignment.generation, desired=assignment.desired, spec=assignment.spec)
    assert decide_reported("agent-1", obeyed, node, tombstone).action is Action.NOTHING
