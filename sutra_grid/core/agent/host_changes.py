"""The events that explain the difference between two samples of an agent's host. Pure."""

from __future__ import annotations

from sutra_grid.core.event_kinds import EventKind
from sutra_grid.core.samples import DiskSample, HostSample
from sutra_grid.core.types import Actor, Event, Reason

_MIB = 1024 * 1024
DATA = "data"  # the use of the file system of data_path

#: Free space, of the reserve, at which a low disk counts as recovered. Free space changes with every write of a node.
RECOVERED_AT_PERCENT = 110


def is_disk_low(host: HostSample | None) -> bool:
    """Whether less disk is free than the reserve: then the agent takes no new node. An unknown disk is not low."""
    return host is not None and host.disk_total_bytes > 0 and host.disk_free_bytes < host.disk_reserve_bytes


def other_disks(host: HostSample | None) -> tuple[DiskSample, ...]:
    """The file systems of state and logs, where those are on other disks than the data."""
    return tuple(disk for disk in host.disks if DATA not in disk.uses) if host is not None else ()


def low_other_disks(host: HostSample | None) -> tuple[DiskSample, ...]:
    """Those of ``other_disks`` with less free space than the reserve. The agent takes new nodes all the same."""
    if host is None:
        return ()
    return tuple(disk for disk in other_disks(host) if disk.free_bytes < host.disk_reserve_bytes)


def other_disks_still_low(were_low: frozenset[str], host: HostSample | None) -> frozenset[str]:
    """The paths of the other disks that count as low after ``host``, as in ``is_disk_still_low``."""
    if host is None:
        return were_low
    told = {disk.path for disk in other_disks(host)}
    recovering = host.disk_reserve_bytes * RECOVERED_AT_PERCENT
    low = {
        disk.path
        for disk in other_disks(host)
        if disk.free_bytes < host.disk_reserve_bytes or (disk.path in were_low and disk.free_bytes * 100 < recovering)
    }
    return frozenset(low | (were_low - told))


def other_disk_events(agent_id: str, were_low: frozenset[str], new: HostSample | None, at_ms: int) -> list[Event]:
    """Events of the disks of state and logs, from the paths that were low to the sample ``new``."""
    if new is None:
        return []
    are_low = other_disks_still_low(were_low, new)
    events = []
    for disk in other_disks(new):
        if (disk.path in are_low) == (disk.path in were_low):
            continue
        space = (
            f"{disk.free_bytes // _MIB} MiB are free on the disk of {' and '.join(disk.uses)} ({disk.path}); "
            f"the reserve is {new.disk_reserve_bytes // _MIB} MiB"
        )
        kind, reason, message = EventKind.AGENT_DISK_RECOVERED, Reason.RECOVERED, space
        if disk.path in are_low:
            kind, reason = EventKind.AGENT_LOW_DISK, Reason.DISK_FULL
            message = f"{space}: when it is full, changes can't be saved and logs can't be rotated"
        events.append(Event(kind, at_ms, Actor.AGENT, agent_id, reason=reason, message=message))
    return events


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
