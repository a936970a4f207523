"""Calls and threads of a server as metrics."""

import pytest
from prometheus_client import CollectorRegistry
from support.documents.scrape import parse
from support.harness.http import HttpClient

from sutra_grid.core.types import Reason
from sutra_grid.runtime.metrics.endpoint import MetricsEndpoint
from sutra_grid.wire.server.call_metrics import CallMetrics
from sutra_grid.wire.server.call_observer import AnsweredCall
from sutra_grid.wire.server.worker_pool import WorkerUse


def test_calls_are_shown_by_method_and_code_and_refusals_by_reason() -> None:
    registry = CollectorRegistry()
    metrics = CallMetrics(registry)
    for code, refused in (("OK", None), ("OK", Reason.SLOTS_FULL), ("OK", Reason.NONE), ("NOT_FOUND", None)):
        metrics.observe(AnsweredCall("grid.GridMaster/Spawn", code, 0.02, refused))
    metrics.watch_workers(lambda: WorkerUse(8, 3, 2))

    with MetricsEndpoint(("127.0.0.1", 0), registry) as endpoint:
        found = parse(HttpClient(endpoint.address).get("/metrics"))

    method = "grid.GridMaster/Spawn"
    assert found.value("sutra_grid_rpc_duration_seconds_count", method=method, code="OK") == 3
    assert found.value("sutra_grid_rpc_duration_seconds_sum", method=method, code="NOT_FOUND") == pytest.approx(0.02)
    assert found.value("sutra_grid_rpc_duration_seconds_bucket", method=method, code="OK", le="0.025") == 3
    assert found.value("sutra_grid_rpc_duration_seconds_bucket", method=method, code="OK", le="0.01") == 0
    assert found.value("sutra_grid_rpc_refusals_total", method=method, reason="slots_full") == 1
    assert found.value("sutra_grid_rpc_refusals_total", method=method, reason="none") == 1
    assert found.value("sutra_grid_rpc_threads") == 8
    assert found.value("sutra_grid_rpc_threads_busy") == 3
    assert found.value("sutra_grid_rpc_calls_waiting") == 2
