"""One control group for each launch of a node: it limits, measures, and tells what the kernel killed.

A group is named by node and launch, ``sutra-grid-HOST_ID/NODE_ID.LAUNCH``: its counters begin
with the launch and stay until it is removed, so that an agent that was down meanwhile can
still read how a process ended. It is removed after the process is gone, or as soon as what
the node left behind is.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Final, Protocol

from sutra_grid.agent.config import MemoryLimits
from sutra_grid.agent.limits import cgroups
from sutra_grid.agent.limits.cgroups import CgroupParent, CgroupsUnavailable
from sutra_grid.agent.processes.identity import children, start_ticks
from sutra_grid.core.errors import FailedPrecondition
from sutra_grid.core.node.events import OomKill
from sutra_grid.core.node.record import ExitStatus, NodeRecord, ProcessIdentity
from sutra_grid.core.types import Reason
from sutra_grid.runtime.logging import get_logger

log = get_logger(__name__)

HOME_PREFIX: Final = "sutra-grid-"
_MIB: Final = 1024 * 1024
_SIGKILL: Final = 9


class MemoryGroups(Protocol):
    """Where processes of nodes are held to their limits; nothing here ever raises. Thread-safe."""

    def add(self, record: NodeRecord, process: ProcessIdentity) -> None:
        """Put a process that was launched or adopted into its group, unless it is there already."""
        ...

    def release(self, record: NodeRecord, status: ExitStatus) -> OomKill | None:
        """The process of the record has ended: remove its group, and tell whether the kernel killed it for memory."""
        ...

    def unreclaimable_bytes(self, node_id: str, launch: int) -> int:
        """What the group of that launch holds and the kernel can't take back; 0 where there is none."""
        ...

    def remove_leftovers(self) -> None:
        """At the agent's start, after what lives was taken over: remove what earlier agents left and nothing is in."""
        ...

    def retry_removals(self) -> None:
        """Remove the groups that could not be removed before."""
        ...


class NoMemoryGroups:
    """There are no groups: the agent measures by itself."""

    def add(self, record: NodeRecord, process: ProcessIdentity) -> None:
        """See ``MemoryGroups``."""

    def release(self, record: NodeRecord, status: ExitStatus) -> OomKill | None:
        """See ``MemoryGroups``."""
        return None

    def unreclaimable_bytes(self, node_id: str, launch: int) -> int:
        """See ``MemoryGroups``."""
        return 0

    def remove_leftovers(self) -> None:
        """See ``MemoryGroups``."""

    def retry_removals(self) -> None:
        """See ``MemoryGroups``."""


class CgroupMemoryGroups:
    """Groups of one state directory's nodes, below a directory of their own in ``place``."""

    def __init__(self, place: CgroupParent, host_id: str) -> None:
        self._parent = place
        self._home = place.directory / f"{HOME_PREFIX}{host_id}"
        self._lock = threading.Lock()  # guards _groups and _ended, and that no home vanishes under a new group
        self._groups: dict[tuple[str, int], Path] = {}  # of processes that live
        self._ended: set[Path] = set()  # not removed yet

    def add(self, record: NodeRecord, process: ProcessIdentity) -> None:
        """See ``MemoryGroups``. Without a group the node runs on, and the agent measures it."""
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
            log.warning("a node has no memory group; its memory is sampled", node=node_id, error=error)

    def release(self, record: NodeRecord, status: ExitStatus) -> OomKill | None:
        """See ``MemoryGroups``."""
        if record.process is None:
            return None
        node_id, launch = record.assignment.node_id, record.process.launch
        with self._lock:
            group = self._groups.pop((node_id, launch), self._home / _name(node_id, launch))
            self._ended.add(group)
        oom = self._oom_kill(group, status, record.assignment.spec.memory_limit_mb)
        self.retry_removals()
        return oom

    def unreclaimable_bytes(self, node_id: str, launch: int) -> int:
        """See ``MemoryGroups``."""
        with self._lock:
            group = self._groups.get((node_id, launch))
        try:
            return self._parent.hierarchy.unreclaimable_bytes(group) if group is not None else 0
        except OSError:
            return 0  # its process has just ended

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
        """The group of that launch in which the process is already, made by an agent that may have lived elsewhere."""
        group = cgroups.group_of(process.pid, self._parent.mount)
        is_it = group is not None and (group.parent.name, group.name) == (
            self._home.name,
            _name(node_id, process.launch),
        )
        return group if is_it else None

    def _move(self, process: ProcessIdentity, group: Path) -> None:
        """Move the process, and after it what it has started meanwhile; nobody whose identity is not proved."""
        if start_ticks(process.pid, zombies=True) == process.start_ticks:
            self._move_family(process.pid, group)

    def _move_family(self, pid: int, group: Path) -> None:
        """A parent first: what it starts from then on is born into the group."""
        if cgroups.group_of(pid, self._parent.mount) != group:
            try:
                cgroups.put(pid, group)
            except ProcessLookupError:
                return  # it has just ended
        for child in children(pid):
            self._move_family(child, group)

    def _oom_kill(self, group: Path, status: ExitStatus, limit_mb: int) -> OomKill | None:
        """None unless the kernel killed in the group and the process ended as killed ones do, as far as is known."""
        if status.known and status.signal != _SIGKILL:
            return None
        try:
            kills = self._parent.hierarchy.oom_kills(group)
        except OSError:
            return None
        if not kills.count:
            return None
        if kills.over_limit:
            hard_limit_mb = cgroups.hard_limit_bytes(limit_mb * _MIB) // _MIB
            why = (
                f"it used more memory than its limit of {limit_mb} MiB, and grew to {hard_limit_mb} MiB "
                "before it could be stopped"
            )
        else:
            why = "no memory was left for it, but it was within its own limit"
        killed = "was killed by the kernel" if status.known else "ended when the kernel killed a process of it"
        return OomKill(kills.over_limit, f"{killed}: {why}")

    def _remove(self, group: Path) -> bool:
        try:
            return cgroups.remove(group)
        except OSError as error:
            log.warning("a memory group can't be removed", group=group, error=error)
            return True


def make_memory_groups(mode: MemoryLimits, host_id: str) -> MemoryGroups:
    """As the configuration says, and as this host permits.

    Raises ``FailedPrecondition`` when groups are asked for and may not be made.
    """
    if mode in (MemoryLimits.OFF, MemoryLimits.SAMPLED):
        log.info("memory limits", by="nothing" if mode is MemoryLimits.OFF else "samples")
        return NoMemoryGroups()
    try:
        place = cgroups.find_parent()
    except CgroupsUnavailable as error:
        if mode is MemoryLimits.CGROUP:
            raise FailedPrecondition(
                f"memory limits by control groups are not possible: {error}",
                reason=Reason.UNSUPPORTED,
                hint='Set [limits] memory = "sampled", or let the agent make groups (see docs/agent.md)',
            ) from error
        log.info("memory limits", by="samples", because=error)
        return NoMemoryGroups()
    log.info("memory limits", by=place.hierarchy.name, at=place.directory)
    return CgroupMemoryGroups(place, host_id)


def _name(node_id: str, launch: int) -> str:
    """No two launches share it: what follows the last dot is the number."""
    return f"{node_id}.{launch}"
