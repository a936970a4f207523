"""Control groups that limit memory: set the limit, read the counters, move a process, remove the group.

There are two kinds: the memory hierarchy of cgroup v1, and the single hierarchy of cgroup v2.
"""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from sutra_grid.agent.limits.cgroup_files import read_names, read_number, read_table, write

CONTROLLER: Final = "memory"

_MIB: Final = 1024 * 1024
# The agent stops a node over its limit; the kernel's limit is higher, so that it kills only what grows too fast.
_LEAST_HEADROOM_BYTES: Final = 32 * _MIB
_HEADROOM_DIVISOR: Final = 10
_NEAR_BYTES: Final = _MIB  # the kernel charges memory in batches: usage can end this much below the limit


@dataclass(frozen=True, slots=True)
class OomKills:
    """The counters of a group: how many of its processes the kernel killed for lack of memory.

    ``over_limit``: the group has reached its own limit. cgroup v1 does not report which kills this caused:
    there it is true once the limit was reached, even if cached files filled the group.
    """

    count: int
    over_limit: bool


class CgroupHierarchy(Protocol):
    """One version of control groups: which file of a group has what. All methods raise ``OSError``."""

    @property
    def name(self) -> str:
        """For messages."""
        ...

    def prepare(self, home: Path) -> None:
        """Make ``home`` a group whose subgroups can have limits."""
        ...

    def limit(self, group: Path, hard_limit_bytes: int, limit_bytes: int) -> None:
        """Let the kernel kill a process of the group that would use more than ``hard_limit_bytes``."""
        ...

    def unreclaimable_bytes(self, group: Path) -> int:
        """The memory that the kernel can't take back from the group's processes, including swap."""
        ...

    def resident_bytes(self, group: Path) -> int:
        """The memory that the group's processes map, each page once: what they hold, and files that they map."""
        ...

    def oom_kills(self, group: Path) -> OomKills:
        """The counters since the group was made."""
        ...


class CgroupV1:
    """The memory hierarchy of cgroup v1."""

    name: Final = "cgroup v1"

    def prepare(self, home: Path) -> None:
        """Make the directory; v1 needs nothing else."""
        home.mkdir(exist_ok=True)

    def limit(self, group: Path, hard_limit_bytes: int, limit_bytes: int) -> None:
        """Limit memory, and the sum of memory and swap where swap is counted. The sum is never the lower limit."""
        swap = group / "memory.memsw.limit_in_bytes"
        with contextlib.suppress(FileNotFoundError):
            write(swap, "-1")
        write(group / "memory.limit_in_bytes", str(hard_limit_bytes))
        with contextlib.suppress(FileNotFoundError):
            write(swap, str(hard_limit_bytes))
        with contextlib.suppress(OSError):  # a group inherits the switch, and a parent may have turned kills off
            write(group / "memory.oom_control", "0")

    def unreclaimable_bytes(self, group: Path) -> int:
        """Anonymous and shared memory and swap, with that of subgroups."""
        return _sum(read_table(group / "memory.stat"), "total_rss", "total_shmem", "total_swap")

    def resident_bytes(self, group: Path) -> int:
        """``total_rss`` is anonymous memory; mapped files contain mapped shared memory."""
        return _sum(read_table(group / "memory.stat"), "total_rss", "total_mapped_file")

    def oom_kills(self, group: Path) -> OomKills:
        """``oom_kill`` exists since Linux 4.13. ``failcnt`` is not used: some versions leave it at 0."""
        count = read_table(group / "memory.oom_control").get("oom_kill", 0)
        most, limit = read_number(group / "memory.max_usage_in_bytes"), read_number(group / "memory.limit_in_bytes")
        with contextlib.suppress(FileNotFoundError):
            most = max(most, read_number(group / "memory.memsw.max_usage_in_bytes"))
        return OomKills(count, over_limit=most + _NEAR_BYTES >= limit)


class CgroupV2:
    """The single hierarchy of cgroup v2."""

    name: Final = "cgroup v2"

    def prepare(self, home: Path) -> None:
        """Make the directory and enable the memory controller for its subgroups."""
        home.mkdir(exist_ok=True)
        if CONTROLLER not in read_names(home / "cgroup.subtree_control"):
            write(home / "cgroup.subtree_control", f"+{CONTROLLER}")

    def limit(self, group: Path, hard_limit_bytes: int, limit_bytes: int) -> None:
        """Limit memory, and swap to the node's limit: v2 has no limit for the sum of both."""
        write(group / "memory.max", str(hard_limit_bytes))
        with contextlib.suppress(FileNotFoundError):  # the kernel does not count swap
            write(group / "memory.swap.max", str(limit_bytes))

    def unreclaimable_bytes(self, group: Path) -> int:
        """Anonymous and shared memory and swap, with that of subgroups."""
        swapped = 0
        with contextlib.suppress(FileNotFoundError):
            swapped = read_number(group / "memory.swap.current")
        return _sum(read_table(group / "memory.stat"), "anon", "shmem") + swapped

    def resident_bytes(self, group: Path) -> int:
        """Mapped files contain mapped shared memory."""
        return _sum(read_table(group / "memory.stat"), "anon", "file_mapped")

    def oom_kills(self, group: Path) -> OomKills:
        """``oom`` counts only what the limit of this group or of a subgroup has caused."""
        events = read_table(group / "memory.events")
        return OomKills(events.get("oom_kill", 0), over_limit=events.get("oom", 0) > 0)


def hard_limit_bytes(limit_bytes: int) -> int:
    """Where the kernel kills a process: a tenth above the node's limit, and 32 MiB at least."""
    return limit_bytes + max(_LEAST_HEADROOM_BYTES, limit_bytes // _HEADROOM_DIVISOR)


def move_process(pid: int, group: Path) -> None:
    """Move a process into a group. Raises ``OSError``."""
    write(group / "cgroup.procs", str(pid))


def pids(group: Path) -> list[int]:
    """The processes in a group and in its subgroups; none when it does not exist. Does not raise."""
    found: list[int] = []
    for directory in (group, *group.rglob("*/")):
        with contextlib.suppress(OSError):  # the group is gone, or its last process has just ended
            found += [int(pid) for pid in read_names(directory / "cgroup.procs")]
    return found


def remove(group: Path) -> bool:
    """Remove a group. False while it is in use; true when it is gone, whoever removed it. Raises ``OSError``."""
    try:
        group.rmdir()
    except FileNotFoundError:
        return True
    except OSError as error:
        if error.errno not in (errno.EBUSY, errno.ENOTEMPTY):
            raise
        return False
    return True


def _sum(table: Mapping[str, int], *names: str) -> int:
    return sum(table.get(name, 0) for name in names)
