"""Converts rows of the registry to wire messages, as the API and the pages show them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sutra_grid.admin.reads.grid_status import seen_at_ms
from sutra_grid.admin.schemas.responses import NOT_IN_LISTS
from sutra_grid.core.status import shown_node
from sutra_grid.core.time_left import seen_at
from sutra_grid.core.types import Agent, Event, Node
from sutra_grid.registry import ListedAgent, ListedNode, Registry
from sutra_grid.wire import grid_pb2 as pb
from sutra_grid.wire.convert import agent_record, event_to_message, node_status, to_json


def agent_with_nodes(agent: Agent, nodes: Iterable[Node]) -> pb.AgentRecord:
    """An agent with all of its nodes. Needs a request context."""
    at_ms = seen_at_ms()
    seen = [seen_at(node, at_ms) for node in nodes]
    return agent_record(agent, [(node, shown_node(node, agent)) for node in seen])


def as_seen(node: Node) -> Node:
    """The node with the times that were left when it was last seen. Needs a request context."""
    return seen_at(node, seen_at_ms())


def listed_node(listed: ListedNode) -> pb.NodeStatus:
    """A node as lists show it. ``node_page`` has set the times that are left."""
    return node_status(listed.node, listed.shown)


def listed_agent(listed: ListedAgent) -> dict[str, Any]:
    """An agent as lists show it: with the number of its nodes but without them."""
    record = agent_record(listed.agent, [])
    record.current_storage_nodes = listed.used_slots
    return {name: value for name, value in to_json(record).items() if name not in NOT_IN_LISTS}


def event_list(events: Sequence[Event], last_event_id: int) -> pb.EventList:
    """Events and the id to follow from: that of the last event, or else ``last_event_id``."""
    last = events[-1].event_id if events else last_event_id
    return pb.EventList(events=[event_to_message(event) for event in events], last_event_id=last)


def node_statuses(rows: Registry, nodes: Iterable[Node]) -> list[pb.NodeStatus]:
    """Nodes as wire messages, in their order. Reads their agents. Needs a request context."""
    at_ms = seen_at_ms()
    kept = [seen_at(node, at_ms) for node in nodes]
    agents = {agent_id: rows.agent(agent_id) for agent_id in {node.agent_id for node in kept}}
    return [node_status(node, shown_node(node, agents[node.agent_id])) for node in kept]
