"""Registry rows as the messages that the wire shows of them. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from sutra_grid.core.status import cluster_summary, shown_status
from sutra_grid.core.types import Agent, AgentStatus, Event, Node
from sutra_grid.wire import grid_pb2 as pb
from sutra_grid.wire.convert import agent_record, cluster_summary_to_message, event_to_message, node_status


def agent_records(agents: Iterable[Agent], nodes: Iterable[Node]) -> list[pb.AgentRecord]:
    """Each agent with its nodes, in the order of ``agents``."""
    of_agent: dict[str, list[Node]] = defaultdict(list)
    for node in nodes:
        of_agent[node.agent_id].append(node)
    return [
        agent_record(agent, [(node, shown_status(node, agent.status)) for node in of_agent[agent.agent_id]])
        for agent in agents
    ]


def node_statuses(nodes: Iterable[Node], agents: Iterable[Agent]) -> list[pb.NodeStatus]:
    """Each node with the status that its report and its agent's status give."""
    statuses: dict[str, AgentStatus] = {agent.agent_id: agent.status for agent in agents}
    return [node_status(node, shown_status(node, statuses.get(node.agent_id))) for node in nodes]


def cluster_status(agents: Iterable[Agent], nodes: Iterable[Node]) -> pb.ClusterStatus:
    """The grid in numbers and one word. What only the master knows of itself stays empty."""
    return cluster_summary_to_message(cluster_summary(agents, nodes))


def event_list(events: Sequence[Event], last_event_id: int) -> pb.EventList:
    """Events, and the id to follow from: the last one's, or where the reader already was."""
    last = events[-1].event_id if events else last_event_id
    return pb.EventList(events=[event_to_message(event) for event in events], last_event_id=last)
