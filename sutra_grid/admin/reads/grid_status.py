"""The status of the grid: that of the registry, or ``unknown`` with its age while the master can't be asked."""

from __future__ import annotations

from sutra_grid.admin.services import clock, master_fault, registry
from sutra_grid.core.errors import GridError
from sutra_grid.core.status import as_last_known
from sutra_grid.core.types import ClusterSummary
from sutra_grid.runtime.clock import wall_ms


def grid_summary() -> ClusterSummary:
    """The summary with its status. Raises ``Unavailable`` without a registry. Needs a request context."""
    fault = master_fault()
    rows = registry()
    if fault is None:
        return rows.cluster_summary()
    seen_ms = rows.master_last_seen_ms()
    return as_last_known(rows.cluster_summary(seen_ms), seen_ms, fault.message)


def as_of_ms() -> int:
    """0 while the master answers. Else when it last wrote what is read now. Needs a request context."""
    return registry().master_last_seen_ms() if master_fault() is not None else 0


def seen_at_ms() -> int:
    """The moment that rows are of: now, or ``as_of_ms``, because without a master no time goes on. Wall clock."""
    return as_of_ms() or wall_ms(clock())


def last_known_ms() -> int:
    """When the master last wrote, for pages while it can't be asked; 0 if that can't be read now, or never was."""
    try:
        return registry().master_last_seen_ms()
    except GridError:
        return 0
