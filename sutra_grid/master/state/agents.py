"""The agents: their records, when each one last sent a heartbeat, and the statuses that follow from it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from threading import RLock

from sutra_grid.core.agent.liveness import AGENT_TRANSITIONS, StatusChange
from sutra_grid.core.samples import HostSample
from sutra_grid.core.types import Agent, AgentStatus, Reachability
from sutra_grid.runtime.clock import Clock, wall_ms

#: How often measurements reach the registry when nothing else has changed. Memory always has the newest.
SAMPLES_EVERY_SECONDS = 10.0


@dataclass(slots=True)
class _Entry:
    """An agent and what its heartbeats change. Guarded by the lock of the cluster state."""

    agent: Agent  # its heartbeat time and host sample are those of the registration
    heartbeat_at: float  # monotonic seconds
    reported_since_start: bool
    last_heartbeat_ms: int
    host: HostSample | None
    samples_kept_at: float  # monotonic seconds
    claimed_nodes: int = 0  # the number that a client without an inventory reports

    def now(self) -> Agent:
        return replace(self.agent, last_heartbeat_ms=self.last_heartbeat_ms, host=self.host)


@dataclass(frozen=True, slots=True)
class HeartbeatAge:
    """The time since an agent's last heartbeat. Liveness is judged by nothing else.

    ``reported_since_start`` False: the agent did not report to this master yet, and the time counts from its start.
    """

    agent: Agent
    seconds: float
    reported_since_start: bool


@dataclass(frozen=True, slots=True)
class RecordedHeartbeat:
    """How old the heartbeat before this one was, and whether its measurements are due to be written."""

    previous: HeartbeatAge
    samples_due: bool


class AgentTable:
    """Thread-safe: every method takes the lock of the cluster state and is short. Values are immutable."""

    def __init__(self, lock: RLock, clock: Clock) -> None:
        self._clock = clock
        self._lock = lock
        # guarded by _lock:
        self._entries: dict[str, _Entry] = {}  # by agent id
        self._removed: set[str] = set()  # ids of agents that were removed since this master started

    # -- records --

    def get(self, agent_id: str) -> Agent | None:
        """The agent as it is now, or None."""
        with self._lock:
            entry = self._entries.get(agent_id)
            return entry.now() if entry else None

    def all(self) -> list[Agent]:
        """All agents by id."""
        with self._lock:
            return [self._entries[agent_id].now() for agent_id in sorted(self._entries)]

    def registration(self, agent_id: str) -> Agent | None:
        """The agent without its latest heartbeat time and host sample, or None. Cheaper than ``get``."""
        with self._lock:
            entry = self._entries.get(agent_id)
            return entry.agent if entry else None

    def registrations(self) -> list[Agent]:
        """All agents, in no order, without their latest heartbeat times and host samples. Cheaper than ``all``."""
        with self._lock:
            return [entry.agent for entry in self._entries.values()]

    def removed(self) -> frozenset[str]:
        """The ids of agents that were removed and did not register again since this master started."""
        with self._lock:
            return frozenset(self._removed)

    def load(self, agents: Iterable[Agent]) -> None:
        """Add the agents that are not known here. Each one gets a full grace period from now."""
        now = self._clock.monotonic()
        with self._lock:
            for agent in agents:
                entry = _Entry(agent, now, False, agent.last_heartbeat_ms, agent.host, now)
                self._entries.setdefault(agent.agent_id, entry)

    def register(self, agent: Agent) -> Agent | None:
        """Replace the record by that of a new registration, which counts as a heartbeat.

        The drained flag and the reachability are kept.

        Returns the record that was replaced. Raises ``IllegalTransition`` when the new status may not follow the old.
        """
        now = self._clock.monotonic()
        with self._lock:
            entry = self._entries.get(agent.agent_id)
            known = entry.now() if entry else None
            if known is not None:
                agent = replace(
                    agent,
                    drained=known.drained,
                    status_since_ms=known.status_since_ms,
                    reachability=known.reachability,
                )
                if agent.status is not known.status:
                    agent = self._transition(
                        agent, known.status, StatusChange(agent.status, agent.reason, agent.message)
                    )
            self._removed.discard(agent.agent_id)
            self._entries[agent.agent_id] = _Entry(agent, now, True, agent.last_heartbeat_ms, agent.host, now)
            return known

    def remove(self, agent_id: str) -> None:
        """Remove the record."""
        with self._lock:
            self._entries.pop(agent_id, None)
            self._removed.add(agent_id)

    def set_drained(self, agent_id: str, drained: bool) -> None:
        """Close an agent for new nodes, or open it again."""
        with self._lock:
            if entry := self._entries.get(agent_id):
                entry.agent = replace(entry.agent, drained=drained)

    # -- liveness --

    def record_heartbeat(
        self, agent_id: str, session_id: str, host: HostSample | None, claimed_nodes: int = 0
    ) -> RecordedHeartbeat | None:
        """Record a heartbeat of that session. None: the agent has another session now, or is not registered."""
        now = self._clock.monotonic()
        with self._lock:
            entry = self._entries.get(agent_id)
            if entry is None or (session_id and entry.agent.session_id != session_id):
                return None
            previous = HeartbeatAge(entry.agent, now - entry.heartbeat_at, entry.reported_since_start)
            samples_due = now - entry.samples_kept_at >= SAMPLES_EVERY_SECONDS
            if samples_due:
                entry.samples_kept_at = now
            entry.heartbeat_at = now
            entry.reported_since_start = True
            entry.last_heartbeat_ms = wall_ms(self._clock)
            entry.host = host or entry.host
            entry.claimed_nodes = claimed_nodes
            return RecordedHeartbeat(previous, samples_due)

    def has_reported(self, agent_id: str) -> bool:
        """Whether the agent has registered or sent a heartbeat since this master started."""
        with self._lock:
            entry = self._entries.get(agent_id)
            return entry is not None and entry.reported_since_start

    def overdue(self, missed: int) -> list[HeartbeatAge]:
        """The agents that have missed at least ``missed`` heartbeats, each by its own interval."""
        now = self._clock.monotonic()
        with self._lock:
            return [
                HeartbeatAge(entry.agent, now - entry.heartbeat_at, entry.reported_since_start)
                for entry in self._entries.values()
                if (now - entry.heartbeat_at) * 1000 >= missed * entry.agent.heartbeat_interval_ms
            ]

    def exclude_pause(self, seconds: float) -> None:
        """Make every agent's last heartbeat younger by ``seconds`` in which this process was paused."""
        with self._lock:
            for entry in self._entries.values():
                entry.heartbeat_at += seconds

    def change_status(self, judged: Agent, change: StatusChange, heartbeat_before: float | None = None) -> Agent | None:
        """Give an agent a new status and return the new record. None: the agent changed since it was ``judged``.

        ``heartbeat_before``: a heartbeat at or after this monotonic moment prevents the change too. Raises
        ``IllegalTransition`` when the new status may not follow the old.
        """
        with self._lock:
            entry = self._entries.get(judged.agent_id)
            if entry is None or entry.agent.session_id != judged.session_id or entry.agent.status is not judged.status:
                return None
            if heartbeat_before is not None and entry.heartbeat_at >= heartbeat_before:
                return None
            entry.agent = self._transition(entry.agent, entry.agent.status, change)
            return entry.now()

    def change_reachability(
        self, looked_at: Agent, decide: Callable[[Reachability], Reachability]
    ) -> tuple[Reachability, Reachability] | None:
        """Replace what is known by what ``decide`` makes of it; both. None: the agent has another session now."""
        with self._lock:
            entry = self._entries.get(looked_at.agent_id)
            if entry is None or entry.agent.session_id != looked_at.session_id:
                return None
            before = entry.agent.reachability
            after = decide(before)
            if after != before:
                entry.agent = replace(entry.agent, reachability=after)
            return before, after

    def claimed_nodes(self, agent_id: str) -> int:
        """The number of nodes that a client without an inventory reported."""
        with self._lock:
            entry = self._entries.get(agent_id)
            return entry.claimed_nodes if entry else 0

    def _transition(self, agent: Agent, before: AgentStatus, change: StatusChange) -> Agent:
        """The record with its new status, if that may follow ``before``. Every change of a status passes here."""
        AGENT_TRANSITIONS.check(before, change.status)
        return replace(
            agent,
            status=change.status,
            reason=change.reason,
            message=change.message,
            status_since_ms=wall_ms(self._clock),
        )
