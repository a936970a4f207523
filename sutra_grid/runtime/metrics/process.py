"""A registry with the metrics of every daemon: its version and its process."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Gauge, ProcessCollector, disable_created_metrics

from sutra_grid import __version__


def new_registry() -> CollectorRegistry:
    """A new registry: the library's global one serves only programs with a single one."""
    # They would add a series to each metric, which nobody uses.
    disable_created_metrics()  # type: ignore[no-untyped-call]
    registry = CollectorRegistry(auto_describe=True)
    ProcessCollector(registry=registry)
    build = Gauge("sutra_grid_build_info", "Always 1; the version is in the label", ["version"], registry=registry)
    build.labels(__version__).set(1)
    return registry
