"""Drains, undrains and removes agents. Each command may safely be repeated."""

from __future__ import annotations

from collections.abc import Callable

from sutra_grid.core.errors import FailedPrecondition
from sutra_grid.core.event_kinds import EventKind
from sutra_grid.core.types import Actor, Agent, AgentStatus, Event, Reason
from sutra_grid.master.lookups import known_agent
from sutra_grid.master.state.cluster_state import ClusterState
from sutra_grid.registry import Registry
from sutra_grid.runtime.clock import Clock, wall_ms
from sutra_grid.runtime.logging import get_logger

log = get_logger(__name__)

SHOWN_NODES = 5


class AgentCommands:
    """Thread-safe; blocks on the registry."""

    def __init__(
        self, registry: Registry, state: ClusterState, forget_calls: Callable[[str], None], clock: Clock
    ) -> None:
        self._registry = registry
        self._state = state
        self._forget_calls = forget_calls
        self._clock = clock

    def set_drained(self, agent_id: str, drained: bool) -> Agent:
        """Close an agent for new nodes, or open it again. Its nodes keep running. Raises ``NotFound``."""
        agent = known_agent(self._state, agent_id)
        if agent.drained is not drained:
            kind = EventKind.AGENT_DRAINED if drained else EventKind.AGENT_UNDRAINED
            message = "takes no new nodes" if drained else "takes new nodes again"
            self._registry.set_drained(agent_id, drained, [self._event(kind, agent_id, message)])
            self._state.agents.set_drained(agent_id, drained)
            log.info(kind, agent=agent_id)
        return known_agent(self._state, agent_id)

    def remove(self, agent_id: str) -> None:
        """Remove an offline agent and its nodes.

        If the agent comes back, it registers as a new one and is assigned to stop those nodes. Their data stays.
        Raises ``NotFound``, and ``FailedPrecondition`` while the agent is not offline.
        """
        agent = known_agent(self._state, agent_id)
        nodes = self._state.nodes.of_agent(agent_id)
        if agent.status is not AgentStatus.OFFLINE:
            raise FailedPrecondition(
                f"agent {agent_id} is {agent.status} with {len(nodes)} nodes",
                reason=Reason.AGENT_NOT_EMPTY if nodes else Reason.AGENT_NOT_OFFLINE,
                hint="Remove its nodes, stop the agent on its host, then remove the agent"
                if nodes
                else "Stop the agent on its host first; otherwise it registers again",
            )
        names = ", ".join(node.node_id for node in nodes[:SHOWN_NODES])
        more = f" and {len(nodes) - SHOWN_NODES} more" if len(nodes) > SHOWN_NODES else ""
        message = f"removed with {len(nodes)} nodes: {names}{more}" if nodes else "removed; it had no nodes"
        self._registry.remove_agent(agent_id, [self._event(EventKind.AGENT_REMOVED, agent_id, message)])
        self._state.remove_agent(agent_id)
        self._forget_calls(agent_id)
        log.info("agent removed", agent=agent_id, nodes=len(nodes))

    def _event(self, kind: EventKind, agent_id: str, message: str) -> Event:
        return Event(kind, wall_ms(self._clock), Actor.OPERATOR, agent_id, reason=Reason.COMMANDED, message=message)
