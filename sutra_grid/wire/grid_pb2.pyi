from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Empty(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class AgentInfo(_message.Message):
    __slots__ = ("agent_id", "hostname", "platform", "max_storage_nodes", "version", "agent_endpoint", "host_id", "instance_id", "heartbeat_interval_ms", "host", "nodes", "engines", "labels", "data_path", "session_id", "state_path", "insecure")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    HOSTNAME_FIELD_NUMBER: _ClassVar[int]
    PLATFORM_FIELD_NUMBER: _ClassVar[int]
    MAX_STORAGE_NODES_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    AGENT_ENDPOINT_FIELD_NUMBER: _ClassVar[int]
    HOST_ID_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_ID_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_INTERVAL_MS_FIELD_NUMBER: _ClassVar[int]
    HOST_FIELD_NUMBER: _ClassVar[int]
    NODES_FIELD_NUMBER: _ClassVar[int]
    ENGINES_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    DATA_PATH_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    STATE_PATH_FIELD_NUMBER: _ClassVar[int]
    INSECURE_FIELD_NUMBER: _ClassVar[int]
    agent_id: str
    hostname: str
    platform: str
    max_storage_nodes: int
    version: str
    agent_endpoint: str
    host_id: str
    instance_id: str
    heartbeat_interval_ms: int
    host: HostSample
    nodes: _containers.RepeatedCompositeFieldContainer[NodeReport]
    engines: _containers.RepeatedScalarFieldContainer[str]
    labels: _containers.ScalarMap[str, str]
    data_path: str
    session_id: str
    state_path: str
    insecure: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, agent_id: _Optional[str] = ..., hostname: _Optional[str] = ..., platform: _Optional[str] = ..., max_storage_nodes: _Optional[int] = ..., version: _Optional[str] = ..., agent_endpoint: _Optional[str] = ..., host_id: _Optional[str] = ..., instance_id: _Optional[str] = ..., heartbeat_interval_ms: _Optional[int] = ..., host: _Optional[_Union[HostSample, _Mapping]] = ..., nodes: _Optional[_Iterable[_Union[NodeReport, _Mapping]]] = ..., engines: _Optional[_Iterable[str]] = ..., labels: _Optional[_Mapping[str, str]] = ..., data_path: _Optional[str] = ..., session_id: _Optional[str] = ..., state_path: _Optional[str] = ..., insecure: _Optional[_Iterable[str]] = ...) -> None: ...

class RegistrationResponse(_message.Message):
    __slots__ = ("success", "master_version", "error_message", "session_id", "assignments", "error")
    SUCCESS_FIELD_NUMBER: _ClassVar[int]
    MASTER_VERSION_FIELD_NUMBER: _ClassVar[int]
    ERROR_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    ASSIGNMENTS_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    success: bool
    master_version: str
    error_message: str
    session_id: str
    assignments: _containers.RepeatedCompositeFieldContainer[Assignment]
    error: ErrorDetail
    def __init__(self, success: bool = ..., master_version: _Optional[str] = ..., error_message: _Optional[str] = ..., session_id: _Optional[str] = ..., assignments: _Optional[_Iterable[_Union[Assignment, _Mapping]]] = ..., error: _Optional[_Union[ErrorDetail, _Mapping]] = ...) -> None: ...

class HeartbeatRequest(_message.Message):
    __slots__ = ("agent_id", "storage_node_count", "timestamp", "session_id", "nodes", "host", "revocation_version")
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    STORAGE_NODE_COUNT_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    NODES_FIELD_NUMBER: _ClassVar[int]
    HOST_FIELD_NUMBER: _ClassVar[int]
    REVOCATION_VERSION_FIELD_NUMBER: _ClassVar[int]
    agent_id: str
    storage_node_count: int
    timestamp: int
    session_id: str
    nodes: _containers.RepeatedCompositeFieldContainer[NodeReport]
    host: HostSample
    revocation_version: int
    def __init__(self, agent_id: _Optional[str] = ..., storage_node_count: _Optional[int] = ..., timestamp: _Optional[int] = ..., session_id: _Optional[str] = ..., nodes: _Optional[_Iterable[_Union[NodeReport, _Mapping]]] = ..., host: _Optional[_Union[HostSample, _Mapping]] = ..., revocation_version: _Optional[int] = ...) -> None: ...

class HeartbeatResponse(_message.Message):
    __slots__ = ("acknowledged", "timestamp", "assignments", "instruction", "message", "revoked")
    ACKNOWLEDGED_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    ASSIGNMENTS_FIELD_NUMBER: _ClassVar[int]
    INSTRUCTION_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    REVOKED_FIELD_NUMBER: _ClassVar[int]
    acknowledged: bool
    timestamp: int
    assignments: _containers.RepeatedCompositeFieldContainer[Assignment]
    instruction: str
    message: str
    revoked: RevokedCertificates
    def __init__(self, acknowledged: bool = ..., timestamp: _Optional[int] = ..., assignments: _Optional[_Iterable[_Union[Assignment, _Mapping]]] = ..., instruction: _Optional[str] = ..., message: _Optional[str] = ..., revoked: _Optional[_Union[RevokedCertificates, _Mapping]] = ...) -> None: ...

class RevokedCertificates(_message.Message):
    __slots__ = ("version", "certificates")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    CERTIFICATES_FIELD_NUMBER: _ClassVar[int]
    version: int
    certificates: _containers.RepeatedCompositeFieldContainer[RevokedCertificate]
    def __init__(self, version: _Optional[int] = ..., certificates: _Optional[_Iterable[_Union[RevokedCertificate, _Mapping]]] = ...) -> None: ...

class RevokedCertificate(_message.Message):
    __slots__ = ("serial", "role", "name")
    SERIAL_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    serial: str
    role: str
    name: str
    def __init__(self, serial: _Optional[str] = ..., role: _Optional[str] = ..., name: _Optional[str] = ...) -> None: ...

class AgentId(_message.Message):
    __slots__ = ("agent_id", "session_id", "reason")
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    agent_id: str
    session_id: str
    reason: str
    def __init__(self, agent_id: _Optional[str] = ..., session_id: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class AgentCommand(_message.Message):
    __slots__ = ("agent_id", "request_id", "force")
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    FORCE_FIELD_NUMBER: _ClassVar[int]
    agent_id: str
    request_id: str
    force: bool
    def __init__(self, agent_id: _Optional[str] = ..., request_id: _Optional[str] = ..., force: bool = ...) -> None: ...

class AgentRecord(_message.Message):
    __slots__ = ("agent_id", "hostname", "platform", "status", "max_storage_nodes", "current_storage_nodes", "last_heartbeat", "storage_nodes", "version", "agent_endpoint", "drained", "reason", "message", "status_since_ms", "registered_at_ms", "host_id", "host", "engines", "labels", "data_path", "heartbeat_interval_ms", "state_path", "reachability", "reachability_reason", "reachability_message", "reachability_since_ms", "insecure", "refused")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    HOSTNAME_FIELD_NUMBER: _ClassVar[int]
    PLATFORM_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    MAX_STORAGE_NODES_FIELD_NUMBER: _ClassVar[int]
    CURRENT_STORAGE_NODES_FIELD_NUMBER: _ClassVar[int]
    LAST_HEARTBEAT_FIELD_NUMBER: _ClassVar[int]
    STORAGE_NODES_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    AGENT_ENDPOINT_FIELD_NUMBER: _ClassVar[int]
    DRAINED_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    STATUS_SINCE_MS_FIELD_NUMBER: _ClassVar[int]
    REGISTERED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    HOST_ID_FIELD_NUMBER: _ClassVar[int]
    HOST_FIELD_NUMBER: _ClassVar[int]
    ENGINES_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    DATA_PATH_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_INTERVAL_MS_FIELD_NUMBER: _ClassVar[int]
    STATE_PATH_FIELD_NUMBER: _ClassVar[int]
    REACHABILITY_FIELD_NUMBER: _ClassVar[int]
    REACHABILITY_REASON_FIELD_NUMBER: _ClassVar[int]
    REACHABILITY_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    REACHABILITY_SINCE_MS_FIELD_NUMBER: _ClassVar[int]
    INSECURE_FIELD_NUMBER: _ClassVar[int]
    REFUSED_FIELD_NUMBER: _ClassVar[int]
    agent_id: str
    hostname: str
    platform: str
    status: str
    max_storage_nodes: int
    current_storage_nodes: int
    last_heartbeat: int
    storage_nodes: _containers.RepeatedCompositeFieldContainer[NodeStatus]
    version: str
    agent_endpoint: str
    drained: bool
    reason: str
    message: str
    status_since_ms: int
    registered_at_ms: int
    host_id: str
    host: HostSample
    engines: _containers.RepeatedScalarFieldContainer[str]
    labels: _containers.ScalarMap[str, str]
    data_path: str
    heartbeat_interval_ms: int
    state_path: str
    reachability: str
    reachability_reason: str
    reachability_message: str
    reachability_since_ms: int
    insecure: _containers.RepeatedScalarFieldContainer[str]
    refused: str
    def __init__(self, agent_id: _Optional[str] = ..., hostname: _Optional[str] = ..., platform: _Optional[str] = ..., status: _Optional[str] = ..., max_storage_nodes: _Optional[int] = ..., current_storage_nodes: _Optional[int] = ..., last_heartbeat: _Optional[int] = ..., storage_nodes: _Optional[_Iterable[_Union[NodeStatus, _Mapping]]] = ..., version: _Optional[str] = ..., agent_endpoint: _Optional[str] = ..., drained: bool = ..., reason: _Optional[str] = ..., message: _Optional[str] = ..., status_since_ms: _Optional[int] = ..., registered_at_ms: _Optional[int] = ..., host_id: _Optional[str] = ..., host: _Optional[_Union[HostSample, _Mapping]] = ..., engines: _Optional[_Iterable[str]] = ..., labels: _Optional[_Mapping[str, str]] = ..., data_path: _Optional[str] = ..., heartbeat_interval_ms: _Optional[int] = ..., state_path: _Optional[str] = ..., reachability: _Optional[str] = ..., reachability_reason: _Optional[str] = ..., reachability_message: _Optional[str] = ..., reachability_since_ms: _Optional[int] = ..., insecure: _Optional[_Iterable[str]] = ..., refused: _Optional[str] = ...) -> None: ...

class AgentList(_message.Message):
    __slots__ = ("agents",)
    AGENTS_FIELD_NUMBER: _ClassVar[int]
    agents: _containers.RepeatedCompositeFieldContainer[AgentRecord]
    def __init__(self, agents: _Optional[_Iterable[_Union[AgentRecord, _Mapping]]] = ...) -> None: ...

class HostSample(_message.Message):
    __slots__ = ("at_ms", "cpu_percent", "cpu_count", "memory_total_bytes", "memory_available_bytes", "disk_total_bytes", "disk_free_bytes", "load_average_1m", "disk_reserve_bytes", "disks")
    AT_MS_FIELD_NUMBER: _ClassVar[int]
    CPU_PERCENT_FIELD_NUMBER: _ClassVar[int]
    CPU_COUNT_FIELD_NUMBER: _ClassVar[int]
    MEMORY_TOTAL_BYTES_FIELD_NUMBER: _ClassVar[int]
    MEMORY_AVAILABLE_BYTES_FIELD_NUMBER: _ClassVar[int]
    DISK_TOTAL_BYTES_FIELD_NUMBER: _ClassVar[int]
    DISK_FREE_BYTES_FIELD_NUMBER: _ClassVar[int]
    LOAD_AVERAGE_1M_FIELD_NUMBER: _ClassVar[int]
    DISK_RESERVE_BYTES_FIELD_NUMBER: _ClassVar[int]
    DISKS_FIELD_NUMBER: _ClassVar[int]
    at_ms: int
    cpu_percent: float
    cpu_count: int
    memory_total_bytes: int
    memory_available_bytes: int
    disk_total_bytes: int
    disk_free_bytes: int
    load_average_1m: float
    disk_reserve_bytes: int
    disks: _containers.RepeatedCompositeFieldContainer[DiskSample]
    def __init__(self, at_ms: _Optional[int] = ..., cpu_percent: _Optional[float] = ..., cpu_count: _Optional[int] = ..., memory_total_bytes: _Optional[int] = ..., memory_available_bytes: _Optional[int] = ..., disk_total_bytes: _Optional[int] = ..., disk_free_bytes: _Optional[int] = ..., load_average_1m: _Optional[float] = ..., disk_reserve_bytes: _Optional[int] = ..., disks: _Optional[_Iterable[_Union[DiskSample, _Mapping]]] = ...) -> None: ...

class DiskSample(_message.Message):
    __slots__ = ("uses", "path", "total_bytes", "free_bytes")
    USES_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    TOTAL_BYTES_FIELD_NUMBER: _ClassVar[int]
    FREE_BYTES_FIELD_NUMBER: _ClassVar[int]
    uses: _containers.RepeatedScalarFieldContainer[str]
    path: str
    total_bytes: int
    free_bytes: int
    def __init__(self, uses: _Optional[_Iterable[str]] = ..., path: _Optional[str] = ..., total_bytes: _Optional[int] = ..., free_bytes: _Optional[int] = ...) -> None: ...

class NodeSpec(_message.Message):
    __slots__ = ("engine", "port", "storage_path", "memory_limit_mb")
    ENGINE_FIELD_NUMBER: _ClassVar[int]
    PORT_FIELD_NUMBER: _ClassVar[int]
    STORAGE_PATH_FIELD_NUMBER: _ClassVar[int]
    MEMORY_LIMIT_MB_FIELD_NUMBER: _ClassVar[int]
    engine: str
    port: int
    storage_path: str
    memory_limit_mb: int
    def __init__(self, engine: _Optional[str] = ..., port: _Optional[int] = ..., storage_path: _Optional[str] = ..., memory_limit_mb: _Optional[int] = ...) -> None: ...

class Assignment(_message.Message):
    __slots__ = ("node_id", "generation", "desired", "spec", "restart_generation", "agent_id")
    NODE_ID_FIELD_NUMBER: _ClassVar[int]
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    DESIRED_FIELD_NUMBER: _ClassVar[int]
    SPEC_FIELD_NUMBER: _ClassVar[int]
    RESTART_GENERATION_FIELD_NUMBER: _ClassVar[int]
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    node_id: str
    generation: int
    desired: str
    spec: NodeSpec
    restart_generation: int
    agent_id: str
    def __init__(self, node_id: _Optional[str] = ..., generation: _Optional[int] = ..., desired: _Optional[str] = ..., spec: _Optional[_Union[NodeSpec, _Mapping]] = ..., restart_generation: _Optional[int] = ..., agent_id: _Optional[str] = ...) -> None: ...

class NodeReport(_message.Message):
    __slots__ = ("node_id", "generation", "desired", "state", "pid", "endpoint", "spec", "restart_generation", "reason", "message", "health", "restarts", "started_at_ms", "exits", "sample", "backoff_ms", "log_tail", "sequence", "end_cause", "log_problem", "oom_kills", "endpoint_problem", "unstable", "stable_in_ms", "state_since_ms", "health_since_ms")
    NODE_ID_FIELD_NUMBER: _ClassVar[int]
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    DESIRED_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    PID_FIELD_NUMBER: _ClassVar[int]
    ENDPOINT_FIELD_NUMBER: _ClassVar[int]
    SPEC_FIELD_NUMBER: _ClassVar[int]
    RESTART_GENERATION_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    HEALTH_FIELD_NUMBER: _ClassVar[int]
    RESTARTS_FIELD_NUMBER: _ClassVar[int]
    STARTED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    EXITS_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_FIELD_NUMBER: _ClassVar[int]
    BACKOFF_MS_FIELD_NUMBER: _ClassVar[int]
    LOG_TAIL_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    END_CAUSE_FIELD_NUMBER: _ClassVar[int]
    LOG_PROBLEM_FIELD_NUMBER: _ClassVar[int]
    OOM_KILLS_FIELD_NUMBER: _ClassVar[int]
    ENDPOINT_PROBLEM_FIELD_NUMBER: _ClassVar[int]
    UNSTABLE_FIELD_NUMBER: _ClassVar[int]
    STABLE_IN_MS_FIELD_NUMBER: _ClassVar[int]
    STATE_SINCE_MS_FIELD_NUMBER: _ClassVar[int]
    HEALTH_SINCE_MS_FIELD_NUMBER: _ClassVar[int]
    node_id: str
    generation: int
    desired: str
    state: str
    pid: int
    endpoint: str
    spec: NodeSpec
    restart_generation: int
    reason: str
    message: str
    health: str
    restarts: int
    started_at_ms: int
    exits: _containers.RepeatedCompositeFieldContainer[NodeExit]
    sample: NodeSample
    backoff_ms: int
    log_tail: _containers.RepeatedScalarFieldContainer[str]
    sequence: int
    end_cause: str
    log_problem: LogProblem
    oom_kills: int
    endpoint_problem: str
    unstable: bool
    stable_in_ms: int
    state_since_ms: int
    health_since_ms: int
    def __init__(self, node_id: _Optional[str] = ..., generation: _Optional[int] = ..., desired: _Optional[str] = ..., state: _Optional[str] = ..., pid: _Optional[int] = ..., endpoint: _Optional[str] = ..., spec: _Optional[_Union[NodeSpec, _Mapping]] = ..., restart_generation: _Optional[int] = ..., reason: _Optional[str] = ..., message: _Optional[str] = ..., health: _Optional[str] = ..., restarts: _Optional[int] = ..., started_at_ms: _Optional[int] = ..., exits: _Optional[_Iterable[_Union[NodeExit, _Mapping]]] = ..., sample: _Optional[_Union[NodeSample, _Mapping]] = ..., backoff_ms: _Optional[int] = ..., log_tail: _Optional[_Iterable[str]] = ..., sequence: _Optional[int] = ..., end_cause: _Optional[str] = ..., log_problem: _Optional[_Union[LogProblem, _Mapping]] = ..., oom_kills: _Optional[int] = ..., endpoint_problem: _Optional[str] = ..., unstable: bool = ..., stable_in_ms: _Optional[int] = ..., state_since_ms: _Optional[int] = ..., health_since_ms: _Optional[int] = ...) -> None: ...

class LogProblem(_message.Message):
    __slots__ = ("reason", "message")
    REASON_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    reason: str
    message: str
    def __init__(self, reason: _Optional[str] = ..., message: _Optional[str] = ...) -> None: ...

class NodeReportList(_message.Message):
    __slots__ = ("nodes",)
    NODES_FIELD_NUMBER: _ClassVar[int]
    nodes: _containers.RepeatedCompositeFieldContainer[NodeReport]
    def __init__(self, nodes: _Optional[_Iterable[_Union[NodeReport, _Mapping]]] = ...) -> None: ...

class NodeExit(_message.Message):
    __slots__ = ("code", "signal", "at_ms", "uptime_ms", "reason", "killed")
    CODE_FIELD_NUMBER: _ClassVar[int]
    SIGNAL_FIELD_NUMBER: _ClassVar[int]
    AT_MS_FIELD_NUMBER: _ClassVar[int]
    UPTIME_MS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    KILLED_FIELD_NUMBER: _ClassVar[int]
    code: int
    signal: int
    at_ms: int
    uptime_ms: int
    reason: str
    killed: str
    def __init__(self, code: _Optional[int] = ..., signal: _Optional[int] = ..., at_ms: _Optional[int] = ..., uptime_ms: _Optional[int] = ..., reason: _Optional[str] = ..., killed: _Optional[str] = ...) -> None: ...

class NodeSample(_message.Message):
    __slots__ = ("at_ms", "cpu_percent", "rss_bytes", "uptime_ms", "threads", "open_files", "processes")
    AT_MS_FIELD_NUMBER: _ClassVar[int]
    CPU_PERCENT_FIELD_NUMBER: _ClassVar[int]
    RSS_BYTES_FIELD_NUMBER: _ClassVar[int]
    UPTIME_MS_FIELD_NUMBER: _ClassVar[int]
    THREADS_FIELD_NUMBER: _ClassVar[int]
    OPEN_FILES_FIELD_NUMBER: _ClassVar[int]
    PROCESSES_FIELD_NUMBER: _ClassVar[int]
    at_ms: int
    cpu_percent: float
    rss_bytes: int
    uptime_ms: int
    threads: int
    open_files: int
    processes: int
    def __init__(self, at_ms: _Optional[int] = ..., cpu_percent: _Optional[float] = ..., rss_bytes: _Optional[int] = ..., uptime_ms: _Optional[int] = ..., threads: _Optional[int] = ..., open_files: _Optional[int] = ..., processes: _Optional[int] = ...) -> None: ...

class NodeSampleList(_message.Message):
    __slots__ = ("samples",)
    SAMPLES_FIELD_NUMBER: _ClassVar[int]
    samples: _containers.RepeatedCompositeFieldContainer[NodeSample]
    def __init__(self, samples: _Optional[_Iterable[_Union[NodeSample, _Mapping]]] = ...) -> None: ...

class NodeId(_message.Message):
    __slots__ = ("node_id",)
    NODE_ID_FIELD_NUMBER: _ClassVar[int]
    node_id: str
    def __init__(self, node_id: _Optional[str] = ...) -> None: ...

class NodeStatus(_message.Message):
    __slots__ = ("node_id", "status", "pid", "endpoint", "agent_id", "desired", "generation", "observed_generation", "spec", "reason", "message", "health", "restarts", "started_at_ms", "exits", "sample", "backoff_ms", "log_tail", "created_at_ms", "restart_generation", "log_problem", "oom_kills", "endpoint_problem", "stopped_by_drain", "unstable", "stable_in_ms", "status_since_ms")
    NODE_ID_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    PID_FIELD_NUMBER: _ClassVar[int]
    ENDPOINT_FIELD_NUMBER: _ClassVar[int]
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    DESIRED_FIELD_NUMBER: _ClassVar[int]
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    OBSERVED_GENERATION_FIELD_NUMBER: _ClassVar[int]
    SPEC_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    HEALTH_FIELD_NUMBER: _ClassVar[int]
    RESTARTS_FIELD_NUMBER: _ClassVar[int]
    STARTED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    EXITS_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_FIELD_NUMBER: _ClassVar[int]
    BACKOFF_MS_FIELD_NUMBER: _ClassVar[int]
    LOG_TAIL_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    RESTART_GENERATION_FIELD_NUMBER: _ClassVar[int]
    LOG_PROBLEM_FIELD_NUMBER: _ClassVar[int]
    OOM_KILLS_FIELD_NUMBER: _ClassVar[int]
    ENDPOINT_PROBLEM_FIELD_NUMBER: _ClassVar[int]
    STOPPED_BY_DRAIN_FIELD_NUMBER: _ClassVar[int]
    UNSTABLE_FIELD_NUMBER: _ClassVar[int]
    STABLE_IN_MS_FIELD_NUMBER: _ClassVar[int]
    STATUS_SINCE_MS_FIELD_NUMBER: _ClassVar[int]
    node_id: str
    status: str
    pid: int
    endpoint: str
    agent_id: str
    desired: str
    generation: int
    observed_generation: int
    spec: NodeSpec
    reason: str
    message: str
    health: str
    restarts: int
    started_at_ms: int
    exits: _containers.RepeatedCompositeFieldContainer[NodeExit]
    sample: NodeSample
    backoff_ms: int
    log_tail: _containers.RepeatedScalarFieldContainer[str]
    created_at_ms: int
    restart_generation: int
    log_problem: LogProblem
    oom_kills: int
    endpoint_problem: str
    stopped_by_drain: bool
    unstable: bool
    stable_in_ms: int
    status_since_ms: int
    def __init__(self, node_id: _Optional[str] = ..., status: _Optional[str] = ..., pid: _Optional[int] = ..., endpoint: _Optional[str] = ..., agent_id: _Optional[str] = ..., desired: _Optional[str] = ..., generation: _Optional[int] = ..., observed_generation: _Optional[int] = ..., spec: _Optional[_Union[NodeSpec, _Mapping]] = ..., reason: _Optional[str] = ..., message: _Optional[str] = ..., health: _Optional[str] = ..., restarts: _Optional[int] = ..., started_at_ms: _Optional[int] = ..., exits: _Optional[_Iterable[_Union[NodeExit, _Mapping]]] = ..., sample: _Optional[_Union[NodeSample, _Mapping]] = ..., backoff_ms: _Optional[int] = ..., log_tail: _Optional[_Iterable[str]] = ..., created_at_ms: _Optional[int] = ..., restart_generation: _Optional[int] = ..., log_problem: _Optional[_Union[LogProblem, _Mapping]] = ..., oom_kills: _Optional[int] = ..., endpoint_problem: _Optional[str] = ..., stopped_by_drain: bool = ..., unstable: bool = ..., stable_in_ms: _Optional[int] = ..., status_since_ms: _Optional[int] = ...) -> None: ...

class ListNodesRequest(_message.Message):
    __slots__ = ("agent_id", "status", "engine")
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    ENGINE_FIELD_NUMBER: _ClassVar[int]
    agent_id: str
    status: str
    engine: str
    def __init__(self, agent_id: _Optional[str] = ..., status: _Optional[str] = ..., engine: _Optional[str] = ...) -> None: ...

class NodeList(_message.Message):
    __slots__ = ("nodes",)
    NODES_FIELD_NUMBER: _ClassVar[int]
    nodes: _containers.RepeatedCompositeFieldContainer[NodeStatus]
    def __init__(self, nodes: _Optional[_Iterable[_Union[NodeStatus, _Mapping]]] = ...) -> None: ...

class SpawnRequest(_message.Message):
    __slots__ = ("agent_id", "storage_path", "memory_limit_mb", "port", "engine", "request_id", "of_count")
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    STORAGE_PATH_FIELD_NUMBER: _ClassVar[int]
    MEMORY_LIMIT_MB_FIELD_NUMBER: _ClassVar[int]
    PORT_FIELD_NUMBER: _ClassVar[int]
    ENGINE_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    OF_COUNT_FIELD_NUMBER: _ClassVar[int]
    agent_id: str
    storage_path: str
    memory_limit_mb: int
    port: int
    engine: str
    request_id: str
    of_count: int
    def __init__(self, agent_id: _Optional[str] = ..., storage_path: _Optional[str] = ..., memory_limit_mb: _Optional[int] = ..., port: _Optional[int] = ..., engine: _Optional[str] = ..., request_id: _Optional[str] = ..., of_count: _Optional[int] = ...) -> None: ...

class SpawnResponse(_message.Message):
    __slots__ = ("node_id", "endpoint", "success", "error_message", "error", "node")
    NODE_ID_FIELD_NUMBER: _ClassVar[int]
    ENDPOINT_FIELD_NUMBER: _ClassVar[int]
    SUCCESS_FIELD_NUMBER: _ClassVar[int]
    ERROR_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    NODE_FIELD_NUMBER: _ClassVar[int]
    node_id: str
    endpoint: str
    success: bool
    error_message: str
    error: ErrorDetail
    node: NodeStatus
    def __init__(self, node_id: _Optional[str] = ..., endpoint: _Optional[str] = ..., success: bool = ..., error_message: _Optional[str] = ..., error: _Optional[_Union[ErrorDetail, _Mapping]] = ..., node: _Optional[_Union[NodeStatus, _Mapping]] = ...) -> None: ...

class StopRequest(_message.Message):
    __slots__ = ("agent_id", "node_id", "request_id", "for_drain")
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    NODE_ID_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    FOR_DRAIN_FIELD_NUMBER: _ClassVar[int]
    agent_id: str
    node_id: str
    request_id: str
    for_drain: bool
    def __init__(self, agent_id: _Optional[str] = ..., node_id: _Optional[str] = ..., request_id: _Optional[str] = ..., for_drain: bool = ...) -> None: ...

class StopResponse(_message.Message):
    __slots__ = ("success", "error_message", "error", "node")
    SUCCESS_FIELD_NUMBER: _ClassVar[int]
    ERROR_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    NODE_FIELD_NUMBER: _ClassVar[int]
    success: bool
    error_message: str
    error: ErrorDetail
    node: NodeStatus
    def __init__(self, success: bool = ..., error_message: _Optional[str] = ..., error: _Optional[_Union[ErrorDetail, _Mapping]] = ..., node: _Optional[_Union[NodeStatus, _Mapping]] = ...) -> None: ...

class NodeCommand(_message.Message):
    __slots__ = ("node_id", "request_id")
    NODE_ID_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    node_id: str
    request_id: str
    def __init__(self, node_id: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class NodeResult(_message.Message):
    __slots__ = ("success", "error_message", "error", "node")
    SUCCESS_FIELD_NUMBER: _ClassVar[int]
    ERROR_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    NODE_FIELD_NUMBER: _ClassVar[int]
    success: bool
    error_message: str
    error: ErrorDetail
    node: NodeStatus
    def __init__(self, success: bool = ..., error_message: _Optional[str] = ..., error: _Optional[_Union[ErrorDetail, _Mapping]] = ..., node: _Optional[_Union[NodeStatus, _Mapping]] = ...) -> None: ...

class ClusterStatus(_message.Message):
    __slots__ = ("total_agents", "healthy_agents", "total_storage_nodes", "running_storage_nodes", "status", "degraded_agents", "offline_agents", "desired_storage_nodes", "failed_storage_nodes", "unknown_storage_nodes", "reasons", "master_version", "master_started_at_ms", "as_of_ms", "unhealthy_storage_nodes", "unstable_storage_nodes", "insecure", "insecure_agents", "insecure_master")
    TOTAL_AGENTS_FIELD_NUMBER: _ClassVar[int]
    HEALTHY_AGENTS_FIELD_NUMBER: _ClassVar[int]
    TOTAL_STORAGE_NODES_FIELD_NUMBER: _ClassVar[int]
    RUNNING_STORAGE_NODES_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    DEGRADED_AGENTS_FIELD_NUMBER: _ClassVar[int]
    OFFLINE_AGENTS_FIELD_NUMBER: _ClassVar[int]
    DESIRED_STORAGE_NODES_FIELD_NUMBER: _ClassVar[int]
    FAILED_STORAGE_NODES_FIELD_NUMBER: _ClassVar[int]
    UNKNOWN_STORAGE_NODES_FIELD_NUMBER: _ClassVar[int]
    REASONS_FIELD_NUMBER: _ClassVar[int]
    MASTER_VERSION_FIELD_NUMBER: _ClassVar[int]
    MASTER_STARTED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    AS_OF_MS_FIELD_NUMBER: _ClassVar[int]
    UNHEALTHY_STORAGE_NODES_FIELD_NUMBER: _ClassVar[int]
    UNSTABLE_STORAGE_NODES_FIELD_NUMBER: _ClassVar[int]
    INSECURE_FIELD_NUMBER: _ClassVar[int]
    INSECURE_AGENTS_FIELD_NUMBER: _ClassVar[int]
    INSECURE_MASTER_FIELD_NUMBER: _ClassVar[int]
    total_agents: int
    healthy_agents: int
    total_storage_nodes: int
    running_storage_nodes: int
    status: str
    degraded_agents: int
    offline_agents: int
    desired_storage_nodes: int
    failed_storage_nodes: int
    unknown_storage_nodes: int
    reasons: _containers.RepeatedScalarFieldContainer[str]
    master_version: str
    master_started_at_ms: int
    as_of_ms: int
    unhealthy_storage_nodes: int
    unstable_storage_nodes: int
    insecure: bool
    insecure_agents: int
    insecure_master: bool
    def __init__(self, total_agents: _Optional[int] = ..., healthy_agents: _Optional[int] = ..., total_storage_nodes: _Optional[int] = ..., running_storage_nodes: _Optional[int] = ..., status: _Optional[str] = ..., degraded_agents: _Optional[int] = ..., offline_agents: _Optional[int] = ..., desired_storage_nodes: _Optional[int] = ..., failed_storage_nodes: _Optional[int] = ..., unknown_storage_nodes: _Optional[int] = ..., reasons: _Optional[_Iterable[str]] = ..., master_version: _Optional[str] = ..., master_started_at_ms: _Optional[int] = ..., as_of_ms: _Optional[int] = ..., unhealthy_storage_nodes: _Optional[int] = ..., unstable_storage_nodes: _Optional[int] = ..., insecure: bool = ..., insecure_agents: _Optional[int] = ..., insecure_master: bool = ...) -> None: ...

class Event(_message.Message):
    __slots__ = ("event_id", "at_ms", "kind", "agent_id", "node_id", "reason", "message", "actor", "actor_name", "actor_address")
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    AT_MS_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    NODE_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    ACTOR_NAME_FIELD_NUMBER: _ClassVar[int]
    ACTOR_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    event_id: int
    at_ms: int
    kind: str
    agent_id: str
    node_id: str
    reason: str
    message: str
    actor: str
    actor_name: str
    actor_address: str
    def __init__(self, event_id: _Optional[int] = ..., at_ms: _Optional[int] = ..., kind: _Optional[str] = ..., agent_id: _Optional[str] = ..., node_id: _Optional[str] = ..., reason: _Optional[str] = ..., message: _Optional[str] = ..., actor: _Optional[str] = ..., actor_name: _Optional[str] = ..., actor_address: _Optional[str] = ...) -> None: ...

class ListEventsRequest(_message.Message):
    __slots__ = ("after_event_id", "limit", "agent_id", "node_id", "kind", "reason", "actor", "since_ms", "until_ms", "text")
    AFTER_EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    NODE_ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    SINCE_MS_FIELD_NUMBER: _ClassVar[int]
    UNTIL_MS_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    after_event_id: int
    limit: int
    agent_id: str
    node_id: str
    kind: str
    reason: str
    actor: str
    since_ms: int
    until_ms: int
    text: str
    def __init__(self, after_event_id: _Optional[int] = ..., limit: _Optional[int] = ..., agent_id: _Optional[str] = ..., node_id: _Optional[str] = ..., kind: _Optional[str] = ..., reason: _Optional[str] = ..., actor: _Optional[str] = ..., since_ms: _Optional[int] = ..., until_ms: _Optional[int] = ..., text: _Optional[str] = ...) -> None: ...

class EventList(_message.Message):
    __slots__ = ("events", "last_event_id")
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    LAST_EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    events: _containers.RepeatedCompositeFieldContainer[Event]
    last_event_id: int
    def __init__(self, events: _Optional[_Iterable[_Union[Event, _Mapping]]] = ..., last_event_id: _Optional[int] = ...) -> None: ...

class LogRequest(_message.Message):
    __slots__ = ("node_id", "tail_lines", "cursor", "max_bytes")
    NODE_ID_FIELD_NUMBER: _ClassVar[int]
    TAIL_LINES_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    MAX_BYTES_FIELD_NUMBER: _ClassVar[int]
    node_id: str
    tail_lines: int
    cursor: str
    max_bytes: int
    def __init__(self, node_id: _Optional[str] = ..., tail_lines: _Optional[int] = ..., cursor: _Optional[str] = ..., max_bytes: _Optional[int] = ...) -> None: ...

class LogChunk(_message.Message):
    __slots__ = ("data", "cursor", "rotated", "more", "omitted_lines", "omitted_cursor", "note")
    DATA_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    ROTATED_FIELD_NUMBER: _ClassVar[int]
    MORE_FIELD_NUMBER: _ClassVar[int]
    OMITTED_LINES_FIELD_NUMBER: _ClassVar[int]
    OMITTED_CURSOR_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    data: bytes
    cursor: str
    rotated: bool
    more: bool
    omitted_lines: int
    omitted_cursor: str
    note: str
    def __init__(self, data: _Optional[bytes] = ..., cursor: _Optional[str] = ..., rotated: bool = ..., more: bool = ..., omitted_lines: _Optional[int] = ..., omitted_cursor: _Optional[str] = ..., note: _Optional[str] = ...) -> None: ...

class ErrorDetail(_message.Message):
    __slots__ = ("code", "reason", "message", "hint")
    CODE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    HINT_FIELD_NUMBER: _ClassVar[int]
    code: str
    reason: str
    message: str
    hint: str
    def __init__(self, code: _Optional[str] = ..., reason: _Optional[str] = ..., message: _Optional[str] = ..., hint: _Optional[str] = ...) -> None: ...
