"""Changing an agent's status: in memory at once, in the registry behind, with an event and a log line."""

from __future__ import annotations

from sutra_grid.core.event_kinds import EventKind
from sutra_grid.core.liveness import StatusChange
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
    """The one place where a status of a registered agent changes."""

    def __init__(self, state: ClusterState, registry_writer: RegistryWriter) -> None:
        self._state = state
        self._registry_writer = registry_writer

    def change(self, judged: Agent, change: StatusChange, heartbeat_before: float | None = None) -> Agent | None:
        """Apply ``change`` unless the agent is no longer as it was ``judged``; see ``Grid.change_status``."""
        agent = self._state.agents.change_status(judged, change, heartbeat_before)
        if agent is None:
            return None
        self._registry_writer.queue_status(agent.agent_id)
        actor = Actor.AGENT if change.reason is Reason.UNREGISTERED else Actor.MASTER
        kind = _KINDS[change.status]
        self._registry_writer.queue_events(
            [Event(kind, agent.status_since_ms, actor, agent.agent_id, reason=change.reason, message=change.message)]
        )
        log.info(
            "agent status changed",
            agent=agent.agent_id,
            before=judged.status,
            after=change.status,
            reason=change.reason,
            message=change.message,
        )
        return agent
