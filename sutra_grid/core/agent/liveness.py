"""Derives an agent's status from the age of its last heartbeat; the table of possible changes.

Pure: takes ages in seconds of a monotonic clock, and returns changes as values. A heartbeat makes an
agent healthy at once. Missed heartbeats make it degraded, then offline; they never improve a status.
"""

from __future__ import annotations

from dataclasses import dataclass

from sutra_grid.core.states import Transitions
from sutra_grid.core.types import AgentStatus, Reason

#: An agent that stops on purpose goes from healthy to offline directly.
AGENT_TRANSITIONS: Transitions[AgentStatus] = Transitions(
    "agent",
    {
        AgentStatus.HEALTHY: {AgentStatus.DEGRADED, AgentStatus.OFFLINE},
        AgentStatus.DEGRADED: {AgentStatus.HEALTHY, AgentStatus.OFFLINE},
        AgentStatus.OFFLINE: {AgentStatus.HEALTHY},
    },
)

_SEVERITY = {AgentStatus.HEALTHY: 0, AgentStatus.DEGRADED: 1, AgentStatus.OFFLINE: 2}


@dataclass(frozen=True, slots=True)
class LivenessPolicy:
    """How many heartbeats in a row may be missed before an agent is degraded and offline."""

    degraded_after_missed: int = 3
    offline_after_missed: int = 6


@dataclass(frozen=True, slots=True)
class StatusChange:
    """A new status of an agent and why."""

    status: AgentStatus
    reason: Reason
    message: str


def missed_heartbeats(age_seconds: float, interval_seconds: float) -> int:
    """How many heartbeats were due since the last one, ``age_seconds`` ago."""
    return max(0, int(age_seconds / interval_seconds))


def status_by_missed_heartbeats(missed: int, policy: LivenessPolicy) -> AgentStatus:
    """The status of an agent that has missed so many heartbeats in a row."""
    if missed >= policy.offline_after_missed:
        return AgentStatus.OFFLINE
    if missed >= policy.degraded_after_missed:
        return AgentStatus.DEGRADED
    return AgentStatus.HEALTHY


def change_by_missed_heartbeats(
    current: AgentStatus,
    *,
    age_seconds: float,
    interval_seconds: float,
    policy: LivenessPolicy,
    reported_since_start: bool,
) -> StatusChange | None:
    """The change for an agent whose last heartbeat is ``age_seconds`` old; None: no change.

    ``reported_since_start`` False: the age counts from the master's start, and the status does not change
    before a full grace period has passed.
    """
    missed = missed_heartbeats(age_seconds, interval_seconds)
    status = status_by_missed_heartbeats(missed, policy)
    in_grace = not reported_since_start and status is not AgentStatus.OFFLINE
    if in_grace or _SEVERITY[status] <= _SEVERITY[current]:
        return None
    since = f"for {age_seconds:.0f} s" if reported_since_start else f"since the master started {age_seconds:.0f} s ago"
    message = f"no heartbeat {since}: {missed} missed, one is due every {interval_seconds:g} s"
    return StatusChange(status, Reason.MISSED_HEARTBEATS, message)


def change_by_heartbeat(current: AgentStatus, age_seconds: float) -> StatusChange | None:
    """The change for an agent whose heartbeat arrives after ``age_seconds``; None: it is healthy already."""
    if current is AgentStatus.HEALTHY:
        return None
    return StatusChange(AgentStatus.HEALTHY, Reason.RECOVERED, f"heartbeat received after {age_seconds:.0f} s")


def pause_to_exclude(since_last_check_seconds: float, check_interval_seconds: float, tolerance_seconds: float) -> float:
    """Seconds in which the master itself did not run, to be subtracted from the age of every heartbeat.

    While the master is stopped, swapped out or starved, heartbeats wait in its sockets. Counting that time
    would make every agent offline.
    """
    late = since_last_check_seconds - check_interval_seconds
    return late if late > tolerance_seconds else 0.0
