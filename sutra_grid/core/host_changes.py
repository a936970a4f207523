"""The events that explain the difference between two samples of an agent's host. Pure."""

from __future__ import annotations

from sutra_grid.core.event_kinds import EventKind
from sutra_grid.core.types import Actor, Event, HostSample, Reason

_MIB = 1024 * 1024


def is_disk_low(host: HostSample | None) -> bool:
    """Whether less disk is free than the reserve: then the agent takes no new node. An unknown disk is not low."""
    return host is not None and host.disk_total_bytes > 0 and host.disk_free_bytes < host.disk_reserve_bytes


def host_events(agent_id: str, old: HostSample | None, new: HostSample | None, at_ms: int) -> list[Event]:
    """Events from the sample ``old`` (None: none was known) to ``new`` (None: the agent sent none)."""
    if new is None or new.disk_total_bytes == 0 or is_disk_low(old) == is_disk_low(new):
        return []
    free, reserve = new.disk_free_bytes // _MIB, new.disk_reserve_bytes // _MIB
    free_space = f"{free} MiB are free on the disk of data_path; the reserve is {reserve} MiB"
    kind, reason, message = EventKind.AGENT_DISK_RECOVERED, Reason.RECOVERED, free_space
    if is_disk_low(new):
        kind, reason = EventKind.AGENT_LOW_DISK, Reason.DISK_FULL
        message = f"{free_space}: the agent takes no new nodes"
    return [Event(kind, at_ms, Actor.AGENT, agent_id, reason=reason, message=message)]
