"""Metrics of the calls that a daemon's gRPC server answers, and of its threads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from sutra_grid.wire.server.call_observer import AnsweredCall
from sutra_grid.wire.server.worker_pool import WorkerUse

DURATION_BUCKETS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Seconds, from a heartbeat to the longest command."""


class CallMetrics:
    """``observe`` is for ``wire.server.serve``. Thread-safe, and quick: every heartbeat passes here."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self._seconds = Histogram(
            "sutra_grid_rpc_duration_seconds",
            "Time of answered calls in their handlers; the count is the number of calls",
            ["method", "code"],
            buckets=DURATION_BUCKETS,
            registry=registry,
        )
        self._refusals = Counter(
            "sutra_grid_rpc_refusals",
            "Answers success=false, by reason; their calls count as OK",
            ["method", "reason"],
            registry=registry,
        )
        # By method and code; ``labels`` would look up and check both for every call.
        self._known: dict[tuple[str, str], Callable[[float], None]] = {}

    def observe(self, call: AnsweredCall) -> None:
        """Count a call."""
        key = (call.method, call.code)
        take = self._known.get(key)
        if take is None:
            take = self._known[key] = self._seconds.labels(*key).observe
        take(call.seconds)
        if call.refused is not None:
            self._refusals.labels(call.method, call.refused or "none").inc()

    def watch_workers(self, use: Callable[[], WorkerUse]) -> None:
        """Add the metrics of the threads; each scrape calls ``use``. Call it once."""
        gauges: tuple[tuple[str, str, Callable[[WorkerUse], int]], ...] = (
            ("sutra_grid_rpc_threads", "Threads that calls may have", lambda now: now.threads),
            ("sutra_grid_rpc_threads_busy", "Threads that run a call", lambda now: now.busy),
            ("sutra_grid_rpc_calls_waiting", "Calls that wait for a thread", lambda now: now.waiting),
        )
        for name, help_, pick in gauges:
            gauge = Gauge(name, help_, registry=self._registry)
            gauge.set_function(lambda pick=pick: float(pick(use())))  # type: ignore[misc]
