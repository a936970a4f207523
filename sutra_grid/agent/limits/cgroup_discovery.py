"""Finds where this process can make control groups that limit memory.

Existing groups are not changed: the agent makes groups of its own, and sets and removes only those.

In cgroup v1 they are made below the agent's own group. In cgroup v2 a group that has processes can't
have limited subgroups, and systemd could not start the agent again while such a subgroup exists. So
they are made beside the agent's own group, below the nearest parent that enables the memory
controller for its subgroups.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sutra_grid.agent.limits.cgroup_files import read_names, write
from sutra_grid.agent.limits.cgroups import CONTROLLER, CgroupHierarchy, CgroupV1, CgroupV2

_PROC: Final = Path("/proc")


class CgroupsUnavailable(Exception):
    """This process can't make groups that limit memory; the text says why."""


@dataclass(frozen=True, slots=True)
class Mount:
    """A mounted hierarchy: ``root`` is the group that is visible at ``point``."""

    point: Path
    root: str
    version: int

    def directory(self, group: str) -> Path | None:
        """The directory of a group by its path in ``/proc/PID/cgroup``; None when it is not visible here."""
        below = os.path.relpath(group, self.root)
        return None if below.startswith("..") else self.point / below


@dataclass(frozen=True, slots=True)
class GroupPlace:
    """A group as a directory of the mount that it belongs to."""

    directory: Path
    mount: Mount


@dataclass(frozen=True, slots=True)
class CgroupParent:
    """A directory in which groups can be made, with the hierarchy and the mount that it belongs to."""

    hierarchy: CgroupHierarchy
    directory: Path
    mount: Mount

    @property
    def place(self) -> GroupPlace:
        """Where it is."""
        return GroupPlace(self.directory, self.mount)


def find_parent(proc: Path = _PROC) -> CgroupParent:
    """Where this process can make groups that limit memory. Raises ``CgroupsUnavailable``."""
    try:
        mounts = list(_mounts((proc / "self/mountinfo").read_text()))
        groups = _groups((proc / "self/cgroup").read_text())
    except OSError as error:
        raise CgroupsUnavailable(f"the control groups of this process can't be read: {error}") from error
    reasons = []
    for mount in mounts:
        own = groups.get(mount.version)
        directory = mount.directory(own) if own is not None else None
        if directory is None:
            reasons.append(f"the agent's own group is not visible below {mount.point}")
            continue
        try:
            hierarchy, home = _home_v1(directory) if mount.version == 1 else _home_v2(directory, mount.point)
        except CgroupsUnavailable as error:
            reasons.append(str(error))
        else:
            return CgroupParent(hierarchy, home, mount)
    raise CgroupsUnavailable("; ".join(reasons) or "no hierarchy with the memory controller is mounted")


def own_place(proc: Path = _PROC) -> GroupPlace | None:
    """The group of this process in the hierarchy that has the memory controller; None when it is not visible."""
    try:
        mounts = list(_mounts((proc / "self/mountinfo").read_text()))
        groups = _groups((proc / "self/cgroup").read_text())
    except OSError:
        return None
    for mount in mounts:
        directory = mount.directory(groups[mount.version]) if mount.version in groups else None
        if directory is not None:
            return GroupPlace(directory, mount)
    return None


def group_of(pid: int, mount: Mount, proc: Path = _PROC) -> Path | None:
    """The directory of the group that has a process; None when the process is gone or the group not visible."""
    try:
        group = _groups((proc / str(pid) / "cgroup").read_text()).get(mount.version)
    except OSError:
        return None
    return mount.directory(group) if group is not None else None


def _home_v1(own: Path) -> tuple[CgroupHierarchy, Path]:
    _check_writable(own)
    return CgroupV1(), own


def _home_v2(own: Path, root: Path) -> tuple[CgroupHierarchy, Path]:
    """The nearest group, from the agent's own upwards, that enables the memory controller for its subgroups."""
    directory = own
    while CONTROLLER not in _names(directory / "cgroup.subtree_control"):
        if directory == root:
            return CgroupV2(), _enabled_root(root)
        directory = directory.parent
    _check_writable(directory)
    return CgroupV2(), directory


def _enabled_root(root: Path) -> Path:
    """Enable the controller below the root of all groups, the only one that can also have processes."""
    if CONTROLLER not in _names(root / "cgroup.controllers"):
        raise CgroupsUnavailable(f"cgroup v2 at {root} has no memory controller")
    if (root / "cgroup.type").exists():  # not the real root, but that of a container
        raise CgroupsUnavailable(f"no group above the agent's own, below {root}, delegates its memory controller")
    _check_writable(root)
    try:
        write(root / "cgroup.subtree_control", f"+{CONTROLLER}")
    except OSError as error:
        raise CgroupsUnavailable(f"the memory controller of {root} can't be delegated: {error}") from error
    return root


def _check_writable(directory: Path) -> None:
    if not os.access(directory, os.W_OK | os.X_OK) or not os.access(directory / "cgroup.procs", os.W_OK):
        raise CgroupsUnavailable(f"this user can't make groups in {directory}")


def _mounts(mountinfo: str) -> Iterator[Mount]:
    """The hierarchies that may have the memory controller. v1 comes first: if it has the controller, v2 does not.

    The format is in proc(5).
    """
    lines = [line.split() for line in mountinfo.splitlines()]
    for version in (1, 2):
        for fields in lines:
            dash = fields.index("-")
            kind, options = fields[dash + 1], fields[dash + 3].split(",")
            if (version == 1 and kind == "cgroup" and CONTROLLER in options) or (version == 2 and kind == "cgroup2"):
                yield Mount(Path(_unescaped(fields[4])), _unescaped(fields[3]), version)


def _groups(text: str) -> dict[int, str]:
    """The groups of a process by version; for v1 that of the memory hierarchy. The format is in cgroups(7)."""
    groups = {}
    for line in text.splitlines():
        number, controllers, group = line.split(":", 2)
        if CONTROLLER in controllers.split(","):
            groups[1] = group
        elif number == "0" and not controllers:
            groups[2] = group
    return groups


def _unescaped(text: str) -> str:
    return text.replace("\\040", " ").replace("\\011", "\t").replace("\\012", "\n").replace("\\134", "\\")


def _names(path: Path) -> list[str]:
    """The names in a file; none when it can't be read."""
    try:
        return read_names(path)
    except OSError:
        return []
