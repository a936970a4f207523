"""A node and an agent in the words that every interface shows them in. Pure."""

from __future__ import annotations

from sutra_grid.core.age import age, duration
from sutra_grid.core.node.record import signal_name
from sutra_grid.wire import grid_pb2 as pb


def agent_status(agent: pb.AgentRecord) -> str:
    """The status, and whether new nodes are kept away."""
    return f"{agent.status},drained" if agent.drained else agent.status


def node_status(node: pb.NodeStatus) -> str:
    """The status, with what a person must not miss: a failing probe, a wait before the next start."""
    if node.status == "running" and node.health == "unhealthy":
        return "unhealthy"
    if node.backoff_ms and not node.pid:
        return f"back-off {duration(node.backoff_ms / 1000)}"
    return node.status


def generation_text(node: pb.NodeStatus) -> str:
    """Whether the agent has what was last commanded."""
    if node.observed_generation == node.generation:
        return f"generation {node.generation}, which its agent has"
    return f"generation {node.generation}; its agent has {node.observed_generation or 'none yet'}"


def exit_text(ended: pb.NodeExit, now: int) -> str:
    """One end of the process: ``3m12s ago: signal 9 after 12s (crashed)``."""
    if ended.signal:
        how = f"signal {ended.signal} ({signal_name(ended.signal)})"
    elif ended.HasField("code"):
        how = f"exit code {ended.code}"
    else:
        how = "nobody saw how"
    lasted = f" after {_lasted(ended.uptime_ms)}" if ended.uptime_ms else ""
    return f"{age(ended.at_ms, now)} ago: {how}{lasted}, {ended.reason or 'no reason'}"


def _lasted(uptime_ms: int) -> str:
    """A process that crashes at its start lives for milliseconds, and that should be seen."""
    return f"{uptime_ms}ms" if uptime_ms < 1000 else duration(uptime_ms / 1000)
