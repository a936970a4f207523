"""Descriptions of what a command will do, shown before it is sent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from sutra_grid.admin.commands.agents import AgentVerb
from sutra_grid.admin.commands.nodes import NodeVerb
from sutra_grid.core.agent.removal import Removal
from sutra_grid.core.types import Agent, AgentStatus, NodeStatus, Reason
from sutra_grid.wire import grid_pb2 as pb

#: Past participles for messages: "node-1 is stopped".
COMPLETED: Final = {
    NodeVerb.START: "started",
    NodeVerb.STOP: "stopped",
    NodeVerb.RESTART: "restarted",
    NodeVerb.REMOVE: "removed",
    AgentVerb.DRAIN: "drained",
    AgentVerb.UNDRAIN: "undrained",
}
#: Labels of commands in progress.
IN_PROGRESS: Final = {
    NodeVerb.START: "Starting",
    NodeVerb.STOP: "Stopping",
    NodeVerb.RESTART: "Restarting",
    NodeVerb.REMOVE: "Removing",
}


def node_effect(verb: NodeVerb, node: pb.NodeStatus) -> str:
    """The effect of a command on a node; of one that nobody sees now, when its agent is back."""
    if node.status != NodeStatus.UNKNOWN:
        return _NODE_EFFECTS[verb](node)
    last = f" In its last report it ran as process {node.pid}." if node.pid else ""
    data = f" Its data and log stay in {_data(node)} on {node.agent_id}." if verb is NodeVerb.REMOVE else ""
    return (
        f"Its agent {node.agent_id} is offline, so nothing happens now. The {verb} is recorded, and carried out when "
        f"the agent is back.{last}{data}"
    )


def drain_effects(agent: Agent, nodes: int) -> list[str]:
    """The effects of draining an agent; of an offline one when it is back."""
    if agent.status is AgentStatus.OFFLINE:
        left = f"Its {nodes_text(nodes)} can't be stopped now." if nodes else "It has no nodes."
        return [f"{agent.agent_id} is offline. When it is back, it accepts no new nodes until it is undrained.", left]
    stay = f"Its {nodes_text(nodes)} keep running, unless you also stop them." if nodes else "It has no nodes."
    return [f"{agent.agent_id} accepts no new nodes until it is undrained.", stay]


def undrain_effects(agent: Agent, by_drain: int) -> list[str]:
    """The effects of undraining an agent whose drain has stopped ``by_drain`` nodes."""
    if not agent.drained and not by_drain:
        return [f"{agent.agent_id} is not drained. Nothing changes."]
    when = " when it is back: it is offline" if agent.status is AgentStatus.OFFLINE else ""
    effects = [f"{agent.agent_id} accepts new nodes again{when}. It has {agent.max_storage_nodes} slots."]
    if by_drain:
        effects.append(f"Its drain has stopped {nodes_text(by_drain)}. They stay stopped, unless you also start them.")
    return effects


def removal_effects(agent: Agent, removal: Removal) -> list[str]:
    """The effects of removing an agent, in the words that the master uses too."""
    if agent.status is not AgentStatus.OFFLINE:
        has = f" and has {nodes_text(len(removal.nodes))}" if removal.nodes else ""
        return [
            f"{agent.agent_id} on {agent.hostname} is {agent.status}{has}: the master will refuse.",
            "A running agent registers again. Drain it and stop its nodes, then stop its service on its host.",
            removal.loss(),
        ]
    effects = [f"Removes {agent.agent_id} on {agent.hostname} from the grid."]
    if removal.needs_force:
        effects.append(f"{removal.danger()}.")
    return [*effects, removal.loss()]


def progress_text(nodes: list[pb.NodeStatus]) -> str:
    """The progress of a command: the status of one node, or the number of nodes by status."""
    if len(nodes) == 1:
        process = f", process {nodes[0].pid}" if nodes[0].pid else ""
        return f"{nodes[0].node_id} is {nodes[0].status}{process}"
    counts: dict[str, int] = {}
    for node in nodes:
        counts[node.status] = counts.get(node.status, 0) + 1
    return ", ".join(f"{count} {status}" for status, count in sorted(counts.items())) or "no nodes left"


def _start(node: pb.NodeStatus) -> str:
    if node.pid:
        if node.reason == Reason.UNPROVED_PROCESS:
            return _unproved(node, "The node is started")
        return f"Its agent reports that process {node.pid} runs. Nothing changes."
    return f"Starts a process on {node.agent_id} with the data in {_data(node)}. Ends any back-off."


def _stop(node: pb.NodeStatus) -> str:
    if node.reason == Reason.UNPROVED_PROCESS:
        return _unproved(node, "The node is stopped")
    effect = f"Stops process {node.pid}." if node.pid else "Its agent reports no process."
    return (
        f"{effect} The node stays stopped until someone starts it. Its data stays in {_data(node)} on {node.agent_id}."
    )


def _unproved(node: pb.NodeStatus, then: str) -> str:
    """What happens while a process lives that may be the node's."""
    return f"Signals nothing: process {node.pid} is not proved to be the node's. {then} when that process has ended."


def _restart(node: pb.NodeStatus) -> str:
    if node.reason == Reason.UNPROVED_PROCESS:
        return _unproved(node, "The node is started")
    if not node.pid:
        return f"Its agent reports no process. Starts one on {node.agent_id}."
    return f"Stops process {node.pid} and starts a new one. The node is unreachable in between."


def _remove(node: pb.NodeStatus) -> str:
    if node.reason == Reason.UNPROVED_PROCESS:
        return _unproved(node, "The node is removed")
    effect = f"Stops process {node.pid} and removes the node" if node.pid else "Removes the node"
    return f"{effect} for good. Its data and log stay in {_data(node)} on {node.agent_id}."


def _data(node: pb.NodeStatus) -> str:
    return node.spec.storage_path or "a directory chosen by its agent"


def nodes_text(count: int) -> str:
    """``1 node``, ``2 nodes``."""
    return "1 node" if count == 1 else f"{count} nodes"


_NODE_EFFECTS: Final[dict[NodeVerb, Callable[[pb.NodeStatus], str]]] = {
    NodeVerb.START: _start,
    NodeVerb.STOP: _stop,
    NodeVerb.RESTART: _restart,
    NodeVerb.REMOVE: _remove,
}
