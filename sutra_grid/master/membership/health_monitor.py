"""Watches the silence of every agent on the monotonic clock and changes their statuses by it."""

from __future__ import annotations

from sutra_grid.core.liveness import LivenessPolicy, change_by_silence, pause_to_forgive
from sutra_grid.master.membership.agent_statuses import AgentStatuses
from sutra_grid.master.state.cluster_state import ClusterState
from sutra_grid.runtime.clock import Clock
from sutra_grid.runtime.logging import get_logger

log = get_logger(__name__)

#: The master was not merely busy when a check comes so much too late; it stood still.
PAUSE_TOLERANCE_SECONDS = 2.0


class HealthMonitor:
    """One check judges every agent. Called by one thread, a ticker's, or by a test."""

    def __init__(
        self,
        state: ClusterState,
        statuses: AgentStatuses,
        policy: LivenessPolicy,
        clock: Clock,
        interval_seconds: float,
    ) -> None:
        self.interval_seconds = interval_seconds
        self._state = state
        self._statuses = statuses
        self._policy = policy
        self._clock = clock
        self._checked_at = clock.monotonic()

    def check(self) -> None:
        """Degrade or end the agents that have been silent for too long."""
        now = self._clock.monotonic()
        pause = pause_to_forgive(now - self._checked_at, self.interval_seconds, PAUSE_TOLERANCE_SECONDS)
        self._checked_at = now
        if pause:
            log.warning("the master stood still; no agent is judged by that time", seconds=round(pause, 1))
            self._state.agents.exclude_pause(pause)
            return
        for age in self._state.agents.overdue(self._policy.degraded_after_missed):
            change = change_by_silence(
                age.agent.status,
                silent_seconds=age.seconds,
                interval_seconds=age.agent.heartbeat_interval_ms / 1000,
                policy=self._policy,
                heard_since_start=age.reported_since_start,
            )
            if change is not None:
                self._statuses.change(age.agent, change, heartbeat_before=now)
