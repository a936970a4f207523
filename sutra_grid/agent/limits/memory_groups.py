"""One control group per launch of a node. It limits memory, measures it, and counts kills by the kernel.

The name has node and launch: ``sutra-grid-HOST_ID/NODE_ID.LAUNCH``. The counters begin with the launch
and stay until the group is removed, so an agent that was down can still read how a process ended. A
group is removed after its last process has ended.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Final, Protocol

from sutra_grid.agent.config import MemoryLimits
from sutra_grid.agent.limits import cgroup_discovery, cgroups
from sutra_grid.agent.limits.cgroup_discovery import CgroupParent, CgroupsUnavailable, GroupPlace
from sutra_grid.agent.processes.identity import children, start_ticks
from sutra_grid.agent.processes.launch_tag import GROUP_PREFIX
from sutra_grid.core.errors import FailedPrecondition
from sutra_grid.core.node.events import OomKill
from sutra_grid.core.node.record import ExitStatus, NodeRecord, ProcessIdentity
from sutra_grid.core.types import Reason
from sutra_grid.runtime.logging import get_logger

log = get_logger(__name__)

HOME_PREFIX: Final = GROUP_PREFIX
_MIB: Final = 1024 * 1024


class MemoryGroups(Protocol):
    """Enforces the memory limits of nodes by groups. No method raises. Thread-safe."""

    @property
    def place(self) -> GroupPlace | None:
        """The group that the nodes are in, or below which their groups are made; None when it is not known."""
        ...

    def add(self, record: NodeRecord, process: ProcessIdentity) -> None:
        """Put a launched or adopted process into the group of its launch."""
        ...

    def release(self, record: NodeRecord, status: ExitStatus) -> OomKill | None:
        """Remove the group of a process that has ended. Returns the kernel's kills in it that were not told yet."""
        ...

    def oom_kills(self, node_id: str, launch: int, limit_mb: int) -> OomKill | None:
        """The kernel's kills in the group of a launch that runs; None without one. Its description says why."""
        ...

    def unreclaimable_bytes(self, node_id: str, launch: int) -> int:
        """The memory that the kernel can't take back from the group of a launch; 0 without a group."""
        ...

    def resident_bytes(self, node_id: str, launch: int) -> int:
        """The memory that the processes in the group of a launch map, each page once; 0 without a group."""
        ...

    def pids(self, node_id: str, launch: int) -> Collection[int]:
        """The processes in the group of a launch and in its subgroups; none without a group."""
        ...

    def remove_leftovers(self) -> None:
        """Remove empty groups of earlier agents. Once, after the live processes were adopted."""
        ...

    def retry_removals(self) -> None:
        """Try again to remove the groups that were still in use."""
        ...


class NoMemoryGroups:
    """No groups: the agent measures the memory, or does not limit it."""

    @property
    def place(self) -> GroupPlace | None:
        """See ``MemoryGroups``: nodes start in the agent's own group."""
        return cgroup_discovery.own_place()

    def add(self, record: NodeRecord, process: ProcessIdentity) -> None:
        """See ``MemoryGroups``."""

    def release(self, record: NodeRecord, status: ExitStatus) -> OomKill | None:
        """See ``MemoryGroups``."""
        return None

    def oom_kills(self, node_id: str, launch: int, limit_mb: int) -> OomKill | None:
        """See ``MemoryGroups``."""
        return None

    def unreclaimable_bytes(self, node_id: str, launch: int) -> int:
        """See ``MemoryGroups``."""
        return 0

    def resident_bytes(self, node_id: str, launch: int) -> int:
        """See ``MemoryGroups``."""
        return 0

    def pids(self, node_id: str, launch: int) -> Collection[int]:
        """See ``MemoryGroups``."""
        return ()

    def remove_leftovers(self) -> None:
        """See ``MemoryGroups``."""

    def retry_removals(self) -> None:
        """See ``MemoryGroups``."""


class CgroupMemoryGroups:
    """The groups of one state directory, in a directory of their own below ``parent``."""

    def __init__(self, parent: CgroupParent, host_id: str) -> None:
        self._parent = parent
        self._home = parent.directory / f"{HOME_PREFIX}{host_id}"
        self._lock = threading.Lock()  # guards _groups and _ended, and keeps the home while a group is made in it
        self._groups: dict[tuple[str, int], Path] = {}  # of live processes
        self._ended: set[Path] = set()  # of ended processes, still to be removed

    @property
    def place(self) -> GroupPlace | None:
        """See ``MemoryGroups``."""
        return self._parent.place

    def add(self, record: NodeRecord, process: ProcessIdentity) -> None:
        """See ``MemoryGroups``. On an error the node runs on without a group."""
        node_id, limit_bytes = record.assignment.node_id, record.assignment.spec.memory_limit_mb * _MIB
        if not limit_bytes:
            return
        try:
            with self._lock:
                group = self._existing(node_id, process) or self._home / _name(node_id, process.launch)
                self._parent.hierarchy.prepare(group.parent)
                group.mkdir(exist_ok=True)
                self._parent.hierarchy.limit(group, cgroups.hard_limit_bytes(limit_bytes), limit_bytes)
                self._move(process, group)
                self._groups[node_id, process.launch] = group
        except OSError as error:
            log.warning("node has no memory group; its memory is sampled", node=node_id, error=error)

    def release(self, record: NodeRecord, status: ExitStatus) -> OomKill | None:
        """See ``MemoryGroups``."""
        if record.process is None:
            return None
        node_id, launch = record.assignment.node_id, record.process.launch
        with self._lock:
            group = self._groups.pop((node_id, launch), self._home / _name(node_id, launch))
            self._ended.add(group)
        kills = self._kills(group, record.assignment.spec.memory_limit_mb)
        self.retry_removals()
        new = kills.count - record.launch_oom_kills if kills else 0
        return None if kills is None or new <= 0 else _told_with_exit(kills, new, status)

    def oom_kills(self, node_id: str, launch: int, limit_mb: int) -> OomKill | None:
        """See ``MemoryGroups``."""
        with self._lock:
            group = self._groups.get((node_id, launch))
        return self._kills(group, limit_mb) if group is not None else None

    def unreclaimable_bytes(self, node_id: str, launch: int) -> int:
        """See ``MemoryGroups``."""
        return self._count(node_id, launch, self._parent.hierarchy.unreclaimable_bytes)

    def resident_bytes(self, node_id: str, launch: int) -> int:
        """See ``MemoryGroups``."""
        return self._count(node_id, launch, self._parent.hierarchy.resident_bytes)

    def _count(self, node_id: str, launch: int, count: Callable[[Path], int]) -> int:
        with self._lock:
            group = self._groups.get((node_id, launch))
        try:
            return count(group) if group is not None else 0
        except OSError:
            return 0  # its process has just ended

    def pids(self, node_id: str, launch: int) -> Collection[int]:
        """See ``MemoryGroups``."""
        with self._lock:
            group = self._groups.get((node_id, launch), self._home / _name(node_id, launch))
        return cgroups.pids(group)

    def retry_removals(self) -> None:
        """See ``MemoryGroups``."""
        with self._lock:
            for group in list(self._ended):
                if self._remove(group):
                    self._ended.discard(group)
                    self._remove(group.parent)

    def remove_leftovers(self) -> None:
        """See ``MemoryGroups``."""
        with self._lock:
            kept = set(self._groups.values())
            left = self._home.iterdir() if self._home.is_dir() else ()
            self._ended |= {path for path in left if path.is_dir() and path not in kept}
        self.retry_removals()

    def _existing(self, node_id: str, process: ProcessIdentity) -> Path | None:
        """The group of this launch that already has the process. An agent in another group may have made it."""
        group = cgroup_discovery.group_of(process.pid, self._parent.mount)
        is_it = group is not None and (group.parent.name, group.name) == (
            self._home.name,
            _name(node_id, process.launch),
        )
        return group if is_it else None

    def _move(self, process: ProcessIdentity, group: Path) -> None:
        """Move the process and its descendants, if the pid is still that of the process."""
        if start_ticks(process.pid, zombies=True) == process.start_ticks:
            self._move_family(process.pid, group)

    def _move_family(self, pid: int, group: Path) -> None:
        """Move a parent before its children, because new children start in the group of their parent."""
        if cgroup_discovery.group_of(pid, self._parent.mount) != group:
            try:
                cgroups.move_process(pid, group)
            except ProcessLookupError:
                return  # the process has just ended
        for child in children(pid):
            self._move_family(child, group)

    def _kills(self, group: Path, limit_mb: int) -> OomKill | None:
        """All kills in a group so far, and why; None without any."""
        try:
            kills = self._parent.hierarchy.oom_kills(group)
        except OSError:
            return None
        if not kills.count:
            return None
        if kills.over_limit:
            hard_limit_mb = cgroups.hard_limit_bytes(limit_mb * _MIB) // _MIB
            why = f"its memory reached {hard_limit_mb} MiB, above its limit of {limit_mb} MiB"
        else:
            why = "memory ran out on the host or in a parent control group; the node was within its own limit"
        return OomKill(kills.over_limit, why, kills.count)

    def _remove(self, group: Path) -> bool:
        try:
            return cgroups.remove(group)
        except OSError as error:
            log.warning("memory group can't be removed", group=group, error=error)
            return True


def _told_with_exit(kills: OomKill, new: int, status: ExitStatus) -> OomKill:
    """The new kills as the description of an exit. A leader that outlived them may have ended because of them."""
    if status.signal == signal.SIGKILL:
        how = "was killed by the kernel"
    elif status.known:
        how = f"{status.description()} after the kernel had killed {'one' if new == 1 else new} of its processes"
    else:
        how = "exited, and the kernel killed one of its processes"
    return OomKill(kills.over_limit, f"{how}: {kills.description}", new)


def make_memory_groups(mode: MemoryLimits, host_id: str) -> MemoryGroups:
    """What the configuration asks for and the host allows.

    Raises ``FailedPrecondition`` when the configuration requires groups and they can't be made.
    """
    if mode in (MemoryLimits.OFF, MemoryLimits.SAMPLED):
        log.info("memory limits", by="nothing" if mode is MemoryLimits.OFF else "samples")
        return NoMemoryGroups()
    try:
        parent = cgroup_discovery.find_parent()
    except CgroupsUnavailable as error:
        if mode is MemoryLimits.CGROUP:
            raise FailedPrecondition(
                f"memory limits by control groups are not available: {error}",
                reason=Reason.UNSUPPORTED,
                hint='Set [limits] memory = "sampled", or let the agent make groups as docs/agent.md describes',
            ) from error
        log.info("memory limits", by="samples", because=error)
        return NoMemoryGroups()
    log.info("memory limits", by=parent.hierarchy.name, at=parent.directory)
    return CgroupMemoryGroups(parent, host_id)


def _name(node_id: str, launch: int) -> str:
    """Unique per launch: the number of the launch follows the last dot."""
    return f"{node_id}.{launch}"
