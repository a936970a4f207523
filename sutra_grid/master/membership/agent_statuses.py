"""Changes the status of an agent: in memory at once, in the registry soon after, with an event and a log line."""

from __future__ import annotations

from sutra_grid.core.agent.liveness import StatusChange
from sutra_grid.core.event_kinds import EventKind
from sutra_grid.core.types import Actor, Agent, AgentStatus, Event, Reason
from sutra_grid.master.registry_writes.write_behind import RegistryWriter
from sutra_grid.master.state.cluster_state import ClusterState
from sutra_grid.runtime.logging import get_logger

log = get_logger(__name__)

_KINDS = {
    AgentStatus.HEALTHY: EventKind.AGENT_RECOVERED,
    AgentStatus.DEGRADED: EventKind.AGENT_DEGRADED,
    AgentStatus.OFFLINE: EventKind.AGENT_OFFLINE,
}


class AgentStatuses:
    """The one place where the status of an agent changes, each time by ``core.agent.liveness.AGENT_TRANSITIONS``."""

    def __init__(self, state: ClusterState, registry_writer: RegistryWriter) -> None:
        self._state = state
        self._registry_writer = registry_writer

    def change(self, judged: Agent, change: StatusChange, heartbeat_before: float | None = None) -> Agent | None:
        """Apply ``change`` unless the agent changed since it was ``judged``; see ``AgentTable.change_status``."""
        agent = self._state.agents.change_status(judged, change, heartbeat_before)
        if agent is None:
            return None
        self._registry_writer.queue_status(agent.agent_id)
        actor = Actor.AGENT if change.reason is Reason.UNREGISTERED else Actor.MASTER
        kind = _KINDS[change.status]
        self._registry_writer.queue_events(
            [Event(kind, agent.status_since_ms, actor, agent.agent_id, reason=change.reason, message=change.message)]
        )
        _log_change(agent, before=judged.status)
        return agent

    def register(self, agent: Agent, known: Agent | None) -> None:
        """Take a registration that the registry has saved: its agent is healthy.

        ``known`` is the record from which the events of the registration were made. A status that changed while the
        registration was saved is not in them: the recovery from it becomes an event here.
        """
        before = self._state.agents.register(agent)
        # A batch that was under way may have written the status from before over the one just saved.
        self._registry_writer.queue_status(agent.agent_id)
        if before is None or before.status is agent.status:
            return
        if known is None or known.status is agent.status:
            self._registry_writer.queue_events([recovery_event(agent, before)])
        _log_change(agent, before=before.status)


def recovery_event(agent: Agent, before: Agent) -> Event:
    """The event of an agent that is healthy again because it registered."""
    message = f"it was {before.status}: {before.message}"
    return Event(
        EventKind.AGENT_RECOVERED,
        agent.registered_at_ms,
        Actor.MASTER,
        agent.agent_id,
        reason=Reason.RECOVERED,
        message=message,
    )


def _log_change(agent: Agent, before: AgentStatus) -> None:
    log.info(
        "agent status changed",
        agent=agent.agent_id,
        before=before,
        after=agent.status,
        reason=agent.reason,
        message=agent.message,
    )
