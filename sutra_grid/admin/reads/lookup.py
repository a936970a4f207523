"""Agents and nodes by their ids, or why there is none."""

from __future__ import annotations

from sutra_grid.core.errors import NotFound
from sutra_grid.core.types import Agent, Node, Reason
from sutra_grid.registry import Registry


def find_agent(rows: Registry, agent_id: str) -> Agent:
    """The agent. Raises ``NotFound``."""
    agent = rows.agent(agent_id)
    if agent is None:
        raise NotFound(
            f"agent {agent_id} is not registered",
            reason=Reason.UNKNOWN_AGENT,
            hint="the list of agents (GET /agents) has those that are",
        )
    return agent


def find_node(rows: Registry, node_id: str) -> Node:
    """The node. Raises ``NotFound``, which tells one that was removed from one that never was."""
    node = rows.node(node_id)
    if node is not None:
        return node
    hint = "the list of nodes (GET /nodes) has those that there are"
    if rows.was_removed(node_id):
        raise NotFound(f"node {node_id} was removed", reason=Reason.NODE_REMOVED, hint=hint)
    raise NotFound(f"there is no node {node_id}", reason=Reason.UNKNOWN_NODE, hint=hint)
