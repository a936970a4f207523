"""What the grid does next about a node, and what a person should do, by the reason of its state.

Pure: a table, and decisions over the records of a node and its agent.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from sutra_grid.core.age import duration
from sutra_grid.core.types import AgentStatus, Desired, NodeStatus, Reason
from sutra_grid.wire import grid_pb2 as pb


class Step(NamedTuple):
    """The next step: a sentence, and a command to run where there is one."""

    text: str
    command: str = ""


_START: Final = "sutra-grid-cli nodes start {node}"
_RESTART: Final = "sutra-grid-cli nodes restart {node}"
_LOGS: Final = "sutra-grid-cli nodes logs {node}"
_REMOVE: Final = "sutra-grid-cli nodes remove {node}"
_SHOW: Final = "sutra-grid-cli nodes show {node}"
_BUNDLE: Final = "sutra-grid-cli debug bundle"
_AGENT: Final = "sutra-grid-cli agents show {agent}"

# {node} and {agent} are ids, {port} and {path} the node's.
NEXT_STEPS: Final[dict[str, Step]] = {
    Reason.CRASH_LOOP: Step("Find the cause in its log and mend it, then start it.", _START),
    Reason.BACK_OFF: Step("Find the cause in its log; start it now if you don't want to wait.", _START),
    Reason.CRASHED: Step("Find the cause in its log.", _LOGS),
    Reason.RESTARTS_DISABLED: Step("Its agent has restart_failed_nodes = false: start it yourself.", _START),
    Reason.START_FAILED: Step("Find the cause in its log and mend it, then start it.", _START),
    Reason.START_TIMEOUT: Step("It runs, but its health probe got no answer. Read its log.", _LOGS),
    Reason.PROBE_FAILED: Step("It runs, but does not answer. Read its log; then perhaps restart it.", _RESTART),
    Reason.MEMORY_LIMIT: Step("It used more memory than it may: give it less to do, or a higher limit.", _LOGS),
    Reason.STOP_TIMEOUT: Step("It ignored its stop signal: raise the engine's stop grace if it needs longer."),
    Reason.PORT_TAKEN: Step(
        "On {agent}'s host see who holds port {port}; then start it.", "ss -ltnp 'sport = :{port}'"
    ),
    Reason.PORT_OUT_OF_RANGE: Step("Spawn it with a port of {agent}'s default_port_range, or with none.", _AGENT),
    Reason.NO_PORT_FREE: Step("Widen default_port_range in {agent}'s configuration, or remove nodes there.", _AGENT),
    Reason.PATH_OUTSIDE_DATA: Step("Spawn it with a storage path below {agent}'s data_path, or with none.", _AGENT),
    Reason.PATH_TAKEN: Step("Another node owns {path}: spawn it with another storage path."),
    Reason.PATH_NOT_WRITABLE: Step("Give {agent}'s user access to {path}, then start it.", _START),
    Reason.BINARY_MISSING: Step("Install the program on {agent}'s host or mend binary_path, then start it.", _START),
    Reason.BINARY_NOT_EXECUTABLE: Step("Make the program executable on {agent}'s host, then start it.", _START),
    Reason.DISK_FULL: Step("Free space on {agent}'s host, then start it.", _START),
    Reason.SLOTS_FULL: Step("Raise max_storage_nodes of {agent}, or remove nodes there.", _AGENT),
    Reason.UNKNOWN_ENGINE: Step("Describe the engine in {agent}'s configuration, or use one it has.", _AGENT),
    Reason.JOURNAL_CORRUPT: Step("Its agent set the journal file aside; look at it in state_path.", _RESTART),
    Reason.LOST: Step("Its process ended unseen. Find the cause in its log.", _LOGS),
    Reason.NOT_REPORTED: Step("Its agent does not report it. If it stays so, look at the agent.", _AGENT),
    Reason.NODE_REMOVED: Step("It was removed; its data is still in {path} on {agent}'s host."),
    Reason.WRONG_AGENT: Step("It was meant for another agent: see whether two hosts share a state_path.", _AGENT),
    Reason.UNKNOWN_AGENT: Step("{agent} is not registered: start it on its host.", "sutra-grid-cli agents list"),
    Reason.INVALID_ARGUMENT: Step("It can never run as it was asked for: remove it and spawn it anew.", _REMOVE),
    Reason.UNSUPPORTED: Step("{agent} is too old or its host too limited for it: see the message.", _AGENT),
    Reason.INTERNAL: Step("A fault of the program itself: collect what is known and report it.", _BUNDLE),
    Reason.TIMED_OUT: Step("Its agent goes on with it. If it stays so, look at the agent.", _AGENT),
    Reason.ENDING: Step("{agent} is being stopped; it goes on when the agent is back.", _AGENT),
    Reason.STALE_GENERATION: Step("Its agent was ahead of the registry, which has followed. Look again.", _SHOW),
    Reason.CONCURRENT_CHANGE: Step("Somebody else commanded it too. Look again.", _SHOW),
    Reason.AGENT_OFFLINE: Step("Bring {agent} back: look at its service and log on its host.", _AGENT),
    Reason.AGENT_UNREACHABLE: Step("The master can't reach {agent}: check its endpoint and the firewall.", _AGENT),
}

_NOTHING: Final = Step("Nothing.")
_WAIT: Final = Step("Wait a moment and look again.")
_LOOK: Final = Step("Find the cause in its log.", _LOGS)

_WHILE: Final[dict[str, str]] = {
    NodeStatus.FAILED: "Nothing: it stays failed until somebody starts it.",
    NodeStatus.STARTING: "Waits for its health probe to be answered.",
    NodeStatus.STOPPING: "Waits for it to end, and kills it after the stop grace.",
    NodeStatus.RUNNING: "Goes on probing it, and restarts it when it ends.",
}


def next_step(node: pb.NodeStatus, agent: pb.AgentRecord | None) -> Step:
    """What a person should do now."""
    if agent is not None and agent.status == AgentStatus.OFFLINE:
        step = NEXT_STEPS[Reason.AGENT_OFFLINE]
    elif is_as_desired(node):
        step = _NOTHING
    elif node.reason in NEXT_STEPS:
        step = NEXT_STEPS[node.reason]
    else:
        step = _WAIT if node.status in (NodeStatus.STARTING, NodeStatus.STOPPING) else _LOOK
    names = {"node": node.node_id, "agent": node.agent_id, "port": node.spec.port, "path": node.spec.storage_path}
    return Step(step.text.format(**names), step.command.format(**names))


def grid_does_next(node: pb.NodeStatus, agent: pb.AgentRecord | None) -> str:
    """What happens without anybody's doing."""
    if agent is not None and agent.status == AgentStatus.OFFLINE:
        return "Waits for its agent. It is never started elsewhere: its data is there."
    if node.backoff_ms:
        return f"Starts it again in {duration(node.backoff_ms / 1000)}."
    if node.generation > node.observed_generation:
        return "Tells its agent what is desired with the next heartbeat."
    if is_as_desired(node):
        return "Restarts it when it ends." if node.desired == Desired.RUNNING else "Leaves it stopped."
    return _WHILE.get(node.status, "Goes on asking its agent for it.")


def is_as_desired(node: pb.NodeStatus) -> bool:
    """Whether what is desired is what is, and no health probe denies it."""
    return node.status == node.desired and node.health != "unhealthy"
