"""Drains, undrains and removes agents. Each command may safely be repeated."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sutra_grid.core.agent.host_conflict import conflict_message
from sutra_grid.core.agent.removal import Removal, removal_of
from sutra_grid.core.errors import FailedPrecondition
from sutra_grid.core.event_kinds import EventKind
from sutra_grid.core.types import Actor, Agent, AgentStatus, Event, Reason
from sutra_grid.master.commands.actor import by_caller
from sutra_grid.master.lookups import known_agent
from sutra_grid.master.membership.refusals import HostRefusals
from sutra_grid.master.state.cluster_state import ClusterState
from sutra_grid.registry import Registry
from sutra_grid.runtime.clock import Clock, wall_ms
from sutra_grid.runtime.logging import get_logger

log = get_logger(__name__)

SHOWN_NODES = 5


class AgentCommands:
    """Thread-safe; blocks on the registry."""

    def __init__(
        self,
        registry: Registry,
        state: ClusterState,
        refusals: HostRefusals,
        forget: Sequence[Callable[[str], None]],
        clock: Clock,
    ) -> None:
        """``forget``: what is called with the id of a removed agent."""
        self._registry = registry
        self._state = state
        self._refusals = refusals
        self._forget = forget
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

    def remove(self, agent_id: str, *, force: bool = False) -> None:
        """Remove an offline agent and its nodes; with ``force`` also when some may still run.

        If the agent comes back, it registers as a new one and is assigned to stop those nodes. Their data stays.
        Raises ``NotFound``, and ``FailedPrecondition`` while the agent is not offline, or a node may run.
        """
        agent = known_agent(self._state, agent_id)
        nodes = self._state.nodes.of_agent(agent_id)
        if agent.status is not AgentStatus.OFFLINE:
            raise _not_offline(agent, len(nodes))
        removal = removal_of(agent, nodes)
        if removal.needs_force and not force:
            raise _nodes_may_run(agent, removal, self._refusals.waiting(agent_id))
        message = _removed(removal)
        self._registry.remove_agent(agent_id, [self._event(EventKind.AGENT_REMOVED, agent_id, message)])
        self._state.remove_agent(agent_id)
        for forget in self._forget:
            forget(agent_id)
        log.info("agent removed", agent=agent_id, nodes=len(nodes), may_run=len(removal.may_run))

    def _event(self, kind: EventKind, agent_id: str, message: str) -> Event:
        return by_caller(
            Event(kind, wall_ms(self._clock), Actor.OPERATOR, agent_id, reason=Reason.COMMANDED, message=message)
        )


def _not_offline(agent: Agent, nodes: int) -> FailedPrecondition:
    """An agent that runs registers again; so its removal would only lose the records of its nodes."""
    return FailedPrecondition(
        f"agent {agent.agent_id} is {agent.status} with {nodes} nodes",
        reason=Reason.AGENT_NOT_EMPTY if nodes else Reason.AGENT_NOT_OFFLINE,
        hint=f"To retire this host: `sutra-grid-cli agents drain {agent.agent_id} --stop-nodes` stops its nodes, whose "
        "data stays. Then stop the agent on its host, and remove it: that loses the records of its nodes"
        if nodes
        else "Stop the agent on its host first; otherwise it registers again",
    )


def _nodes_may_run(agent: Agent, removal: Removal, waiting: Agent | None) -> FailedPrecondition:
    message = f"agent {agent.agent_id} is offline ({agent.message or agent.reason}), and {removal.danger()}"
    first = "Check the host: bring its agent back, or make sure that nothing runs there"
    if waiting is not None:
        message += f". Another host id asks for this agent id: {conflict_message(agent, waiting)}"
        first = f"Is the data disk mounted on {waiting.hostname}? If not, mount it and restart the agent there"
    return FailedPrecondition(
        message,
        reason=Reason.NODES_MAY_RUN,
        hint=f"{first}. To remove it nevertheless: `sutra-grid-cli agents remove {agent.agent_id} --force`. "
        f"{removal.loss()}".rstrip("."),
    )


def _removed(removal: Removal) -> str:
    """The message of the event."""
    nodes = [node.node_id for node in removal.nodes]
    if not nodes:
        return "removed; it had no nodes"
    more = f" and {len(nodes) - SHOWN_NODES} more" if len(nodes) > SHOWN_NODES else ""
    danger = f"; by force: {removal.danger()}" if removal.needs_force else ""
    return f"removed with {len(nodes)} nodes: {', '.join(nodes[:SHOWN_NODES])}{more}{danger}"
