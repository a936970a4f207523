"""Changes the status of agents that miss heartbeats. Ages are measured on the monotonic clock."""

from __future__ import annotations

from sutra_grid.core.agent.liveness import LivenessPolicy, change_by_missed_heartbeats, pause_to_exclude
from sutra_grid.master.membership.agent_statuses import AgentStatuses
from sutra_grid.master.state.cluster_state import ClusterState
from sutra_grid.runtime.clock import Clock
from sutra_grid.runtime.logging import get_logger

log = get_logger(__name__)

#: A check that comes this much too late shows that the master was paused. Load alone does not delay it so far.
PAUSE_TOLERANCE_SECONDS = 2.0


class HealthMonitor:
    """Checks every agent at each call. Called by one thread, or by a test."""

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
        """Set agents degraded or offline that have missed too many heartbeats."""
        now = self._clock.monotonic()
        pause = pause_to_exclude(now - self._checked_at, self.interval_seconds, PAUSE_TOLERANCE_SECONDS)
        self._checked_at = now
        if pause:
            log.warning("the master was paused; this time does not count as missed heartbeats", seconds=round(pause, 1))
            self._state.agents.exclude_pause(pause)
            return
        for age in self._state.agents.overdue(self._policy.degraded_after_missed):
            change = change_by_missed_heartbeats(
                age.agent.status,
                age_seconds=age.seconds,
                interval_seconds=age.agent.heartbeat_interval_ms / 1000,
                policy=self._policy,
                reported_since_start=age.reported_since_start,
            )
            if change is not None:
                self._statuses.change(age.agent, change, heartbeat_before=now)
