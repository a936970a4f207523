"""What the grid does next with a node, and what a person should do, by the reason of its status.

Pure: a table, and decisions over the records of a node and its agent.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from sutra_grid.client.descriptions import UNDRAIN
from sutra_grid.core.age import duration
from sutra_grid.core.node.descriptors import DESCRIPTORS_OPEN
from sutra_grid.core.outcome import RESTART_OBSTACLES
from sutra_grid.core.types import RESTART_TO_LISTEN, AgentStatus, Desired, Health, NodeStatus, Reason
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
#: With -a, not -l: a connection may have the port.
_SHOW_PORT: Final = "ss -tanp 'sport = :{port}'"
_AGENT: Final = "sutra-grid-cli agents show {agent}"

#: The limit of a node can't be changed. Its data stays, so another node can have it.
_LARGER: Final = (
    "For a higher limit: nodes remove {node}, then nodes spawn --agent {agent} --engine {engine} --storage-path {path} "
    "--memory-limit-mb MIB; its data stays."
)

# {node} and {agent} are ids; {port}, {path}, {engine} and {limit} (MiB) are the node's; {use_less} is _use_less.
NEXT_STEPS: Final[dict[str, Step]] = {
    Reason.CRASH_LOOP: Step("Find the cause in its log and fix it, then start it.", _START),
    Reason.BACK_OFF: Step("Find the cause in its log; start it now to skip the back-off.", _START),
    Reason.CRASHED: Step("Find the cause in its log.", _LOGS),
    Reason.RESTARTS_DISABLED: Step("Its agent has restart_failed_nodes = false. Start it.", _START),
    Reason.START_FAILED: Step("Find the cause in its log and fix it, then start it.", _START),
    Reason.START_TIMEOUT: Step("It runs, but its health probe got no answer. Read its log.", _LOGS),
    Reason.PROBE_FAILED: Step("It runs, but its health probe fails. Read its log, and restart it if needed.", _RESTART),
    Reason.MEMORY_LIMIT: Step(f"It exceeded its limit of {{limit}} MiB. {{use_less}}. {_LARGER}", _LOGS),
    Reason.OOM_KILLED: Step(
        "Check in its log what it lost. If the host had no memory left, free some on {agent}'s host. If it was over "
        f"its limit of {{limit}} MiB: {{use_less}}. {_LARGER}",
        _LOGS,
    ),
    Reason.NOT_IN_FOREGROUND: Step(
        "Its program ended or went to the background. Turn that off in its engine's args (redis: --daemonize no), "
        "restart {agent}, then start it.",
        _START,
    ),
    Reason.LEFTOVERS: Step(
        "Its agent ends the processes of its earlier launch and then continues. If one can't be ended, the message "
        "names it: end it on {agent}'s host, or repair the disk that it waits for."
    ),
    Reason.STOP_TIMEOUT: Step("It ignored its stop signal. If it needs longer, raise the stop grace of its engine."),
    Reason.PORT_TAKEN: Step(
        "Free port {port} on {agent}'s host, then start it. This shows all that use it:", _SHOW_PORT
    ),
    Reason.PORT_OUT_OF_RANGE: Step("Spawn it with a port from {agent}'s default_port_range, or without one.", _AGENT),
    Reason.NO_PORT_FREE: Step("Widen default_port_range in {agent}'s configuration, or use another agent.", _AGENT),
    Reason.PATH_OUTSIDE_DATA: Step("Spawn it with a storage path below {agent}'s data_path, or without one.", _AGENT),
    Reason.PATH_TAKEN: Step("Another node uses {path}. Spawn it with another storage path."),
    Reason.PATH_NOT_WRITABLE: Step("Give {agent}'s user access to {path}, then start it.", _START),
    Reason.BINARY_MISSING: Step("Install the program on {agent}'s host or correct binary_path, then start it.", _START),
    Reason.BINARY_NOT_EXECUTABLE: Step("Make the program executable on {agent}'s host, then start it.", _START),
    Reason.DISK_FULL: Step("Free space on {agent}'s host, then start it.", _START),
    Reason.DISK_NOT_MOUNTED: Step(
        "Mount the data disk on {agent}'s host. It starts by itself then; this starts it at once.", _START
    ),
    Reason.LIMIT_REACHED: Step(
        "Raise the limit on {agent}'s host that the message names, or free what uses it. The agent tries again.", _AGENT
    ),
    Reason.ADDRESS_MISSING: Step(
        "Bring the address up on {agent}'s host, or correct [storage] bind in its configuration and restart the agent.",
        _AGENT,
    ),
    Reason.CERTIFICATE_MISSING: Step(
        "It needs a certificate from the master, and the message says why it has none. Correct that; it starts by "
        "itself then.",
        _AGENT,
    ),
    Reason.ENDPOINT_UNREACHABLE: Step(
        "It runs, but not where others look for it. Its endpoint says what to change on {agent}'s host.", _SHOW
    ),
    Reason.SLOTS_FULL: Step("Raise max_storage_nodes of {agent}, or use another agent.", _AGENT),
    Reason.UNKNOWN_ENGINE: Step("Add the engine to {agent}'s configuration, or use one that it has.", _AGENT),
    Reason.JOURNAL_CORRUPT: Step(
        "Its agent set an invalid journal file aside in state_path. Inspect it, then restart.",
        _RESTART,
    ),
    Reason.UNPROVED_PROCESS: Step(
        "Look on {agent}'s host whether the pid in the message is its process, and end it there. Then it goes on by "
        "itself. This shows what names its directory or port:",
        "ps -eo pid,lstart,user,args | grep -e {path} -e {port}",
    ),
    Reason.LOST: Step("Its process ended while no agent watched it. Find the cause in its log.", _LOGS),
    Reason.NOT_REPORTED: Step("Its agent does not report it. If that does not change, check the agent.", _AGENT),
    Reason.NODE_REMOVED: Step("It was removed. Its data is still in {path} on {agent}'s host."),
    Reason.WRONG_AGENT: Step("It belongs to another agent. Check whether two hosts share a state_path.", _AGENT),
    Reason.UNKNOWN_AGENT: Step("{agent} is not registered. Start it on its host.", "sutra-grid-cli agents list"),
    Reason.INVALID_ARGUMENT: Step(
        "Its request is invalid; the message says why. Spawn another, and remove this one: its data stays.", _REMOVE
    ),
    Reason.UNSUPPORTED: Step("{agent} or its host does not support it; the message says why.", _AGENT),
    Reason.INTERNAL: Step("This is a fault of the grid itself. Collect a debug bundle and report it.", _BUNDLE),
    Reason.LOG_MOVED: Step(
        "Its log was renamed or deleted on {agent}'s host. Restart it when you can: it then opens its log again.",
        _RESTART,
    ),
    Reason.LOG_NOT_ROTATED: Step("Free space for the node logs in state_path on {agent}'s host.", _AGENT),
    Reason.TIMED_OUT: Step("Its agent continues. If that does not change, check the agent.", _AGENT),
    Reason.ENDING: Step("{agent} is stopping. It continues when the agent is back.", _AGENT),
    Reason.STALE_GENERATION: Step("Its agent was ahead of the registry, which has been updated. Check again.", _SHOW),
    Reason.CONCURRENT_CHANGE: Step("Another command came at the same time. Check again.", _SHOW),
    Reason.AGENT_OFFLINE: Step(
        "Start {agent} again. If it runs, its log says why it does not reach the master.", _AGENT
    ),
    Reason.AGENT_UNREACHABLE: Step("The master can't reach {agent}. Check its endpoint and the firewall.", _AGENT),
}

#: Reasons of a node that runs as desired, and that has lost something.
_WORTH_A_LOOK: Final = frozenset({Reason.OOM_KILLED})

#: It waits with the back-off. An outgoing connection gets its port from the kernel.
_PORT_AWAITED: Final = Step(
    "It starts by itself when port {port} on {agent}'s host is free; if a program listens there, stop that. If "
    "outgoing connections take the port again, reserve it (docs/deploying.md, Ports). This shows all that use it:",
    _SHOW_PORT,
)

#: Its process was left alone, because a start would have failed.
_RESTART_REFUSED: Final = Step(
    "Its restart was refused, and its process runs on. Correct on {agent}'s host what the message names. It is not "
    "restarted by itself: restart it then.",
    _RESTART,
)

#: Its agent got another bind address, or learned to have one, while the node ran.
_LISTEN_AGAIN: Final = Step("Restart it when you can: it then listens where others look for it.", _RESTART)

#: Its probe failed while its process had hardly a descriptor left.
_RAISE_DESCRIPTORS: Final = Step(
    "Its process is at its limit of open files. Raise LimitNOFILE in the unit of {agent} and restart the agent, "
    "or raise the limit that its engine sets by itself. Then restart the node.",
    _RESTART,
)
_PROBE_REASONS: Final = frozenset({Reason.PROBE_FAILED, Reason.START_TIMEOUT})

#: It runs, and could not be started again.
_ENGINE_GONE: Final = Step(
    "Its process runs on, but can't be started again and is not probed: {agent} has no engine {engine}. Add "
    "[engines.{engine}] to its configuration and restart the agent.",
    _AGENT,
)

_DEFAULT_ENGINE: Final = "storage"  # its program gets the limit in a way that can't be configured

#: The master refuses its agent, which a start does not change.
_RESTORE_AGENT: Final = Step(
    "The master refuses {agent}: its certificates are revoked. If it may come back, restore it; it joins again with a "
    "token if its certificate has expired meanwhile:",
    "sutra-grid-cli tls restore agent/{agent}",
)

#: The drain of its agent has stopped it.
_UNDRAIN: Final = Step(
    "The drain of {agent} has stopped it. This starts it again, with all others that the drain has stopped:",
    UNDRAIN,
)

_NOTHING: Final = Step("Nothing.")
_WAIT: Final = Step("Wait a moment and check again.")
_READ_LOG: Final = Step("Find the cause in its log.", _LOGS)

_WHILE: Final[dict[str, str]] = {
    NodeStatus.FAILED: "Nothing: it stays failed until it is started.",
    NodeStatus.STARTING: "Waits until its health probe succeeds.",
    NodeStatus.STOPPING: "Waits for its process to end, and kills it after the stop grace.",
    NodeStatus.RUNNING: "Continues to probe it, and restarts it when its process ends.",
}


_WITHOUT_ENGINE: Final = "Leaves its process alone. When it ends, every start fails until its agent has the engine."

_THEN: Final = {
    Desired.RUNNING: "starts the node",
    Desired.STOPPED: "the node is stopped",
    Desired.ABSENT: "removes it",
}


def next_step(node: pb.NodeStatus, agent: pb.AgentRecord | None) -> Step:
    """What a person should do now."""
    if agent is not None and agent.status == AgentStatus.OFFLINE:
        is_revoked = agent.refused == Reason.CERTIFICATE_REVOKED
        step = _RESTORE_AGENT if is_revoked else NEXT_STEPS[Reason.AGENT_OFFLINE]
    elif is_as_desired(node) and node.stopped_by_drain:
        step = _UNDRAIN
    elif node.pid and node.reason in RESTART_OBSTACLES:
        step = _RESTART_REFUSED
    elif is_as_desired(node) and _lacks_engine(node, agent):
        step = _ENGINE_GONE
    elif is_as_desired(node) and node.unstable:
        over_limit = bool(node.exits) and node.exits[0].reason == Reason.MEMORY_LIMIT
        step = NEXT_STEPS[Reason.MEMORY_LIMIT if over_limit else Reason.CRASHED]
    elif is_as_desired(node) and node.reason not in _WORTH_A_LOOK:
        # Without a probe nobody knows whether its program is meant to listen.
        is_lost = bool(node.endpoint_problem) and node.health == Health.HEALTHY
        also = NEXT_STEPS.get(node.log_problem.reason, _NOTHING)
        step = _for_endpoint(node.endpoint_problem) if is_lost else also
    elif node.reason in _PROBE_REASONS and DESCRIPTORS_OPEN in node.message:
        step = _RAISE_DESCRIPTORS
    elif node.reason == Reason.PORT_TAKEN and node.backoff_ms:
        step = _PORT_AWAITED
    elif node.reason in NEXT_STEPS:
        step = NEXT_STEPS[node.reason]
    else:
        step = _WAIT if node.status in (NodeStatus.STARTING, NodeStatus.STOPPING) else _READ_LOG
    spec = node.spec
    names = {
        "node": node.node_id,
        "agent": node.agent_id,
        "port": spec.port,
        "path": spec.storage_path,
        "engine": spec.engine or _DEFAULT_ENGINE,
        "limit": spec.memory_limit_mb,
        "use_less": _use_less(spec.engine, node.agent_id),
    }
    return Step(step.text.format(**names), step.command.format(**names))


def _lacks_engine(node: pb.NodeStatus, agent: pb.AgentRecord | None) -> bool:
    """Whether the node has a process, and its agent does not list its engine."""
    listed = agent.engines if agent is not None else ()
    return bool(node.pid and listed) and (node.spec.engine or _DEFAULT_ENGINE) not in listed


def _use_less(engine: str, agent: str) -> str:
    """How the program of an engine stays below the memory limit."""
    if engine in ("", _DEFAULT_ENGINE):
        return "Reduce its load"
    return (
        f"Lower its program's own limit in [engines.{engine}] of {agent}'s configuration, to a share such as "
        "{memory_limit_mb*0.75}, or *0.45 if it copies memory while it saves, as redis does; restart the agent, then "
        "the node"
    )


def _for_endpoint(problem: str) -> Step:
    return _LISTEN_AGAIN if RESTART_TO_LISTEN in problem else NEXT_STEPS[Reason.ENDPOINT_UNREACHABLE]


def grid_does_next(node: pb.NodeStatus, agent: pb.AgentRecord | None) -> str:
    """What happens without a command."""
    if agent is not None and agent.status == AgentStatus.OFFLINE:
        return "Waits for its agent. It is not started elsewhere, because its data is there."
    if node.backoff_ms:
        return f"Starts it again in {duration(node.backoff_ms / 1000)}."
    if node.generation > node.observed_generation:
        return "Sends the desired state to its agent with the next heartbeat."
    if is_as_desired(node):
        return _WITHOUT_ENGINE if _lacks_engine(node, agent) else _while_as_desired(node)
    if node.reason == Reason.UNPROVED_PROCESS:
        return f"Looks every 2 s whether the process in the message has ended, and then {_THEN[Desired(node.desired)]}."
    return _WHILE.get(node.status, "Waits for a report of its agent.")


def _while_as_desired(node: pb.NodeStatus) -> str:
    if node.desired != Desired.RUNNING:
        return "Leaves it stopped."
    if node.unstable and node.stable_in_ms:
        left = duration(node.stable_in_ms / 1000)
        return f"Counts it as stable in {left}. Restarts it when its process ends."
    return "Restarts it when its process ends."


def is_as_desired(node: pb.NodeStatus) -> bool:
    """Whether its status is the desired one and it is not unhealthy."""
    return node.status == node.desired and node.health != "unhealthy"
