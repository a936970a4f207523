"""Both versions of control groups by one contract, on directories that look like the kernel's."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from support.texts import mentions

from sutra_grid.agent.config import MemoryLimits
from sutra_grid.agent.limits import cgroup_discovery, cgroups
from sutra_grid.agent.limits.cgroup_discovery import CgroupParent, CgroupsUnavailable, find_parent
from sutra_grid.agent.limits.cgroups import OomKills
from sutra_grid.agent.limits.memory_groups import CgroupMemoryGroups, NoMemoryGroups, make_memory_groups
from sutra_grid.agent.processes.identity import identify
from sutra_grid.core.errors import FailedPrecondition
from sutra_grid.core.node.events import OomKill
from sutra_grid.core.node.record import ExitStatus, NodeRecord, ProcessIdentity
from sutra_grid.core.types import Assignment, Desired, NodeSpec

MIB = 1 << 20
LIMIT_MB = 64
WALL = (64 + 32) * MIB
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
            (group / "memory.limit_in_bytes").write_text(f"{WALL}\n")
            (group / "memory.memsw.max_usage_in_bytes").write_text(f"{WALL if by_limit else WALL // 2}\n")
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


@pytest.fixture(params=[v1_host, v2_host])
def host(request: pytest.FixtureRequest, tmp_path: Path) -> Host:
    make: Callable[[Path], Host] = request.param
    return make(tmp_path)


@pytest.fixture
def process() -> Iterator[ProcessIdentity]:
    """A process to move into a group."""
    child = subprocess.Popen(["sleep", "60"])
    identity = identify(child.pid, 7)
    assert identity is not None
    yield identity
    child.kill()
    child.wait()


def record(process: ProcessIdentity) -> NodeRecord:
    return NodeRecord(Assignment("node-1", 1, Desired.RUNNING, NodeSpec("", 0, "", LIMIT_MB)), process=process)


# -- the contract --------------------------------------------------------------


def test_the_parent_is_found_and_existing_groups_are_not_changed(host: Host) -> None:
    before = {path: path.read_text() for path in host.mount.rglob("*") if path.is_file()}
    place = host.place()
    assert (place.hierarchy.name, place.directory) == (f"cgroup v{host.version}", host.home)
    assert {path: path.read_text() for path in host.mount.rglob("*") if path.is_file()} == before


def test_a_process_is_held_in_the_group_of_its_launch(host: Host, process: ProcessIdentity) -> None:
    group = host.group("node-1.7")
    groups = CgroupMemoryGroups(host.place(), "host")
    groups.add(record(process), process)
    assert (group / "cgroup.procs").read_text() == str(process.pid)
    if host.version == 1:
        assert (group / "memory.limit_in_bytes").read_text() == str(WALL)
        assert (group / "memory.memsw.limit_in_bytes").read_text() == str(WALL)
    else:
        assert (group / "memory.max").read_text() == str(WALL)
        assert (group / "memory.swap.max").read_text() == str(LIMIT_MB * MIB)
        assert (group.parent / "cgroup.subtree_control").read_text() == "+memory"
    assert groups.unreclaimable_bytes("node-1", 7) == 3210
    assert groups.unreclaimable_bytes("node-1", 6) == 0


def test_where_the_kernel_counts_no_swap_the_rest_is_held(host: Host, process: ProcessIdentity) -> None:
    group = host.group("node-1.7")
    for name in ("memory.memsw.limit_in_bytes", "memory.swap.max", "memory.swap.current"):
        (group / name).unlink(missing_ok=True)
    groups = CgroupMemoryGroups(host.place(), "host")
    groups.add(record(process), process)
    assert (group / "cgroup.procs").read_text() == str(process.pid)
    assert groups.unreclaimable_bytes("node-1", 7) == (3210 if host.version == 1 else 3200)


def test_a_pid_that_is_anothers_by_now_is_not_moved(host: Host, process: ProcessIdentity) -> None:
    group = host.group("node-1.7")
    stale = replace(process, start_ticks=process.start_ticks + 1)
    CgroupMemoryGroups(host.place(), "host").add(record(stale), stale)
    assert (group / "cgroup.procs").read_text() == ""


@pytest.mark.parametrize(
    ("status", "by_limit", "over"),
    [
        (ExitStatus(signal=9), True, True),
        (ExitStatus(signal=9), False, False),
        (ExitStatus(), True, True),
        (ExitStatus(code=137), True, None),
        (ExitStatus(signal=15), True, None),
    ],
)
def test_a_kill_for_memory_is_told_from_other_ends(
    host: Host, process: ProcessIdentity, status: ExitStatus, by_limit: bool, over: bool | None
) -> None:
    group = host.group("node-1.7")
    groups = CgroupMemoryGroups(host.place(), "host")
    groups.add(record(process), process)
    host.killed(group, by_limit=by_limit)
    told = groups.release(record(process), status)
    assert (told and told.over_limit) == over
    assert told is None or mentions(told.description, "kernel")


def test_a_sigkill_by_somebody_else_is_no_kill_by_the_kernel(host: Host, process: ProcessIdentity) -> None:
    host.group("node-1.7")
    groups = CgroupMemoryGroups(host.place(), "host")
    groups.add(record(process), process)
    assert groups.release(record(process), ExitStatus(signal=9)) is None


def test_an_agent_that_was_down_still_learns_of_the_kill(host: Host, process: ProcessIdentity) -> None:
    host.killed(host.group("node-1.7"), by_limit=True)
    told = CgroupMemoryGroups(host.place(), "host").release(record(process), ExitStatus())
    assert isinstance(told, OomKill)
    assert told.over_limit
    assert mentions(told.description, LIMIT_MB)


def test_at_the_start_only_what_is_empty_is_removed(host: Host, process: ProcessIdentity) -> None:
    home = host.home / "sutra-grid-host"
    in_use = host.group("node-2.1")  # has files, as a group with processes can't be removed
    empty = home / "node-3.4"
    empty.mkdir()
    CgroupMemoryGroups(host.place(), "host").remove_leftovers()
    assert in_use.is_dir()
    assert not empty.exists()


# -- discovery ---------------------------------------------------------------------


def test_v2_climbs_to_the_group_that_delegates_the_controller(tmp_path: Path) -> None:
    host = v2_host(tmp_path)
    fill(host.home / "agent.service" / "inner", {**V2_GROUP, "cgroup.controllers": ""})
    (host.proc / "self/cgroup").write_text("0::/system.slice/agent.service/inner\n")
    assert host.place().directory == host.home


def test_v2_opens_the_true_root_but_no_containers(tmp_path: Path) -> None:
    host = v2_host(tmp_path)
    (host.proc / "self/cgroup").write_text("0::/\n")
    (host.mount / "cgroup.subtree_control").write_text("")
    assert host.place().directory == host.mount
    assert (host.mount / "cgroup.subtree_control").read_text() == "+memory"
    (host.mount / "cgroup.subtree_control").write_text("")
    (host.mount / "cgroup.type").write_text("domain\n")
    with pytest.raises(CgroupsUnavailable, match="delegates its memory controller"):
        host.place()


def test_v2_without_the_controller_and_a_host_without_groups_say_so(tmp_path: Path) -> None:
    host = v2_host(tmp_path)
    (host.mount / "cgroup.subtree_control").write_text("")
    (host.mount / "cgroup.controllers").write_text("hugetlb\n")
    (host.proc / "self/cgroup").write_text("0::/\n")
    with pytest.raises(CgroupsUnavailable, match="no memory controller"):
        host.place()
    (host.proc / "self/mountinfo").write_text("30 23 0:28 / / rw - ext4 /dev/vda rw\n")
    with pytest.raises(CgroupsUnavailable, match="no hierarchy"):
        host.place()
    with pytest.raises(CgroupsUnavailable, match="can't be read"):
        find_parent(tmp_path / "nowhere")


def test_where_nothing_may_be_made_the_reason_names_the_directory(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(CgroupsUnavailable, match=str(host.home)):
        host.place()


def test_a_container_sees_its_own_group_at_the_mount(tmp_path: Path) -> None:
    own = fill(tmp_path / "memory", V1_GROUP)
    mountinfo = f"32 31 0:3 /docker/c1 {own} rw master:5 - cgroup cgroup rw,memory\n"
    proc = proc_with(tmp_path / "proc", mountinfo, "4:memory:/docker/c1\n")
    assert find_parent(proc).directory == own
    (proc / "self/cgroup").write_text("4:memory:/elsewhere\n")
    with pytest.raises(CgroupsUnavailable, match="not visible"):
        find_parent(proc)


@pytest.mark.parametrize(("limit_mb", "hard_limit_mb"), [(64, 96), (320, 352), (2048, 2252)])
def test_the_hard_limit_is_above_the_limit_of_the_node(limit_mb: int, hard_limit_mb: int) -> None:
    assert cgroups.hard_limit_bytes(limit_mb * MIB) // MIB == hard_limit_mb


def test_no_kill_counts_where_the_kernel_has_no_counter(tmp_path: Path) -> None:
    group = fill(tmp_path / "old", {**V1_GROUP, "memory.oom_control": "oom_kill_disable 0\nunder_oom 0\n"})
    assert cgroups.CgroupV1().oom_kills(group) == OomKills(0, over_limit=False)


# -- the mode of the configuration ---------------------------------------------------


def test_groups_that_are_required_but_unavailable_are_refused_with_a_hint(monkeypatch: pytest.MonkeyPatch) -> None:
    obstacle = "this user may make no group in /sys/fs/cgroup"

    def nowhere() -> CgroupParent:
        raise CgroupsUnavailable(obstacle)

    monkeypatch.setattr(cgroup_discovery, "find_parent", nowhere)
    with pytest.raises(FailedPrecondition) as caught:
        make_memory_groups(MemoryLimits.CGROUP, "host")
    assert mentions(caught.value.message, obstacle)
    assert mentions(caught.value.hint, "sampled")
    for mode in (MemoryLimits.AUTO, MemoryLimits.SAMPLED, MemoryLimits.OFF):
        assert isinstance(make_memory_groups(mode, "host"), NoMemoryGroups)


def test_by_default_groups_are_used_where_they_can_be_made(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    place = host.place()
    monkeypatch.setattr(cgroup_discovery, "find_parent", lambda: place)
    assert isinstance(make_memory_groups(MemoryLimits.AUTO, "host"), CgroupMemoryGroups)
    assert isinstance(make_memory_groups(MemoryLimits.SAMPLED, "host"), NoMemoryGroups)
