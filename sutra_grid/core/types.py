"""The immutable values that every part of the grid shares.

Standard library and ``core`` only. Compare a value, copy it with ``dataclasses.replace``, never mutate it. Units come
last in a name; ``*_at_ms`` is wall-clock milliseconds since the Unix epoch: for people, never for decisions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from sutra_grid.core.event_kinds import AnyEventKind
from sutra_grid.core.samples import HostSample, NodeSample

#: Begins the remedy of an ``endpoint_problem`` that ends with a restart of the node, nothing else.
RESTART_TO_LISTEN: Final = "Restart the node"


class AgentStatus(StrEnum):
    """An agent's status, which the master derives from its heartbeats."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    OFFLINE = "offline"


class ReachState(StrEnum):
    """Whether the master reached an agent when it last called it back."""

    UNKNOWN = ""  # it did not call it yet
    REACHABLE = "reachable"
    UNREACHABLE = "unreachable"


class Desired(StrEnum):
    """The desired state of a node; only the master writes it."""

    RUNNING = "running"
    STOPPED = "stopped"
    ABSENT = "absent"


class NodeState(StrEnum):
    """The observed state of a node's process; only its agent knows it."""

    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    STOPPED = "stopped"
    FAILED = "failed"


class NodeStatus(StrEnum):
    """The status that is shown of a node: desired and observed state together."""

    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    STOPPED = "stopped"
    FAILED = "failed"
    UNKNOWN = "unknown"


class Health(StrEnum):
    """The result of a node's health probe."""

    UNKNOWN = "unknown"
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"


class ClusterHealth(StrEnum):
    """The status of the whole grid. Only a reader that can't ask the master says ``UNKNOWN``."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    CRITICAL = "critical"
    UNKNOWN = "unknown"


class Reason(StrEnum):
    """The enumerated cause of a refusal, a state or an event. Programs decide by it; its message is for people."""

    NONE = ""
    # requests that are refused
    INVALID_ARGUMENT = "invalid_argument"
    UNKNOWN_AGENT = "unknown_agent"
    UNKNOWN_NODE = "unknown_node"
    UNKNOWN_ENGINE = "unknown_engine"
    NODE_REMOVED = "node_removed"
    AGENT_OFFLINE = "agent_offline"
    AGENT_DRAINED = "agent_drained"
    AGENT_NOT_EMPTY = "agent_not_empty"
    AGENT_NOT_OFFLINE = "agent_not_offline"
    NODES_MAY_RUN = "nodes_may_run"
    AGENT_UNREACHABLE = "agent_unreachable"
    CONNECTION_REFUSED = "connection_refused"
    UNRESOLVABLE_NAME = "unresolvable_name"
    NO_AGENT_AVAILABLE = "no_agent_available"
    SLOTS_FULL = "slots_full"
    PORT_TAKEN = "port_taken"
    PORT_OUT_OF_RANGE = "port_out_of_range"
    NO_PORT_FREE = "no_port_free"
    PATH_OUTSIDE_DATA = "path_outside_data"
    PATH_TAKEN = "path_taken"
    PATH_NOT_WRITABLE = "path_not_writable"
    BINARY_MISSING = "binary_missing"
    BINARY_NOT_EXECUTABLE = "binary_not_executable"
    DISK_FULL = "disk_full"
    DISK_NOT_MOUNTED = "disk_not_mounted"
    LIMIT_REACHED = "limit_reached"
    ADDRESS_MISSING = "address_missing"
    CERTIFICATE_MISSING = "certificate_missing"
    ENDPOINT_UNREACHABLE = "endpoint_unreachable"
    REQUEST_ID_REUSED = "request_id_reused"
    WRONG_AGENT = "wrong_agent"
    HOST_CONFLICT = "host_conflict"
    SUPERSEDED = "superseded"
    REGISTRY_UNAVAILABLE = "registry_unavailable"
    REGISTRY_DAMAGED = "registry_damaged"
    REGISTRY_LOST = "registry_lost"
    OVERLOADED = "overloaded"
    STALE_GENERATION = "stale_generation"
    CONCURRENT_CHANGE = "concurrent_change"
    TIMED_OUT = "timed_out"
    UNSUPPORTED = "unsupported"
    FORBIDDEN = "forbidden"
    UNKNOWN_USER = "unknown_user"
    USER_EXISTS = "user_exists"
    LOGIN_FAILED = "login_failed"
    TOO_MANY_LOGINS = "too_many_logins"
    UNAUTHENTICATED = "unauthenticated"
    CERTIFICATE_REVOKED = "certificate_revoked"
    CERTIFICATE_INVALID = "certificate_invalid"
    UNKNOWN_CERTIFICATE = "unknown_certificate"
    UNKNOWN_TOKEN = "unknown_token"
    TOKEN_EXPIRED = "token_expired"
    TOKEN_USED_UP = "token_used_up"
    TOKEN_REVOKED = "token_revoked"
    WRONG_TOKEN_KIND = "wrong_token_kind"
    TOKEN_OF_OTHER_AGENTS = "token_of_other_agents"
    AGENT_HAS_CERTIFICATE = "agent_has_certificate"
    UNTRUSTED_AUTHORITY = "untrusted_authority"
    NO_SIGNING_KEY = "no_signing_key"
    TLS_FAILED = "tls_failed"
    ENDING = "ending"
    MASTER_UNREACHABLE = "master_unreachable"
    INTERNAL = "internal"
    # causes of a node's state
    SPAWNED = "spawned"
    COMMANDED = "commanded"
    CRASHED = "crashed"
    CRASH_LOOP = "crash_loop"
    BACK_OFF = "back_off"
    START_FAILED = "start_failed"
    START_TIMEOUT = "start_timeout"
    ADOPTED = "adopted"
    LOST = "lost"
    UNPROVED_PROCESS = "unproved_process"
    REBOOTED = "rebooted"
    STOP_TIMEOUT = "stop_timeout"
    LEFTOVERS = "leftovers"
    RESTARTS_DISABLED = "restarts_disabled"
    JOURNAL_CORRUPT = "journal_corrupt"
    NOT_REPORTED = "not_reported"
    PENDING = "pending"
    PROBE_FAILED = "probe_failed"
    MEMORY_LIMIT = "memory_limit"
    NOT_IN_FOREGROUND = "not_in_foreground"
    OOM_KILLED = "oom_killed"
    # causes of a problem with a node's log
    LOG_MOVED = "log_moved"
    LOG_NOT_ROTATED = "log_not_rotated"
    # causes of an agent's status
    REGISTERED = "registered"
    MISSED_HEARTBEATS = "missed_heartbeats"
    UNREGISTERED = "unregistered"
    RECOVERED = "recovered"


class Actor(StrEnum):
    """Who caused an event."""

    OPERATOR = "operator"
    AGENT = "agent"
    MASTER = "master"


@dataclass(frozen=True, slots=True)
class NodeSpec:
    """What a node is started with. The agent chooses a value where one is empty or zero."""

    engine: str = ""
    port: int = 0
    storage_path: str = ""
    memory_limit_mb: int = 0

    def completed_by(self, other: NodeSpec) -> NodeSpec:
        """This specification, with the values of ``other`` where it has none itself."""
        return NodeSpec(
            engine=self.engine or other.engine,
            port=self.port or other.port,
            storage_path=self.storage_path or other.storage_path,
            memory_limit_mb=self.memory_limit_mb or other.memory_limit_mb,
        )


@dataclass(frozen=True, slots=True)
class Assignment:
    """The desired state of one node, as its agent gets it. Newer generations replace older ones.

    ``restart_generation``: the process must have been started for this generation
    or a later one.
    """

    node_id: str
    generation: int
    desired: Desired
    spec: NodeSpec = field(default_factory=NodeSpec)
    restart_generation: int = 0
    agent_id: str = ""


@dataclass(frozen=True, slots=True)
class NodeExit:
    """One exit of a node's process. ``code`` is None after a signal, or when the exit status is unknown.

    ``killed``: which processes of the launch had to be killed beside it, in words; empty when none.
    """

    code: int | None
    signal: int
    at_ms: int
    uptime_ms: int
    reason: Reason
    killed: str = ""


@dataclass(frozen=True, slots=True)
class LogProblem:
    """What is wrong with the log of a node, which runs all the same. ``message`` is for people."""

    reason: Reason
    message: str


@dataclass(frozen=True, slots=True)
class NodeReport:
    """What an agent reports of one node. ``spec`` is complete; ``exits``: the newest first, at most 5.

    ``end_cause`` says in words why the last process ended or did not start, until the next start; ``message`` adds
    what follows from it. ``oom_kills``: processes of the node that the kernel killed for lack of memory, since the node
    was created. ``endpoint`` is where the process was seen to answer; ``endpoint_problem`` says why there is none.
    ``state_since_ms``: when the state began, and a back-off in it; ``health_since_ms``: when the health began, for
    unhealthy with the first failed probe. 0: not known.
    ``sequence`` orders the reports of one agent process: the lower is the older; 0 is not
    counted. ``unstable``: it crashed and was not stable since, which takes ``stable_in_ms`` more while it runs.
    ``reported_at_ms`` is the master's wall clock when it got a report with a time that is left; see ``core.time_left``.
    """

    node_id: str
    generation: int
    desired: Desired
    state: NodeState
    pid: int = 0
    endpoint: str = ""
    spec: NodeSpec = field(default_factory=NodeSpec)
    restart_generation: int = 0
    reason: Reason = Reason.NONE
    message: str = ""
    health: Health = Health.UNKNOWN
    restarts: int = 0
    started_at_ms: int = 0
    exits: tuple[NodeExit, ...] = ()
    sample: NodeSample | None = None
    backoff_ms: int = 0
    log_tail: tuple[str, ...] = ()
    sequence: int = 0
    end_cause: str = ""
    oom_kills: int = 0
    log_problem: LogProblem | None = None
    endpoint_problem: str = ""
    unstable: bool = False
    stable_in_ms: int = 0
    reported_at_ms: int = 0
    state_since_ms: int = 0
    health_since_ms: int = 0


@dataclass(frozen=True, slots=True)
class Node:
    """A storage node as the registry holds it: what is desired and what was last observed."""

    node_id: str
    agent_id: str
    spec: NodeSpec
    desired: Desired
    generation: int
    restart_generation: int
    created_at_ms: int
    report: NodeReport | None = None
    stopped_by_drain: bool = False
    """The drain of its agent stopped it, and no command of a person has followed."""

    def assignment(self) -> Assignment:
        """The assignment that the agent gets."""
        return Assignment(
            node_id=self.node_id,
            generation=self.generation,
            desired=self.desired,
            spec=self.spec,
            restart_generation=self.restart_generation,
            agent_id=self.agent_id,
        )


@dataclass(frozen=True, slots=True)
class Reachability:
    """What the master found when it last called an agent back at its endpoint. ``since_ms`` is when this began."""

    state: ReachState = ReachState.UNKNOWN
    reason: Reason = Reason.NONE
    message: str = ""
    since_ms: int = 0


@dataclass(frozen=True, slots=True)
class Agent:
    """An agent as the registry holds it. ``last_heartbeat_ms`` is wall time, for people."""

    agent_id: str
    hostname: str
    platform: str
    max_storage_nodes: int
    version: str = ""
    endpoint: str = ""
    host_id: str = ""
    instance_id: str = ""
    session_id: str = ""
    heartbeat_interval_ms: int = 5_000
    engines: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    data_path: str = ""
    state_path: str = ""
    insecure: tuple[str, ...] = ()  # what others reach without TLS: ``core.agent.insecure``
    status: AgentStatus = AgentStatus.HEALTHY
    reason: Reason = Reason.NONE
    message: str = ""
    status_since_ms: int = 0
    drained: bool = False
    registered_at_ms: int = 0
    last_heartbeat_ms: int = 0
    host: HostSample | None = None
    reachability: Reachability = Reachability()


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened. ``event_id`` is 0 until the registry gives it one.

    ``actor_name`` says which operator it was, such as ``user alice``, and ``actor_address`` from which IP address;
    both are empty when that is not known.
    """

    kind: AnyEventKind
    at_ms: int
    actor: Actor
    agent_id: str = ""
    node_id: str = ""
    reason: Reason = Reason.NONE
    message: str = ""
    event_id: int = 0
    actor_name: str = ""
    actor_address: str = ""


@dataclass(frozen=True, slots=True)
class ClusterSummary:
    """The grid in numbers, with its status; ``reasons`` say why it is not healthy.

    Unhealthy and unstable nodes are among the running ones, and may be both.
    ``as_of_ms`` is 0 while the master answers. Otherwise the status is unknown, and the numbers are as last known then.
    """

    status: ClusterHealth
    total_agents: int = 0
    healthy_agents: int = 0
    degraded_agents: int = 0
    offline_agents: int = 0
    total_storage_nodes: int = 0
    running_storage_nodes: int = 0
    desired_storage_nodes: int = 0
    failed_storage_nodes: int = 0
    unknown_storage_nodes: int = 0
    unhealthy_storage_nodes: int = 0
    unstable_storage_nodes: int = 0
    reasons: tuple[str, ...] = ()
    as_of_ms: int = 0
