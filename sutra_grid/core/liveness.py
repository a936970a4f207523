"""An agent's status from the age of its last heartbeat; what changes are possible.

Pure: ages come in as seconds of a monotonic clock, verdicts go out as values. A heartbeat
makes an agent healthy at once; silence degrades it and then makes it offline. Silence never
improves a status, and what the wall clock does is not seen here at all.
"""

from __future__ import annotations

from dataclasses import dataclass

from sutra_grid.core.states import Transitions
from sutra_grid.core.types import AgentStatus, Reason

#: An agent that stops on purpose is offline without having been degraded.
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


def missed_heartbeats(silent_seconds: float, interval_seconds: float) -> int:
    """How many heartbeats were due in a silence of ``silent_seconds``."""
    return max(0, int(silent_seconds / interval_seconds))


def status_by_silence(missed: int, policy: LivenessPolicy) -> AgentStatus:
    """The status that so many missed heartbeats stand for."""
    if missed >= policy.offline_after_missed:
        return AgentStatus.OFFLINE
    if missed >= policy.degraded_after_missed:
        return AgentStatus.DEGRADED
    return AgentStatus.HEALTHY


def change_by_silence(
    current: AgentStatus,
    *,
    silent_seconds: float,
    interval_seconds: float,
    policy: LivenessPolicy,
    heard_since_start: bool,
) -> StatusChange | None:
    """What a silence of ``silent_seconds`` makes of an agent; None: nothing new.

    ``heard_since_start`` False: the silence counts from the master's own start, and nothing is
    said of the agent before a full grace period has passed.
    """
    missed = missed_heartbeats(silent_seconds, interval_seconds)
    status = status_by_silence(missed, policy)
    in_grace = not heard_since_start and status is not AgentStatus.OFFLINE
    if in_grace or _SEVERITY[status] <= _SEVERITY[current]:
        return None
    since = (
        f"for {silent_seconds:.0f} s" if heard_since_start else f"since the master started {silent_seconds:.0f} s ago"
    )
    message = f"no heartbeat {since}: {missed} missed, one is due every {interval_seconds:g} s"
    return StatusChange(status, Reason.MISSED_HEARTBEATS, message)


def change_by_heartbeat(current: AgentStatus, silent_seconds: float) -> StatusChange | None:
    """What a heartbeat after ``silent_seconds`` makes of an agent; None: it was healthy."""
    if current is AgentStatus.HEALTHY:
        return None
    return StatusChange(AgentStatus.HEALTHY, Reason.RECOVERED, f"heartbeat after {silent_seconds:.0f} s of silence")


def pause_to_forgive(since_last_check_seconds: float, check_interval_seconds: float, tolerance_seconds: float) -> float:
    """Seconds in which the master itself stood still, to be taken off every agent's silence.

    A master that was stopped, swapped out or starved did not listen: its agents' heartbeats
    wait in its sockets. Judging by the whole gap would call the entire grid offline.
    """
    late = since_last_check_seconds - check_interval_seconds
    return late if late > tolerance_seconds else 0.0
