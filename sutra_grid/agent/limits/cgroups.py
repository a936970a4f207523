"""Where this agent may make control groups that limit memory, and what one such group can be asked.

Two kinds: the memory hierarchy of cgroup v1, and the one hierarchy of cgroup v2. Nothing
that exists is changed: groups are made, and only those that were made are set and removed.
In v1 they are made below the agent's own group. In v2 a group with processes can't have
limited groups below it, and a service that had would not be started again by systemd while
one of them lives: they are made beside the agent's own group, where the one above hands its
memory controller on already.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

_MIB: Final = 1024 * 1024
_PROC: Final = Path("/proc")
_LEAST_HEADROOM_BYTES: Final = 32 * _MIB
_HEADROOM_DIVISOR: Final = 10
_NEAR_BYTES: Final = _MIB  # memory is charged in pieces: the last one may not have fitted
_CONTROLLER: Final = "memory"


class CgroupsUnavailable(Exception):
    """This process may make no group that limits memory; the text says why."""


@dataclass(frozen=True, slots=True)
class OomKills:
    """What a group's counters tell: how many of its processes the kernel killed for memory.

    ``over_limit``: the group's own limit was reached. Where the kernel does not tell that apart
    (cgroup v1, once the limit was ever reached, be it by cached files), it is taken for granted.
    """

    count: int
    over_limit: bool


class CgroupHierarchy(Protocol):
    """One version of control groups: which files of a group hold what. Methods raise ``OSError``."""

    @property
    def name(self) -> str:
        """For people."""
        ...

    def prepare(self, home: Path) -> None:
        """Make ``home`` a group whose groups can be limited."""
        ...

    def limit(self, group: Path, hard_limit_bytes: int, limit_bytes: int) -> None:
        """Let the kernel end what would use more than ``hard_limit_bytes`` of memory."""
        ...

    def unreclaimable_bytes(self, group: Path) -> int:
        """What its processes hold and the kernel can't take back, in memory or swapped out."""
        ...

    def oom_kills(self, group: Path) -> OomKills:
        """Its counters, since it was made."""
        ...


class CgroupV1:
    """The memory hierarchy of cgroup v1."""

    name: Final = "cgroup v1"

    def prepare(self, home: Path) -> None:
        """Make the directory: nothing else is needed."""
        home.mkdir(exist_ok=True)

    def limit(self, group: Path, hard_limit_bytes: int, limit_bytes: int) -> None:
        """Limit memory, and memory and swap together where swap is counted. That must never be below the former."""
        swap = group / "memory.memsw.limit_in_bytes"
        with contextlib.suppress(FileNotFoundError):
            _write(swap, "-1")
        _write(group / "memory.limit_in_bytes", str(hard_limit_bytes))
        with contextlib.suppress(FileNotFoundError):
            _write(swap, str(hard_limit_bytes))
        with contextlib.suppress(OSError):  # a group around may have it switched off, and hands that on
            _write(group / "memory.oom_control", "0")

    def unreclaimable_bytes(self, group: Path) -> int:
        """Anonymous and shared memory and swap, of groups below as well."""
        return _sum(_table(group / "memory.stat"), "total_rss", "total_shmem", "total_swap")

    def oom_kills(self, group: Path) -> OomKills:
        """``oom_kill`` is there since Linux 4.13. (``failcnt`` stays 0 in some versions, though the limit was met.)"""
        count = _table(group / "memory.oom_control").get("oom_kill", 0)
        most, limit = _number(group / "memory.max_usage_in_bytes"), _number(group / "memory.limit_in_bytes")
        with contextlib.suppress(FileNotFoundError):
            most = max(most, _number(group / "memory.memsw.max_usage_in_bytes"))
        return OomKills(count, over_limit=most + _NEAR_BYTES >= limit)


class CgroupV2:
    """The one hierarchy of cgroup v2."""

    name: Final = "cgroup v2"

    def prepare(self, home: Path) -> None:
        """Make the directory and hand the controller on to the groups in it."""
        home.mkdir(exist_ok=True)
        if _CONTROLLER not in _words(home / "cgroup.subtree_control"):
            _write(home / "cgroup.subtree_control", f"+{_CONTROLLER}")

    def limit(self, group: Path, hard_limit_bytes: int, limit_bytes: int) -> None:
        """Limit memory, and swap to as much as the node may use: v2 has no limit for both together."""
        _write(group / "memory.max", str(hard_limit_bytes))
        with contextlib.suppress(FileNotFoundError):  # the kernel counts no swap
            _write(group / "memory.swap.max", str(limit_bytes))

    def unreclaimable_bytes(self, group: Path) -> int:
        """Anonymous and shared memory and swap, of groups below as well."""
        swapped = 0
        with contextlib.suppress(FileNotFoundError):
            swapped = _number(group / "memory.swap.current")
        return _sum(_table(group / "memory.stat"), "anon", "shmem") + swapped

    def oom_kills(self, group: Path) -> OomKills:
        """``oom`` counts only what the limit of this group or one below it has caused."""
        events = _table(group / "memory.events")
        return OomKills(events.get("oom_kill", 0), over_limit=events.get("oom", 0) > 0)


@dataclass(frozen=True, slots=True)
class CgroupParent:
    """A directory in which groups may be made, of which kind, and where its hierarchy is mounted."""

    hierarchy: CgroupHierarchy
    directory: Path
    mount: Mount


@dataclass(frozen=True, slots=True)
class Mount:
    """A mounted hierarchy: ``root`` is the group that is seen at ``point``."""

    point: Path
    root: str
    version: int

    def directory(self, group: str) -> Path | None:
        """The directory of a group by its path in ``/proc/PID/cgroup``; None when it can't be seen here."""
        below = os.path.relpath(group, self.root)
        return None if below.startswith("..") else self.point / below


def hard_limit_bytes(limit_bytes: int) -> int:
    """Where the kernel ends a process, above its limit: one that grows slowly is stopped by the agent before."""
    return limit_bytes + max(_LEAST_HEADROOM_BYTES, limit_bytes // _HEADROOM_DIVISOR)


def find_parent(proc: Path = _PROC) -> CgroupParent:
    """Where this process may make groups that limit memory. Raises ``CgroupsUnavailable``."""
    try:
        mounts = list(_mounts((proc / "self/mountinfo").read_text()))
        groups = _groups((proc / "self/cgroup").read_text())
    except OSError as error:
        raise CgroupsUnavailable(f"the kernel does not tell of control groups: {error}") from error
    reasons = []
    for mount in mounts:
        own = groups.get(mount.version)
        directory = mount.directory(own) if own is not None else None
        if directory is None:
            reasons.append(f"the agent's own group is not seen below {mount.point}")
            continue
        try:
            hierarchy, home = _home_v1(directory) if mount.version == 1 else _home_v2(directory, mount.point)
        except CgroupsUnavailable as error:
            reasons.append(str(error))
        else:
            return CgroupParent(hierarchy, home, mount)
    raise CgroupsUnavailable("; ".join(reasons) or "no hierarchy with the memory controller is mounted")


def group_of(pid: int, mount: Mount, proc: Path = _PROC) -> Path | None:
    """The directory of the group in which a process is; None when it is gone or can't be seen here."""
    try:
        group = _groups((proc / str(pid) / "cgroup").read_text()).get(mount.version)
    except OSError:
        return None
    return mount.directory(group) if group is not None else None


def put(pid: int, group: Path) -> None:
    """Move a process into a group. Raises ``OSError``."""
    _write(group / "cgroup.procs", str(pid))


def has_processes(group: Path) -> bool:
    """Whether a process is in it; one that can't be read has some."""
    try:
        return bool(_words(group / "cgroup.procs"))
    except FileNotFoundError:
        return False
    except OSError:
        return True


def remove(group: Path) -> bool:
    """Remove a group; false while it is in use. One that is gone is removed."""
    try:
        group.rmdir()
    except FileNotFoundError:
        return True
    except OSError as error:
        if error.errno not in (errno.EBUSY, errno.ENOTEMPTY):
            raise
        return False
    return True


def _home_v1(own: Path) -> tuple[CgroupHierarchy, Path]:
    _check_writable(own)
    return CgroupV1(), own


def _home_v2(own: Path, root: Path) -> tuple[CgroupHierarchy, Path]:
    """The nearest group at or above the agent's own that hands the memory controller on."""
    directory = own
    while _CONTROLLER not in _enabled_below(directory):
        if directory == root:
            return CgroupV2(), _enabled_root(root)
        directory = directory.parent
    _check_writable(directory)
    return CgroupV2(), directory


def _enabled_root(root: Path) -> Path:
    """The root of all groups, which alone may have processes and limited groups below, handing the controller on."""
    if _CONTROLLER not in _listed(root / "cgroup.controllers"):
        raise CgroupsUnavailable(f"cgroup v2 at {root} has no memory controller")
    if (root / "cgroup.type").exists():  # not the true root: a container's
        raise CgroupsUnavailable(f"no group at or above the agent's own below {root} hands its memory controller on")
    _check_writable(root)
    try:
        _write(root / "cgroup.subtree_control", f"+{_CONTROLLER}")
    except OSError as error:
        raise CgroupsUnavailable(f"the memory controller of {root} can't be handed on: {error}") from error
    return root


def _check_writable(directory: Path) -> None:
    if not os.access(directory, os.W_OK | os.X_OK) or not os.access(directory / "cgroup.procs", os.W_OK):
        raise CgroupsUnavailable(f"this user may make no group in {directory}")


def _mounts(mountinfo: str) -> Iterator[Mount]:
    """The hierarchies that may have the memory controller, v1 first: where it is there, v2 has it not. proc(5)."""
    lines = [line.split() for line in mountinfo.splitlines()]
    for version in (1, 2):
        for fields in lines:
            dash = fields.index("-")
            kind, options = fields[dash + 1], fields[dash + 3].split(",")
            if (version == 1 and kind == "cgroup" and _CONTROLLER in options) or (version == 2 and kind == "cgroup2"):
                yield Mount(Path(_unescaped(fields[4])), _unescaped(fields[3]), version)


def _groups(text: str) -> dict[int, str]:
    """The groups of a process by version: of v1 that of the memory hierarchy. cgroups(7)."""
    groups = {}
    for line in text.splitlines():
        number, controllers, group = line.split(":", 2)
        if _CONTROLLER in controllers.split(","):
            groups[1] = group
        elif number == "0" and not controllers:
            groups[2] = group
    return groups


def _unescaped(text: str) -> str:
    return text.replace("\\040", " ").replace("\\011", "\t").replace("\\012", "\n").replace("\\134", "\\")


def _enabled_below(directory: Path) -> list[str]:
    return _listed(directory / "cgroup.subtree_control")


def _listed(path: Path) -> list[str]:
    try:
        return _words(path)
    except OSError:
        return []


def _write(path: Path, text: str) -> None:
    """Without O_CREAT: a file that the kernel does not have is not to be made."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC | os.O_TRUNC)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)


def _words(path: Path) -> list[str]:
    return path.read_text().split()


def _number(path: Path) -> int:
    return int(path.read_text())


def _table(path: Path) -> Mapping[str, int]:
    """Lines of a name and a number."""
    lines = (line.split() for line in path.read_text().splitlines())
    return {fields[0]: int(fields[1]) for fields in lines if len(fields) == 2}


def _sum(table: Mapping[str, int], *names: str) -> int:
    return sum(table.get(name, 0) for name in names)
