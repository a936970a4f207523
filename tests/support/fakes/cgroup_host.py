"""Hosts with control groups, as directories that look like the kernel's."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sutra_grid.agent.limits.cgroup_discovery import CgroupParent, find_parent

MIB = 1 << 20
LIMIT_MB = 64
HARD_LIMIT = (64 + 32) * MIB
V1_GROUP = {
    "cgroup.procs": "",
    "memory.limit_in_bytes": "9223372036854771712\n",
    "memory.memsw.limit_in_bytes": "9223372036854771712\n",
    "memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 0\n",
    "memory.max_usage_in_bytes": "1000\n",
    "memory.memsw.max_usage_in_bytes": "1000\n",
    "memory.stat": "cache 9999\nrss 1\ntotal_cache 99999\ntotal_rss 3000\ntotal_shmem 200\ntotal_swap 10\n",
}
V2_GROUP = {
    "cgroup.procs": "",
    "cgroup.controllers": "memory pids\n",
    "cgroup.subtree_control": "",
    "cgroup.type": "domain\n",
    "memory.max": "max\n",
    "memory.swap.max": "max\n",
    "memory.swap.current": "10\n",
    "memory.events": "low 0\nhigh 0\nmax 0\noom 0\noom_kill 0\noom_group_kill 0\n",
    "memory.stat": "anon 3000\nfile 99999\nshmem 200\n",
}


def fill(directory: Path, files: Mapping[str, str]) -> Path:
    """Make the files that the kernel makes with a group."""
    directory.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (directory / name).write_text(text)
    return directory


@dataclass
class Host:
    """A host with one version of control groups, as /proc and the mounts show it."""

    version: int
    proc: Path
    mount: Path
    home: Path  # where the groups are expected

    def place(self) -> CgroupParent:
        return find_parent(self.proc)

    def group(self, name: str) -> Path:
        files = V1_GROUP if self.version == 1 else V2_GROUP
        fill(self.home / "sutra-grid-host", V2_GROUP)
        return fill(self.home / "sutra-grid-host" / name, files)

    def killed(self, group: Path, *, by_limit: bool) -> None:
        """Set the counters as after a kill by the kernel."""
        if self.version == 1:
            (group / "memory.oom_control").write_text("oom_kill_disable 0\nunder_oom 0\noom_kill 2\n")
            (group / "memory.limit_in_bytes").write_text(f"{HARD_LIMIT}\n")
            (group / "memory.memsw.max_usage_in_bytes").write_text(f"{HARD_LIMIT if by_limit else HARD_LIMIT // 2}\n")
        else:
            (group / "memory.events").write_text(f"max 5\noom {int(by_limit)}\noom_kill 2\n")


def proc_with(directory: Path, mountinfo: str, groups: str) -> Path:
    return fill(directory / "self", {"mountinfo": mountinfo, "cgroup": groups}).parent


def v1_host(root: Path) -> Host:
    mount = root / "memory"
    mountinfo = f"31 23 0:28 / / rw - tmpfs tmpfs rw\n32 31 0:3 / {mount} rw - cgroup cgroup rw,memory\n"
    hybrid = f"{mountinfo}33 31 0:4 / {root / 'unified'} rw - cgroup2 cgroup2 rw\n"
    own = fill(mount / "system.slice" / "agent.service", V1_GROUP)
    return Host(1, proc_with(root / "proc", hybrid, "4:memory:/system.slice/agent.service\n0::/\n"), mount, own)


def v2_host(root: Path) -> Host:
    mount = root / "cgroup"
    fill(mount, {"cgroup.procs": "1\n", "cgroup.controllers": "memory\n", "cgroup.subtree_control": "memory\n"})
    home = fill(mount / "system.slice", {**V2_GROUP, "cgroup.subtree_control": "memory pids\n"})
    fill(home / "agent.service", {**V2_GROUP, "cgroup.procs": f"{os.getpid()}\n"})
    mountinfo = f"30 23 0:28 / {mount} rw - cgroup2 cgroup2 rw,nsdelegate\n"
    return Host(2, proc_with(root / "proc", mountinfo, "0::/system.slice/agent.service\n"), mount, home)
