"""Descriptions of nodes and agents that all interfaces share. Pure."""

from __future__ import annotations

from typing import Final

from sutra_grid.core.age import age, duration
from sutra_grid.core.agent.memory_limits import limits_text
from sutra_grid.core.agent.reachability import remedy
from sutra_grid.core.agent.removal import LastKnown, Removal
from sutra_grid.core.listed_status import ListedStatus, listed_status
from sutra_grid.core.node.record import signal_name
from sutra_grid.core.types import AgentStatus, Desired, NodeStatus, ReachState, Reason
from sutra_grid.runtime.net import is_loopback
from sutra_grid.wire import grid_pb2 as pb


def agent_status(agent: pb.AgentRecord) -> str:
    """The status, with ``drained`` if it takes no new nodes and ``unreachable`` if the master can't call it back."""
    marks = [agent.status, *(["drained"] if agent.drained else []), *(["unreachable"] if is_unreachable(agent) else [])]
    return ",".join(marks)


def is_unreachable(agent: pb.AgentRecord) -> bool:
    """Whether the agent sends heartbeats and can't be called back."""
    return agent.reachability == ReachState.UNREACHABLE and agent.status != AgentStatus.OFFLINE


def reachability_text(agent: pb.AgentRecord, now: int) -> str:
    """Whether the master reaches the agent at its endpoint, why not, and what to do."""
    if not agent.reachability:
        return "not looked at yet"
    since = f"for {age(agent.reachability_since_ms, now)}"
    if agent.reachability != ReachState.UNREACHABLE:
        return f"yes, {since}"
    why = f"({agent.reachability_reason}) {agent.reachability_message}"
    return f"no, {since} {why}. {remedy(agent.reachability_reason)}"


def memory_limits(agent: pb.AgentRecord) -> str:
    """The memory limits of its nodes together, and whether that is more than its host has; empty without nodes."""
    running = (node for node in agent.storage_nodes if node.desired == Desired.RUNNING)
    return limits_text([node.spec.memory_limit_mb for node in running], agent.host.memory_total_bytes)


def own_host_only(node: pb.NodeStatus, agent: pb.AgentRecord | None) -> str:
    """That the endpoint leads to the node on the node's host only, where the master is on another one; else empty."""
    host = node.endpoint.rpartition(":")[0].strip("[]")
    if agent is None or not is_unreachable(agent) or not is_loopback(host):
        return ""
    return f"{node.endpoint} leads to it on the host of {node.agent_id} only: {host} is every host's own address"


def removal_of_record(agent: pb.AgentRecord) -> Removal:
    """What the removal of an agent would lose."""
    known = [LastKnown(node.node_id, node.desired == Desired.RUNNING, node.pid) for node in agent.storage_nodes]
    return Removal(agent.agent_id, agent.hostname, agent.host_id, known)


def node_status(node: pb.NodeStatus) -> str:
    """The status, or what a person must not miss: ``unhealthy``, or the back-off that is left."""
    word = listed_status(node.status, node.health, node.backoff_ms, node.pid)
    return f"{word} {duration(node.backoff_ms / 1000)}" if word == ListedStatus.BACK_OFF else word


UNDRAIN: Final = "sutra-grid-cli agents undrain {agent} --start-nodes"


def drain_text(node: pb.NodeStatus) -> str:
    """That the drain of its agent has stopped the node, and how to start it again; empty if it has not."""
    if not node.stopped_by_drain:
        return ""
    again = UNDRAIN.format(agent=node.agent_id)
    return f"stopped by the drain of agent {node.agent_id}; `{again}` starts it again"


def stopped_by_drain_text(agent: pb.AgentRecord) -> str:
    """How many nodes the drain of the agent has stopped, and how to start them again; empty if none."""
    count = sum(node.stopped_by_drain for node in agent.storage_nodes)
    again = UNDRAIN.format(agent=agent.agent_id)
    return f"{count} nodes; `{again}` starts them again" if count else ""


def is_observed(node: pb.NodeStatus) -> bool:
    """Whether an agent sees the node now. Else health, uptime and measurements are those of its last report."""
    return node.status != NodeStatus.UNKNOWN


def is_measured(node: pb.NodeStatus) -> bool:
    """Whether the node has a process whose measurements are of now."""
    return is_observed(node) and bool(node.pid) and node.HasField("sample")


def health_text(node: pb.NodeStatus, *, is_current: bool = True) -> str:
    """What its health probe says; while nobody sees the node, or it is not ``is_current``, only what it said last."""
    if is_current and is_observed(node):
        return node.health or "-"
    return f"not known; {node.health} in the last report" if node.health else "not known"


def generation_text(node: pb.NodeStatus) -> str:
    """The generation, and whether the agent has confirmed it."""
    if node.observed_generation == node.generation:
        return f"generation {node.generation}, confirmed by its agent"
    return f"generation {node.generation}; its agent has confirmed {node.observed_generation or 'none yet'}"


def exit_text(ended: pb.NodeExit, now: int) -> str:
    """One exit of the process: ``3m12s ago: signal 9 after 12s (crashed)``."""
    if ended.signal:
        how = f"signal {ended.signal} ({signal_name(ended.signal)})"
    elif ended.HasField("code"):
        how = f"exit code {ended.code}"
    elif ended.reason == Reason.START_FAILED and not ended.uptime_ms:
        how = "no process was started"
    else:
        how = "exit status unknown"
    lasted = f" after {_lasted(ended.uptime_ms)}" if ended.uptime_ms else ""
    killed = f"; {ended.killed}" if ended.killed else ""
    return f"{age(ended.at_ms, now)} ago: {how}{lasted}, {ended.reason or 'no reason'}{killed}"


def _lasted(uptime_ms: int) -> str:
    """The uptime; in milliseconds below a second, so that a crash at the start is visible."""
    return f"{uptime_ms}ms" if uptime_ms < 1000 else duration(uptime_ms / 1000)
