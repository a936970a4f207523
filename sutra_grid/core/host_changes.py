"""The events that explain the difference between two samples of an agent's host. Pure."""

from __future__ import annotations

from sutra_grid.core.event_kinds import EventKind
from sutra_grid.core.types import Actor, Event, HostSample, Reason

_MIB = 1024 * 1024

#: Free space, of the reserve, at which a low disk counts as recovered. Free space changes with every write of a node.
RECOVERED_AT_PERCENT = 110


def is_disk_low(host: HostSample | None) -> bool:
    """Whether less disk is free than the reserve: then the agent takes no new node. An unknown disk is not low."""
    return host is not None and host.disk_total_bytes > 0 and host.disk_free_bytes < host.disk_reserve_bytes


def is_disk_still_low(was_low: bool, host: HostSample | None) -> bool:
    """Whether the disk counts as low after ``host``. Free space around the reserve does not change it to and fro."""
    if host is None or host.disk_total_bytes == 0:
        return was_low
    return is_disk_low(host) or (
        was_low and host.disk_free_bytes * 100 < host.disk_reserve_bytes * RECOVERED_AT_PERCENT
    )


def host_events(agent_id: str, was_low: bool, new: HostSample | None, at_ms: int) -> list[Event]:
    """Events from the state before to the sample ``new`` (None: the agent sent none)."""
    is_low = is_disk_still_low(was_low, new)
    if new is None or was_low == is_low:
        return []
    free, reserve = new.disk_free_bytes // _MIB, new.disk_reserve_bytes // _MIB
    free_space = f"{free} MiB are free on the disk of data_path; the reserve is {reserve} MiB"
    kind, reason, message = EventKind.AGENT_DISK_RECOVERED, Reason.RECOVERED, free_space
    if is_low:
        kind, reason = EventKind.AGENT_LOW_DISK, Reason.DISK_FULL
        message = f"{free_space}: the agent takes no new nodes"
    return [Event(kind, at_ms, Actor.AGENT, agent_id, reason=reason, message=message)]
