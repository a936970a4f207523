"""Control groups that agents of tests made: found, waited for, and removed after them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sutra_grid.agent.limits import cgroup_discovery, cgroups
from sutra_grid.agent.limits.cgroup_discovery import CgroupParent, CgroupsUnavailable
from sutra_grid.agent.limits.memory_groups import HOME_PREFIX


def cgroup_parent_or_skip() -> CgroupParent:
    """Where groups may be made. Where they may not, the host has none to give: the sampled limit is tested there."""
    try:
        return cgroup_discovery.find_parent()
    except CgroupsUnavailable as error:
        pytest.skip(f"needs the right to make control groups that limit memory: {error}")


def groups_of(state: Path) -> list[str]:
    """The names of the groups that the agent of a state directory has."""
    home = cgroup_discovery.find_parent().directory / f"{HOME_PREFIX}{host_id(state)}"
    return sorted(path.name for path in home.iterdir() if path.is_dir()) if home.is_dir() else []


def group_of(pid: int) -> str:
    """The name of the group in which a process is."""
    group = cgroup_discovery.group_of(pid, cgroup_discovery.find_parent().mount)
    return group.name if group else ""


def remove_groups_below(root: Path) -> None:
    """Remove what is left of the groups of all agents with a state directory below ``root``; their nodes are gone."""
    try:
        place = cgroup_discovery.find_parent()
    except CgroupsUnavailable:
        return
    for found in root.rglob("host_id"):
        home = place.directory / f"{HOME_PREFIX}{found.read_text().strip()}"
        for directory, _, _ in os.walk(home, topdown=False):
            cgroups.remove(Path(directory))


def host_id(state: Path) -> str:
    return (state / "host_id").read_text().strip()
