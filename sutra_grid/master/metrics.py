"""The master's metrics: its calls, its threads, heartbeats, and writes to the registry.

The admin's ``/metrics`` exports the cluster itself: agents, nodes, restarts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from prometheus_client import Histogram, Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from sutra_grid.core.agent.sessions import HeartbeatInstruction
from sutra_grid.master.concurrency_limit import ConcurrencyLimit
from sutra_grid.master.registry_writes.write_behind import RegistryWriter
from sutra_grid.runtime.metrics.process import new_registry
from sutra_grid.wire.server import RunningServer
from sutra_grid.wire.server.call_metrics import CallMetrics

FLUSH_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Seconds: from a commit on a fast disk to the longest wait for a lock."""


@dataclass(frozen=True, slots=True)
class MetricSources:
    """The parts of a master that the metrics read at each scrape. Each is thread-safe."""

    heartbeats_by_answer: Callable[[], Mapping[HeartbeatInstruction, int]]
    limits: Mapping[str, ConcurrencyLimit]  # by the label ``kind``
    registry_writer: RegistryWriter
    registry_failures: Callable[[], int]


class MasterMetrics:
    """The registry of metrics, and the metrics that are counted as things happen."""

    def __init__(self) -> None:
        self.registry = new_registry()
        self.calls = CallMetrics(self.registry)
        self._flushes = Histogram(
            "sutra_grid_master_flush_duration_seconds",
            "Time of one write of observations to the registry, successful or not",
            buckets=FLUSH_BUCKETS,
            registry=self.registry,
        )

    def observe_flush(self, seconds: float) -> None:
        """Record the time of one write, successful or not."""
        self._flushes.observe(seconds)

    def watch(self, sources: MetricSources, server: RunningServer) -> None:
        """Export what ``sources`` and ``server`` count themselves. Call it once."""
        self.calls.watch_workers(lambda: server.worker_use)
        self.registry.register(_MasterCollector(sources))


class _MasterCollector(Collector):
    """Reads the parts of a master. Thread-safe; takes each part's lock for a moment."""

    def __init__(self, sources: MetricSources) -> None:
        self._sources = sources

    def collect(self) -> Iterator[Metric]:
        """The metrics of one scrape."""
        yield from self._heartbeats()
        yield from self._limits()
        yield from self._registry()

    def _heartbeats(self) -> Iterator[Metric]:
        heartbeats = CounterMetricFamily(
            "sutra_grid_master_heartbeats",
            "Heartbeats by response: acknowledged, register (again), superseded (by a newer process)",
            labels=["answer"],
        )
        for instruction, count in self._sources.heartbeats_by_answer().items():
            heartbeats.add_metric([instruction or "acknowledged"], count)
        yield heartbeats

    def _limits(self) -> Iterator[Metric]:
        in_use = GaugeMetricFamily(
            "sutra_grid_master_limited_calls", "Calls under way that wait for an agent or the registry", labels=["kind"]
        )
        most = GaugeMetricFamily(
            "sutra_grid_master_limited_calls_max",
            "The most calls allowed at once; one more is refused as overloaded",
            labels=["kind"],
        )
        for kind, limit in self._sources.limits.items():
            in_use.add_metric([kind], limit.in_use)
            most.add_metric([kind], limit.count)
        yield in_use
        yield most

    def _registry(self) -> Iterator[Metric]:
        writer = self._sources.registry_writer
        yield GaugeMetricFamily(
            "sutra_grid_master_pending_observations",
            "Rows that are not written to the registry yet",
            value=writer.pending,
        )
        yield CounterMetricFamily(
            "sutra_grid_master_flush_failures",
            "Writes of observations that failed; they are retried",
            value=writer.failures,
        )
        yield CounterMetricFamily(
            "sutra_grid_master_dropped_events",
            "Events dropped because the registry accepted none for too long",
            value=writer.dropped_events,
        )
        yield CounterMetricFamily(
            "sutra_grid_master_registry_failures",
            "Transactions that failed because the registry did not answer (locked, full, unreachable)",
            value=self._sources.registry_failures(),
        )
