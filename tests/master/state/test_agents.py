"""The table of agents: every change of a status passes the transitions table, and heartbeats are told from time."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.fakes.clock import FakeClock
from support.values.grid_values import an_agent

from sutra_grid.core.agent.liveness import AGENT_TRANSITIONS, StatusChange
from sutra_grid.core.states import IllegalTransition
from sutra_grid.core.types import Agent, AgentStatus, Reason
from sutra_grid.master.state.cluster_state import ClusterState

STATUSES = list(AgentStatus)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def state(clock: FakeClock) -> ClusterState:
    return ClusterState(clock)


def with_status(status: AgentStatus) -> Agent:
    return an_agent(status=status, status_since_ms=5)


def is_allowed(before: AgentStatus, after: AgentStatus) -> bool:
    return AGENT_TRANSITIONS.allows(before, after)


@pytest.mark.parametrize("before", STATUSES)
@pytest.mark.parametrize("after", STATUSES)
def test_a_status_is_changed_by_the_table_alone(state: ClusterState, before: AgentStatus, after: AgentStatus) -> None:
    state.agents.register(with_status(before))
    change = StatusChange(after, Reason.RECOVERED, "why")
    if is_allowed(before, after):
        changed = state.agents.change_status(with_status(before), change)
        assert changed is not None
        assert (changed.status, changed.reason, changed.message) == (after, Reason.RECOVERED, "why")
    else:
        with pytest.raises(IllegalTransition):
            state.agents.change_status(with_status(before), change)
        known = state.agents.get("agent-1")
        assert known is not None
        assert known.status is before


@pytest.mark.parametrize("before", STATUSES)
@pytest.mark.parametrize("after", STATUSES)
def test_a_registration_changes_the_status_by_the_table_too(
    state: ClusterState, before: AgentStatus, after: AgentStatus
) -> None:
    state.agents.register(with_status(before))
    if before is after or is_allowed(before, after):
        assert state.agents.register(with_status(after)) == with_status(before)
    else:
        with pytest.raises(IllegalTransition):
            state.agents.register(with_status(after))
    known = state.agents.get("agent-1")
    assert known is not None
    assert known.status is (after if is_allowed(before, after) else before)


def test_a_status_that_stays_keeps_its_age_and_one_that_changes_begins_now(
    state: ClusterState, clock: FakeClock
) -> None:
    state.agents.register(with_status(AgentStatus.OFFLINE))
    state.agents.register(replace(with_status(AgentStatus.HEALTHY), status_since_ms=1))
    recovered = state.agents.get("agent-1")
    assert recovered is not None
    assert recovered.status_since_ms == int(clock.wall() * 1000)
    clock.advance(60)
    state.agents.register(replace(with_status(AgentStatus.HEALTHY), status_since_ms=1))
    assert state.agents.get("agent-1") == recovered


def test_a_change_that_was_judged_by_an_older_record_is_not_made(state: ClusterState, clock: FakeClock) -> None:
    judged = with_status(AgentStatus.HEALTHY)
    state.agents.register(judged)
    degraded = StatusChange(AgentStatus.DEGRADED, Reason.MISSED_HEARTBEATS, "")
    assert state.agents.change_status(replace(judged, session_id="an older one"), degraded) is None
    assert state.agents.change_status(replace(judged, status=AgentStatus.OFFLINE), degraded) is None
    judged_at = clock.monotonic()
    state.agents.record_heartbeat("agent-1", judged.session_id, None)
    assert state.agents.change_status(judged, degraded, heartbeat_before=judged_at) is None
    clock.advance(1)
    assert state.agents.change_status(judged, degraded, heartbeat_before=clock.monotonic()) is not None


def test_a_heartbeat_tells_how_old_the_one_before_was(state: ClusterState, clock: FakeClock) -> None:
    state.agents.load([an_agent()])
    assert not state.agents.has_reported("agent-1")
    clock.advance(7)
    first = state.agents.record_heartbeat("agent-1", "session-1", None)
    assert first is not None
    assert (first.previous.seconds, first.previous.reported_since_start, first.samples_due) == (7, False, False)
    assert state.agents.has_reported("agent-1")
    clock.advance(3)
    second = state.agents.record_heartbeat("agent-1", "session-1", None)
    assert second is not None
    assert (second.previous.seconds, second.previous.reported_since_start, second.samples_due) == (3, True, True)
    assert state.agents.record_heartbeat("agent-1", "another session", None) is None
    assert state.agents.record_heartbeat("nobody", "", None) is None


def test_time_in_which_the_master_stood_still_makes_nobody_overdue(state: ClusterState, clock: FakeClock) -> None:
    state.agents.register(an_agent(heartbeat_interval_ms=5_000))
    clock.advance(14.9)
    assert state.agents.overdue(3) == []
    clock.advance(0.1)
    assert [age.seconds for age in state.agents.overdue(3)] == [pytest.approx(15)]
    state.agents.exclude_pause(1)
    assert state.agents.overdue(3) == []
