"""What happened to an agent's host between two samples of it, as an event.

Pure, and told by the difference of two samples, as in ``core.report_changes``.
"""

from __future__ import annotations

from sutra_grid.core.event_kinds import EventKind
from sutra_grid.core.types import Actor, Event, HostSample, Reason

_MIB = 1024 * 1024


def is_disk_low(host: HostSample | None) -> bool:
    """Whether less is free than the agent's reserve: it takes no new node. A disk that can't be seen is not low."""
    return host is not None and host.disk_total_bytes > 0 and host.disk_free_bytes < host.disk_reserve_bytes


def host_events(agent_id: str, old: HostSample | None, new: HostSample | None, at_ms: int) -> list[Event]:
    """Events that lead from ``old`` (None: nothing was known) to ``new`` (None: nothing was said)."""
    if new is None or new.disk_total_bytes == 0 or is_disk_low(old) == is_disk_low(new):
        return []
    free, reserve = new.disk_free_bytes // _MIB, new.disk_reserve_bytes // _MIB
    words = f"{free} MiB are free on its data_path, the reserve is {reserve} MiB"
    if is_disk_low(new):
        kind, reason, message = EventKind.AGENT_LOW_DISK, Reason.DISK_FULL, f"{words}: no new nodes"
    else:
        kind, reason, message = EventKind.AGENT_DISK_RECOVERED, Reason.RECOVERED, words
    return [Event(kind, at_ms, Actor.AGENT, agent_id, reason=reason, message=message)]
