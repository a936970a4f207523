"""Finds the agent or node that a request names, or raises an error that says what to do."""

from __future__ import annotations

from sutra_grid.core.errors import FailedPrecondition, NotFound, Unavailable
from sutra_grid.core.placement import unknown_agent
from sutra_grid.core.types import Agent, AgentStatus, Node, Reason
from sutra_grid.master.state.cluster_state import ClusterState


def known_agent(state: ClusterState, agent_id: str) -> Agent:
    """The agent. Raises ``NotFound``."""
    agent = state.agents.get(agent_id)
    if agent is None:
        raise unknown_agent(agent_id)
    return agent


def known_node(state: ClusterState, node_id: str) -> Node:
    """The node. Raises ``NotFound``: ``node_removed`` for one that was there, else ``unknown_node``."""
    node = state.nodes.get(node_id)
    if node is not None:
        return node
    hint = "List all nodes with `sutra-grid-cli nodes list`"
    if state.nodes.tombstone_generation(node_id) is not None:
        raise NotFound(f"node {node_id} was removed", reason=Reason.NODE_REMOVED, hint=hint)
    raise NotFound(f"node {node_id!r} does not exist", reason=Reason.UNKNOWN_NODE, hint=hint)


def reachable_agent(state: ClusterState, agent_id: str) -> Agent:
    """The agent, if it can be called. Raises ``GridError`` with the reason otherwise."""
    agent = known_agent(state, agent_id)
    if agent.status is AgentStatus.OFFLINE:
        raise Unavailable(
            f"agent {agent_id} is offline: {agent.message or agent.reason}",
            reason=Reason.AGENT_OFFLINE,
            hint="Start the agent on its host",
        )
    if not agent.endpoint:
        raise FailedPrecondition(
            f"agent {agent_id} registered without an endpoint, so the master cannot call it",
            reason=Reason.UNSUPPORTED,
            hint="Upgrade sutra-grid-agent on its host",
        )
    return agent
