"""Hypothesis strategies for the values of ``core.types``."""

from hypothesis import strategies as st

from sutra_grid.core.agent.insecure import Insecure, told_insecure
from sutra_grid.core.event_kinds import EventKind, event_kind
from sutra_grid.core.samples import HostSample, NodeSample
from sutra_grid.core.types import (
    Actor,
    Agent,
    Assignment,
    ClusterHealth,
    ClusterSummary,
    Desired,
    Event,
    Health,
    NodeExit,
    NodeReport,
    NodeSpec,
    NodeState,
    Reason,
)

words = st.text(max_size=20)  # every character but surrogates: what UTF-8 can say
u32 = st.integers(0, 2**32 - 1)
u64 = st.integers(0, 2**64 - 1)
numbers = st.floats(allow_nan=False, allow_infinity=False)
reasons = st.sampled_from(Reason)

specs = st.builds(NodeSpec, engine=words, port=u32, storage_path=words, memory_limit_mb=u64)
assignments = st.builds(
    Assignment,
    node_id=words,
    generation=u64,
    desired=st.sampled_from(Desired),
    spec=specs,
    restart_generation=u64,
    agent_id=words,
)
exits = st.builds(
    NodeExit,
    code=st.none() | st.integers(-(2**31), 2**31 - 1),
    signal=u32,
    at_ms=u64,
    uptime_ms=u64,
    reason=reasons,
)
samples = st.builds(
    NodeSample, at_ms=u64, cpu_percent=numbers, rss_bytes=u64, uptime_ms=u64, threads=u32, open_files=u32, processes=u32
)
host_samples = st.builds(
    HostSample,
    at_ms=u64,
    cpu_percent=numbers,
    cpu_count=u32,
    memory_total_bytes=u64,
    memory_available_bytes=u64,
    disk_total_bytes=u64,
    disk_free_bytes=u64,
    load_average_1m=numbers,
    disk_reserve_bytes=u64,
)
reports = st.builds(
    NodeReport,
    node_id=words,
    generation=u64,
    desired=st.sampled_from(Desired),
    state=st.sampled_from(NodeState),
    pid=u32,
    endpoint=words,
    spec=specs,
    restart_generation=u64,
    reason=reasons,
    message=words,
    health=st.sampled_from(Health),
    restarts=u64,
    started_at_ms=u64,
    exits=st.lists(exits, max_size=5).map(tuple),
    sample=st.none() | samples,
    backoff_ms=u64,
    log_tail=st.lists(words, max_size=3).map(tuple),
    sequence=u64,
    end_cause=words,
    oom_kills=u64,
)
registering_agents = st.builds(
    Agent,
    agent_id=words,
    hostname=words,
    platform=words,
    max_storage_nodes=u32,
    version=words,
    endpoint=words,
    host_id=words,
    instance_id=words,
    heartbeat_interval_ms=st.integers(1, 2**64 - 1),
    engines=st.lists(words, max_size=3).map(tuple),
    labels=st.dictionaries(words, words, max_size=3),
    data_path=words,
    host=st.none() | host_samples,
    insecure=st.sets(st.sampled_from(Insecure)).map(told_insecure),
)
events = st.builds(
    Event,
    kind=st.sampled_from(EventKind) | words.map(event_kind),
    at_ms=u64,
    actor=st.sampled_from(Actor),
    agent_id=words,
    node_id=words,
    reason=reasons,
    message=words,
    event_id=u64,
)
summaries = st.builds(
    ClusterSummary,
    status=st.sampled_from(ClusterHealth),
    total_agents=u32,
    healthy_agents=u32,
    degraded_agents=u32,
    offline_agents=u32,
    total_storage_nodes=u32,
    running_storage_nodes=u32,
    desired_storage_nodes=u32,
    failed_storage_nodes=u32,
    unknown_storage_nodes=u32,
    reasons=st.lists(words, max_size=3).map(tuple),
)
