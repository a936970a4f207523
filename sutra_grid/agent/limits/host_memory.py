"""How much memory the nodes of an agent can have: that of the host, or a lower limit of a control group above them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sutra_grid.agent.limits.cgroup_discovery import GroupPlace
from sutra_grid.agent.limits.cgroup_files import read_number
from sutra_grid.core.errors import InvalidArgument
from sutra_grid.core.types import Reason

_MIB: Final = 1024 * 1024
_LIMIT_FILES: Final = {1: "memory.limit_in_bytes", 2: "memory.max"}


@dataclass(frozen=True, slots=True)
class HostMemory:
    """``group``: the control group whose limit it is; empty when it is all memory of the host."""

    limit_mb: int
    group: str = ""

    def __str__(self) -> str:
        if self.group:
            return f"{self.limit_mb} MiB (limit of the control group {self.group})"
        return f"{self.limit_mb} MiB of memory"


ReadHostMemory = Callable[[], HostMemory]


def check_memory_limit(limit_mb: int, memory: HostMemory) -> None:
    """Refuse a memory limit that a caller asks for and that is above what there is. Raises ``InvalidArgument``."""
    if limit_mb > memory.limit_mb:
        raise InvalidArgument(
            f"a memory limit of {limit_mb} MiB is above what the agent has for its nodes: {memory}",
            reason=Reason.INVALID_ARGUMENT,
            hint="Choose a lower memory limit, or an agent whose host has more memory",
        )


def host_memory(total_bytes: int | None = None) -> HostMemory:
    """All memory of this host."""
    import psutil  # here, because it is slow to import, and the configuration is also checked without it

    return HostMemory((psutil.virtual_memory().total if total_bytes is None else total_bytes) // _MIB)


def node_memory(place: GroupPlace | None, total_bytes: int | None = None) -> HostMemory:
    """What nodes can have that run in ``place`` or below it: the lowest limit from there upwards, else the host's."""
    lowest = host_memory(total_bytes)
    for directory, limit_mb in _limits_above(place) if place is not None else ():
        if limit_mb < lowest.limit_mb:
            lowest = HostMemory(limit_mb, str(directory))
    return lowest


def _limits_above(place: GroupPlace) -> Iterator[tuple[Path, int]]:
    """The groups from that place up to the mount that have a limit; a group without one has a huge number or a word."""
    point, directory = place.mount.point, place.directory
    for group in (directory, *directory.parents):
        if group != point and point not in group.parents:
            return
        try:
            yield group, read_number(group / _LIMIT_FILES[place.mount.version]) // _MIB
        except (OSError, ValueError):  # the true root has no such file; "max"
            continue
