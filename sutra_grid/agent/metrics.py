"""The metrics of an agent: its nodes, its host, its heartbeats and its calls.

Labels are bounded: ``node_id`` by the agent's slots, the others by its configuration.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, NamedTuple, Protocol

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily
from prometheus_client.registry import Collector

from sutra_grid.agent.engines import DEFAULT_ENGINE
from sutra_grid.core.samples import HostSample
from sutra_grid.core.types import Agent, Desired, Health, NodeReport, NodeState
from sutra_grid.runtime.metrics.process import new_registry
from sutra_grid.runtime.tls.credentials import CredentialFiles
from sutra_grid.wire.server import RunningServer
from sutra_grid.wire.server.call_metrics import CallMetrics

MIB_BYTES: Final = 1024 * 1024

_NODE_LABELS: Final = ("agent_id", "node_id", "engine")
_NODE_GAUGES: Final = {
    "up": "1 while the node runs and has been ready",
    "desired": "1 when the node should run",
    "failed": "1 when the node failed and stays down until it is started",
    "healthy": "1 or 0 by the last health probe; missing before the first probe",
    "start_time_seconds": "Start time of its first process, in seconds since 1970",
    "memory_limit_bytes": "Memory limit of the node",
    "resident_memory_bytes": "Resident memory of all its processes; a page that they share counts once",
    "cpu_ratio": "CPU use of all its processes since the previous sample; 1 is one CPU",
    "threads": "Threads of all its processes",
    "open_files": "File descriptors of all its processes",
    "processes": "Processes of the node: the one that the agent started and its descendants",
    "log_problem": "1 while its log was moved or can't be rotated",
}


class HeartbeatStatistics(Protocol):
    """What the metrics need of the heartbeats."""

    @property
    def session_id(self) -> str:
        """Empty while the agent is not registered."""

    def counts(self) -> Mapping[str, int]:
        """Registrations and heartbeats by outcome."""


class MetricsSources(NamedTuple):
    """Where the metrics are read from at each scrape."""

    agent: Agent
    reports: Callable[[], Iterable[NodeReport]]
    host: Callable[[], HostSample | None]
    heartbeat: HeartbeatStatistics
    tls: CredentialFiles | None = None


class AgentMetrics:
    """The registry of metrics, and the counters of calls."""

    def __init__(self) -> None:
        self.registry = new_registry()
        self.calls = CallMetrics(self.registry)

    def watch(self, sources: MetricsSources, server: RunningServer) -> None:
        """Export nodes, host, heartbeats and threads, which are read at each scrape. Call it once."""
        self.calls.watch_workers(lambda: server.worker_use)
        self.registry.register(_AgentCollector(sources))


class _AgentCollector(Collector):
    """Reads the parts of an agent. Thread-safe. Samples are up to a few seconds old."""

    def __init__(self, sources: MetricsSources) -> None:
        self._sources = sources

    def collect(self) -> Iterator[Metric]:
        """Collect all metrics; called at each scrape."""
        agent_id = self._sources.agent.agent_id
        yield from _agent(self._sources)
        yield from _nodes(agent_id, self._sources.reports())
        host = self._sources.host()
        if host is not None:
            yield from _host(agent_id, host)


def _agent(sources: MetricsSources) -> Iterator[Metric]:
    agent, heartbeat = sources.agent, sources.heartbeat
    labels = {"hostname": agent.hostname, "platform": agent.platform, "version": agent.version}
    info = InfoMetricFamily("sutra_grid_agent", "Always 1; the labels say what the agent is", labels=["agent_id"])
    info.add_metric([agent.agent_id], labels)
    yield info
    slots = agent.max_storage_nodes
    yield _gauge("sutra_grid_agent_slots", "Nodes that the host can have", agent.agent_id, slots)
    is_registered = bool(heartbeat.session_id)
    yield _gauge(
        "sutra_grid_agent_registered", "1 while the agent is registered with the master", agent.agent_id, is_registered
    )
    heartbeats = CounterMetricFamily(
        "sutra_grid_agent_heartbeats",
        "Registrations and heartbeats by outcome: ok or the error code",
        labels=["agent_id", "code"],
    )
    for code, count in heartbeat.counts().items():
        heartbeats.add_metric([agent.agent_id, code], count)
    yield heartbeats
    yield _gauge(
        "sutra_grid_agent_certificate_expiry_seconds",
        "When the agent's certificate expires, in seconds since 1970; 0 without TLS",
        agent.agent_id,
        sources.tls.current().not_after_seconds if sources.tls else 0,
    )


def _nodes(agent_id: str, reports: Iterable[NodeReport]) -> Iterator[Metric]:
    gauges = {
        name: GaugeMetricFamily(f"sutra_grid_node_{name}", help_, labels=_NODE_LABELS)
        for name, help_ in _NODE_GAUGES.items()
    }
    restarts = CounterMetricFamily(
        "sutra_grid_node_restarts",
        "Restarts since the node was created, across restarts of the agent",
        labels=_NODE_LABELS,
    )
    oom_kills = CounterMetricFamily(
        "sutra_grid_node_oom_kills",
        "Processes of the node that the kernel killed for lack of memory, since the node was created",
        labels=_NODE_LABELS,
    )
    for report in reports:
        labels = [agent_id, report.node_id, report.spec.engine or DEFAULT_ENGINE]
        restarts.add_metric(labels, report.restarts)
        oom_kills.add_metric(labels, report.oom_kills)
        for name, value in _values(report).items():
            gauges[name].add_metric(labels, value)
    yield from gauges.values()
    yield restarts
    yield oom_kills


def _values(node: NodeReport) -> dict[str, float]:
    """The gauges of a node. Unknown values are missing."""
    values: dict[str, float] = {
        "up": node.state is NodeState.RUNNING,
        "desired": node.desired is Desired.RUNNING,
        "failed": node.state is NodeState.FAILED,
        "log_problem": node.log_problem is not None,
    }
    if node.health is not Health.UNKNOWN:
        values["healthy"] = node.health is Health.HEALTHY
    if node.started_at_ms:
        values["start_time_seconds"] = node.started_at_ms / 1000
    if node.spec.memory_limit_mb:
        values["memory_limit_bytes"] = node.spec.memory_limit_mb * MIB_BYTES
    if node.sample is not None:
        values["resident_memory_bytes"] = node.sample.rss_bytes
        values["cpu_ratio"] = node.sample.cpu_percent / 100
        values["threads"] = node.sample.threads
        values["open_files"] = node.sample.open_files
        values["processes"] = node.sample.processes
    return values


def _host(agent_id: str, host: HostSample) -> Iterator[Metric]:
    for name, help_, value in (
        ("cpu_ratio", "CPU use of the host since the previous sample; 1 is all CPUs", host.cpu_percent / 100),
        ("cpus", "CPUs of the host", host.cpu_count),
        ("load1", "Load average of the last minute", host.load_average_1m),
        ("memory_bytes", "Memory of the host", host.memory_total_bytes),
        ("memory_available_bytes", "Memory available to programs", host.memory_available_bytes),
        ("disk_bytes", "Size of the file system of data_path", host.disk_total_bytes),
        ("disk_free_bytes", "Free space on the file system of data_path", host.disk_free_bytes),
        ("disk_reserve_bytes", "No new node is created while less space is free", host.disk_reserve_bytes),
    ):
        yield _gauge(f"sutra_grid_host_{name}", help_, agent_id, value)
    labels = ["agent_id", "use"]
    sizes = GaugeMetricFamily(
        "sutra_grid_host_use_disk_bytes", "Size of the disk of data, state or logs", labels=labels
    )
    free = GaugeMetricFamily(
        "sutra_grid_host_use_disk_free_bytes", "Free space on the disk of data, state or logs", labels=labels
    )
    for disk in host.disks:
        for use in disk.uses:
            sizes.add_metric([agent_id, use], disk.total_bytes)
            free.add_metric([agent_id, use], disk.free_bytes)
    yield sizes
    yield free


def _gauge(name: str, help_: str, agent_id: str, value: float) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, help_, labels=["agent_id"])
    family.add_metric([agent_id], value)
    return family
