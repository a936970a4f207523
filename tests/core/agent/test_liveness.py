"""An agent's status by missed heartbeats and by a heartbeat."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.texts import mentions, numbers_in

from sutra_grid.core.agent.liveness import (
    AGENT_TRANSITIONS,
    LivenessPolicy,
    change_by_heartbeat,
    change_by_missed_heartbeats,
    missed_heartbeats,
    pause_to_exclude,
)
from sutra_grid.core.types import AgentStatus, Reason

POLICY = LivenessPolicy()
STATUSES = list(AgentStatus)


def after_age(current: AgentStatus, age_seconds: float, heard: bool = True) -> AgentStatus:
    change = change_by_missed_heartbeats(
        current, age_seconds=age_seconds, interval_seconds=5.0, policy=POLICY, reported_since_start=heard
    )
    return change.status if change else current


@pytest.mark.parametrize(
    ("age_seconds", "status"),
    [
        (0.0, AgentStatus.HEALTHY),
        (14.9, AgentStatus.HEALTHY),
        (15.0, AgentStatus.DEGRADED),
        (29.9, AgentStatus.DEGRADED),
        (30.0, AgentStatus.OFFLINE),
        (3_600.0, AgentStatus.OFFLINE),
    ],
)
def test_an_agent_is_degraded_after_three_missed_heartbeats_and_offline_after_six(
    age_seconds: float, status: AgentStatus
) -> None:
    assert after_age(AgentStatus.HEALTHY, age_seconds) is status


def test_an_unregistered_agent_stays_offline_without_a_heartbeat() -> None:
    assert after_age(AgentStatus.OFFLINE, 1.0) is AgentStatus.OFFLINE


def test_the_message_names_the_missed_heartbeats_and_the_interval() -> None:
    change = change_by_missed_heartbeats(
        AgentStatus.HEALTHY, age_seconds=16.0, interval_seconds=5.0, policy=POLICY, reported_since_start=True
    )
    assert change is not None
    assert change.reason is Reason.MISSED_HEARTBEATS
    assert numbers_in(change.message) == {"16", "3", "5"}, "seconds, missed heartbeats, the interval"


def test_a_known_agent_has_a_full_grace_period_after_the_masters_start() -> None:
    assert after_age(AgentStatus.HEALTHY, 29.0, heard=False) is AgentStatus.HEALTHY
    change = change_by_missed_heartbeats(
        AgentStatus.HEALTHY, age_seconds=30.0, interval_seconds=5.0, policy=POLICY, reported_since_start=False
    )
    assert change is not None
    assert change.status is AgentStatus.OFFLINE
    assert change.reason is Reason.MISSED_HEARTBEATS
    assert mentions(change.message, "master", 30)


def test_a_heartbeat_heals_and_a_healthy_agent_does_not_change() -> None:
    for current in (AgentStatus.DEGRADED, AgentStatus.OFFLINE):
        change = change_by_heartbeat(current, 31.0)
        assert change is not None
        assert (change.status, change.reason) == (AgentStatus.HEALTHY, Reason.RECOVERED)
    assert change_by_heartbeat(AgentStatus.HEALTHY, 5.0) is None


def test_missed_heartbeats_are_never_negative() -> None:
    assert missed_heartbeats(-3.0, 5.0) == 0


def test_only_a_pause_of_the_master_itself_is_excluded() -> None:
    assert pause_to_exclude(1.2, 1.0, tolerance_seconds=2.0) == 0.0
    assert pause_to_exclude(61.0, 1.0, tolerance_seconds=2.0) == 60.0


@given(
    current=st.sampled_from(STATUSES),
    age_seconds=st.floats(0, 1e6),
    interval=st.floats(0.05, 600),
    degraded=st.integers(1, 5),
    more=st.integers(1, 5),
)
def test_missed_heartbeats_never_improve_a_status_and_every_change_is_in_the_table(
    current: AgentStatus, age_seconds: float, interval: float, degraded: int, more: int
) -> None:
    change = change_by_missed_heartbeats(
        current,
        age_seconds=age_seconds,
        interval_seconds=interval,
        policy=LivenessPolicy(degraded, degraded + more),
        reported_since_start=True,
    )
    if change is not None:
        assert AGENT_TRANSITIONS.allows(current, change.status)
        assert change.status is not AgentStatus.HEALTHY
    healed = change_by_heartbeat(current, age_seconds)
    if healed is not None:
        assert AGENT_TRANSITIONS.allows(current, healed.status)


def test_every_status_has_a_row() -> None:
    assert set(AGENT_TRANSITIONS.rows()) == set(AgentStatus)
