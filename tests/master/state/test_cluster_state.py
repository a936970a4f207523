"""The cluster state: nodes and tombstones, slots, pending assignments, and what several tables do at once."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.fakes.clock import FakeClock
from support.values.grid_values import a_node, a_report, an_agent

from sutra_grid.core.types import Desired
from sutra_grid.master.state.cluster_state import ClusterState
from sutra_grid.master.state.report_version import SETTLE_SECONDS, ReportSource
from sutra_grid.registry import Contents

NODE = a_node("node-1")


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def state(clock: FakeClock) -> ClusterState:
    state = ClusterState(clock)
    state.agents.register(an_agent(max_storage_nodes=2))
    return state


def test_a_newer_generation_replaces_a_node_and_an_older_one_does_not(state: ClusterState) -> None:
    newer = replace(NODE, generation=2, desired=Desired.STOPPED)
    assert state.nodes.put(newer) == newer
    assert state.nodes.put(NODE) == newer
    assert state.nodes.all() == [newer]


def test_a_tombstone_ends_a_node_up_to_its_generation(state: ClusterState) -> None:
    state.nodes.put(NODE)
    state.nodes.tombstone("node-1")
    state.nodes.tombstone("node-1")  # once more changes nothing
    assert (state.nodes.get("node-1"), state.nodes.tombstone_generation("node-1")) == (None, 1)
    state.nodes.put(NODE)
    assert state.nodes.get("node-1") is None
    state.nodes.put(replace(NODE, generation=2))
    assert state.nodes.of_agent("agent-1") == [replace(NODE, generation=2)]
    assert state.nodes.tombstones() == {}


def test_a_node_that_moves_to_another_agent_leaves_the_first(state: ClusterState) -> None:
    state.nodes.put(NODE)
    state.nodes.put(replace(NODE, agent_id="agent-2"))
    assert state.nodes.of_agent("agent-1") == []
    assert [node.node_id for node in state.nodes.of_agent("agent-2")] == ["node-1"]


def test_reports_of_other_agents_and_of_unknown_nodes_are_not_taken(state: ClusterState) -> None:
    state.nodes.put(NODE)
    report = a_report(NODE)
    assert state.nodes.record_report(an_agent("agent-2"), report, ReportSource.ANSWER) is None
    assert state.nodes.record_report(an_agent(), replace(report, node_id="node-2"), ReportSource.ANSWER) is None
    assert state.nodes.record_report(an_agent(), report, ReportSource.ANSWER) == NODE
    assert state.nodes.get("node-1") == replace(NODE, report=report)


def test_slots_are_taken_by_nodes_and_by_reservations_until_none_is_free(state: ClusterState) -> None:
    state.nodes.put(NODE)
    assert state.slots.reserve_slot("agent-1")
    assert not state.slots.reserve_slot("agent-1")
    assert [candidate.used_slots for candidate in state.slots.candidates()] == [2]
    state.slots.release_reservation("agent-1")
    state.slots.release_reservation("agent-1")  # one too many makes no slot
    candidate = state.slots.candidate("agent-1")
    assert candidate is not None
    assert candidate.used_slots == 1
    state.nodes.put(replace(NODE, generation=2, desired=Desired.ABSENT))
    assert [candidate.used_slots for candidate in state.slots.candidates()] == [0]
    assert not state.slots.reserve_slot("nobody")


def test_a_heartbeat_decides_nothing_while_its_agent_is_called_about_the_node(state: ClusterState) -> None:
    state.nodes.put(NODE)
    with state.pending_assignments.call("node-1"), state.pending_assignments.call("node-1"):
        assert not state.heartbeat_decides("node-1", "session-1", None)
        assert state.heartbeat_decides("node-2", "session-1", None)
    assert state.heartbeat_decides("node-1", "session-1", None)


def test_a_heartbeat_that_lists_a_node_not_decides_nothing_right_after_an_answer(
    state: ClusterState, clock: FakeClock
) -> None:
    state.nodes.put(NODE)
    state.nodes.record_report(an_agent(), a_report(NODE), ReportSource.ANSWER)
    assert not state.heartbeat_decides("node-1", "session-1", None)
    clock.advance(SETTLE_SECONDS)
    assert state.heartbeat_decides("node-1", "session-1", None)


def test_an_agent_that_is_removed_leaves_tombstones_and_no_reservation(state: ClusterState) -> None:
    state.nodes.put(NODE)
    assert state.slots.reserve_slot("agent-1")
    state.remove_agent("agent-1")
    assert state.contents() == Contents([], [], {"node-1": 1}, removed_agents=frozenset({"agent-1"}))
    state.agents.register(an_agent(max_storage_nodes=2))
    assert [candidate.used_slots for candidate in state.slots.candidates()] == [0]
    assert state.contents().removed_agents == frozenset()


def test_what_is_loaded_does_not_replace_what_is_newer_in_memory(state: ClusterState) -> None:
    newer = replace(NODE, generation=3)
    state.nodes.put(newer)
    older_agent = replace(an_agent(), session_id="older")
    state.load(Contents([older_agent, an_agent("agent-2")], [NODE, a_node("node-2")], {"node-3": 4}))
    known = state.agents.get("agent-1")
    assert known is not None
    assert known.session_id == "session-1"
    assert [agent.agent_id for agent in state.agents.all()] == ["agent-1", "agent-2"]
    assert state.nodes.all() == [newer, a_node("node-2")]
    assert state.nodes.tombstone_generation("node-3") == 4
