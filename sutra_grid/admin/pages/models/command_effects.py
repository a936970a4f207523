"""What a command will do, told before it is given."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from sutra_grid.admin.commands.agents import AgentVerb
from sutra_grid.admin.commands.nodes import NodeVerb
from sutra_grid.core.types import Agent, AgentStatus, NodeStatus
from sutra_grid.wire import grid_pb2 as pb

#: A command that has been carried out.
DONE: Final = {
    NodeVerb.START: "started",
    NodeVerb.STOP: "stopped",
    NodeVerb.RESTART: "restarted",
    NodeVerb.REMOVE: "removed",
    AgentVerb.DRAIN: "drained",
    AgentVerb.UNDRAIN: "open for new nodes again",
}
#: One that is under way.
DOING: Final = {
    NodeVerb.START: "Starting",
    NodeVerb.STOP: "Stopping",
    NodeVerb.RESTART: "Restarting",
    NodeVerb.REMOVE: "Removing",
}


def node_effect(verb: NodeVerb, node: pb.NodeStatus) -> str:
    """What happens to this node."""
    words = _OF_NODE[verb](node)
    if node.status == NodeStatus.UNKNOWN:
        words += f" Its agent {node.agent_id} is offline, so nobody can tell how it is now."
    return words


def drain_effects(agent: Agent, nodes: int) -> list[str]:
    """What draining does."""
    stay = f"Its {_nodes(nodes)} stay, unless you have them stopped too." if nodes else "It has no nodes."
    return [f"{agent.agent_id} takes no new nodes until it is undrained.", stay]


def undrain_effects(agent: Agent) -> list[str]:
    """What undraining does."""
    return [f"New nodes may come to {agent.agent_id} again. It uses at most {agent.max_storage_nodes} slots."]


def removal_effects(agent: Agent, nodes: int) -> list[str]:
    """What forgetting an agent does."""
    words = [f"The grid forgets {agent.agent_id} on {agent.hostname}."]
    if agent.status is not AgentStatus.OFFLINE and nodes:
        words.append(f"It is {agent.status} and has {_nodes(nodes)}: the master will refuse. Remove them first.")
    elif nodes:
        words.append(
            f"With it the grid forgets its {_nodes(nodes)}. Their data stays in {agent.data_path} on its host."
        )
    if agent.status is not AgentStatus.OFFLINE:
        words.append("It registers again by itself as long as it runs: stop its service on its host as well.")
    return words


def progress_text(nodes: list[pb.NodeStatus]) -> str:
    """How far a command is that is under way: the statuses counted, or the one's own."""
    if len(nodes) == 1:
        process = f", process {nodes[0].pid}" if nodes[0].pid else ""
        return f"{nodes[0].node_id} is {nodes[0].status}{process}"
    counts: dict[str, int] = {}
    for node in nodes:
        counts[node.status] = counts.get(node.status, 0) + 1
    return ", ".join(f"{count} {status}" for status, count in sorted(counts.items())) or "nothing is left"


def _start(node: pb.NodeStatus) -> str:
    if node.pid:
        return f"It has a process already ({node.pid}), which is left as it is."
    return f"Starts its process on {node.agent_id}, with its data in {_data(node)}. Its back-off is over."


def _stop(node: pb.NodeStatus) -> str:
    ends = f"Stops process {node.pid}" if node.pid else "Has no process; it is kept from being started again"
    return f"{ends}, until somebody starts it. Its data stays in {_data(node)} on {node.agent_id}."


def _restart(node: pb.NodeStatus) -> str:
    if not node.pid:
        return f"Has no process: starts one on {node.agent_id}."
    return f"Stops process {node.pid} and starts it anew. It is not reachable in between."


def _remove(node: pb.NodeStatus) -> str:
    ends = f"Stops process {node.pid} and forgets the node" if node.pid else "Forgets the node"
    return f"{ends}. Its data and log stay in {_data(node)} on {node.agent_id}; nothing will start it again."


def _data(node: pb.NodeStatus) -> str:
    return node.spec.storage_path or "a path that its agent chose"


def _nodes(count: int) -> str:
    return "1 node" if count == 1 else f"{count} nodes"


_OF_NODE: Final[dict[NodeVerb, Callable[[pb.NodeStatus], str]]] = {
    NodeVerb.START: _start,
    NodeVerb.STOP: _stop,
    NodeVerb.RESTART: _restart,
    NodeVerb.REMOVE: _remove,
}
