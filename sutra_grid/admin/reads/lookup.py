"""Finds agents and nodes by id."""

from __future__ import annotations

from sutra_grid.core.errors import NotFound
from sutra_grid.core.types import Agent, Node, Reason
from sutra_grid.registry import Registry


def find_agent(rows: Registry, agent_id: str) -> Agent:
    """The agent with this id. Raises ``NotFound``."""
    agent = rows.agent(agent_id)
    if agent is None:
        raise NotFound(
            f"agent {agent_id} is not registered",
            reason=Reason.UNKNOWN_AGENT,
            hint="See the list of agents (GET /agents)",
        )
    return agent


def find_node(rows: Registry, node_id: str) -> Node:
    """The node with this id. Raises ``NotFound``, whose reason says whether the node was removed."""
    node = rows.node(node_id)
    if node is not None:
        return node
    hint = "See the list of nodes (GET /nodes)"
    if rows.was_removed(node_id):
        raise NotFound(f"node {node_id} was removed", reason=Reason.NODE_REMOVED, hint=hint)
    raise NotFound(f"node {node_id} does not exist", reason=Reason.UNKNOWN_NODE, hint=hint)
