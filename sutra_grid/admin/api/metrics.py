"""``/metrics``: metrics of the grid for Prometheus."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Response, request
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from sutra_grid.admin.access.refusals import COUNTER_PREFIX, totals
from sutra_grid.admin.http.operations import Operations, ResponseSpec
from sutra_grid.admin.reads.metrics_collector import EVENTS_WINDOW_MS, GridCollector
from sutra_grid.admin.services import access, clock, master_fault, registry
from sutra_grid.core.errors import Unavailable
from sutra_grid.registry import GridCounts
from sutra_grid.runtime.clock import wall_ms
from sutra_grid.runtime.logging import get_logger

log = get_logger(__name__)

blueprint = Operations("metrics", __name__, description="Metrics for Prometheus")


@blueprint.operation(
    "GET",
    "/metrics",
    ResponseSpec({"type": "string"}, "Metrics in Prometheus' text format", content_type="text/plain"),
    problems=frozenset({400, 500}),
)
def show_metrics() -> Response:
    """Show the metrics of the grid for Prometheus.

    While the registry is unavailable the response is still 200 and contains `sutra_grid_registry_up 0`, so that the
    scrape does not fail. While the admin can't ask the master, the status of the grid is `unknown`, and the other
    numbers are as last known at `sutra_grid_master_last_seen_timestamp_seconds`.
    `Accept: application/openmetrics-text` selects that format.
    """
    now_ms = wall_ms(clock())
    metrics = CollectorRegistry()
    metrics.register(GridCollector(_counts(now_ms), now_ms, is_master_up=master_fault() is None, refused=_refused()))
    encode, content_type = choose_encoder(request.headers.get("Accept", ""))
    return Response(encode(metrics), content_type=content_type)


def _refused() -> Mapping[str, int]:
    """Refused requests by kind; empty while the registry is unavailable."""
    try:
        rows = registry()
        access().guard.refusals.flush(rows)
        return totals(rows.counters(COUNTER_PREFIX))
    except Unavailable:
        return {}


def _counts(now_ms: int) -> GridCounts | None:
    try:
        return registry().counts(now_ms - EVENTS_WINDOW_MS)
    except Unavailable as error:
        log.warning("grid metrics unavailable", error=error)
        return None
