"""Refuses hosts that ask for the agent id of another host: one event for each such pair, not for each attempt."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from sutra_grid.core.agent.host_conflict import conflict_hint, conflict_message
from sutra_grid.core.errors import AlreadyExists, GridError
from sutra_grid.core.event_kinds import EventKind
from sutra_grid.core.types import Actor, Agent, Event, Reason
from sutra_grid.master.registry_writes.write_behind import RegistryWriter
from sutra_grid.registry import EventQuery, Registry
from sutra_grid.runtime.clock import Clock, wall_ms
from sutra_grid.runtime.logging import get_logger

log = get_logger(__name__)

#: Refused hosts of one agent id that are remembered. The oldest is forgotten first, and then gets another event.
MAX_REMEMBERED = 16
#: A refused agent retries every few seconds; after this long it has given up.
WAITING_SECONDS = 60.0


@dataclass(slots=True)
class _Refused:
    """What was refused for one agent id. Guarded by the lock of ``HostRefusals``."""

    told: list[str] = field(default_factory=list)  # messages that have their event, the oldest first
    last: Agent | None = None
    last_at: float = 0.0  # monotonic seconds


class HostRefusals:
    """Thread-safe. ``refuse`` may read the registry once for each agent id."""

    def __init__(self, registry: Registry, registry_writer: RegistryWriter, clock: Clock) -> None:
        self._registry = registry
        self._registry_writer = registry_writer
        self._clock = clock
        self._lock = threading.Lock()
        self._by_agent: dict[str, _Refused] = {}  # only ids of registered agents; guarded by _lock

    def refuse(self, agent: Agent, holder: Agent) -> AlreadyExists:
        """The error for ``agent``, whose id ``holder`` has. Records an event unless this pair has one."""
        message = conflict_message(holder, agent)
        if self._is_new(agent, message):
            event = Event(
                EventKind.AGENT_REFUSED,
                wall_ms(self._clock),
                Actor.MASTER,
                agent.agent_id,
                reason=Reason.HOST_CONFLICT,
                message=message,
            )
            self._registry_writer.queue_events([event])
            log.warning("agent refused", agent=agent.agent_id, hostname=agent.hostname, message=message)
        return AlreadyExists(message, reason=Reason.HOST_CONFLICT, hint=conflict_hint(holder, agent))

    def holder_changed(self, agent_id: str) -> None:
        """Forget what was refused: a new process holds the id, so a later refusal is news."""
        with self._lock:
            self._by_agent[agent_id] = _Refused()

    def forget(self, agent_id: str) -> None:
        """Keep nothing for an agent that was removed."""
        with self._lock:
            self._by_agent.pop(agent_id, None)

    def waiting(self, agent_id: str) -> Agent | None:
        """The host that was refused last, while it still asks."""
        with self._lock:
            refused = self._by_agent.get(agent_id)
            if refused is None or self._clock.monotonic() - refused.last_at > WAITING_SECONDS:
                return None
            return refused.last

    def _is_new(self, agent: Agent, message: str) -> bool:
        with self._lock:
            known = agent.agent_id in self._by_agent
        earlier = [] if known else self._told_before_restart(agent.agent_id)
        with self._lock:
            refused = self._by_agent.setdefault(agent.agent_id, _Refused())
            refused.told.extend(earlier)
            refused.last, refused.last_at = agent, self._clock.monotonic()
            if message in refused.told:
                return False
            refused.told = [*refused.told, message][-MAX_REMEMBERED:]
            return True

    def _told_before_restart(self, agent_id: str) -> list[str]:
        """The messages of events that an earlier master recorded, oldest first; none while the registry is away."""
        query = EventQuery(agent_id=agent_id, kind=EventKind.AGENT_REFUSED, limit=MAX_REMEMBERED)
        try:
            return [event.message for event in self._registry.event_page(query)]
        except GridError as error:
            log.info("earlier refusals can't be read", agent=agent_id, why=error)
            return []
