"""The groups of nodes, by one contract for both versions of control groups."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import replace

import pytest
from support.fakes.cgroup_host import HARD_LIMIT, LIMIT_MB, MIB, Host
from support.texts import mentions

from sutra_grid.agent.config import MemoryLimits
from sutra_grid.agent.limits import cgroup_discovery
from sutra_grid.agent.limits.cgroup_discovery import CgroupParent, CgroupsUnavailable
from sutra_grid.agent.limits.memory_groups import CgroupMemoryGroups, NoMemoryGroups, make_memory_groups
from sutra_grid.agent.processes.identity import identify
from sutra_grid.core.errors import FailedPrecondition
from sutra_grid.core.node.events import OomKill
from sutra_grid.core.node.record import ExitStatus, NodeRecord, ProcessIdentity
from sutra_grid.core.types import Assignment, Desired, NodeSpec


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


def test_a_process_is_held_in_the_group_of_its_launch(host: Host, process: ProcessIdentity) -> None:
    group = host.group("node-1.7")
    groups = CgroupMemoryGroups(host.place(), "host")
    groups.add(record(process), process)
    assert (group / "cgroup.procs").read_text() == str(process.pid)
    if host.version == 1:
        assert (group / "memory.limit_in_bytes").read_text() == str(HARD_LIMIT)
        assert (group / "memory.memsw.limit_in_bytes").read_text() == str(HARD_LIMIT)
    else:
        assert (group / "memory.max").read_text() == str(HARD_LIMIT)
        assert (group / "memory.swap.max").read_text() == str(LIMIT_MB * MIB)
        assert (group.parent / "cgroup.subtree_control").read_text() == "+memory"
    assert groups.pids("node-1", 7) == [process.pid]
    assert groups.pids("node-1", 6) == []
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
        (ExitStatus(code=137), True, True),
        (ExitStatus(code=1), False, False),
    ],
)
def test_a_kill_for_memory_is_told_with_the_end_of_the_leader(
    host: Host, process: ProcessIdentity, status: ExitStatus, by_limit: bool, over: bool
) -> None:
    group = host.group("node-1.7")
    groups = CgroupMemoryGroups(host.place(), "host")
    groups.add(record(process), process)
    host.killed(group, by_limit=by_limit)
    told = groups.release(record(process), status)
    assert told is not None
    assert (told.over_limit, told.count) == (over, 2)
    assert mentions(told.description, "kernel")


def test_kills_that_were_told_while_the_leader_lived_are_not_told_with_its_end(
    host: Host, process: ProcessIdentity
) -> None:
    group = host.group("node-1.7")
    groups = CgroupMemoryGroups(host.place(), "host")
    groups.add(record(process), process)
    assert groups.oom_kills("node-1", 7, LIMIT_MB) is None
    host.killed(group, by_limit=True)
    seen = groups.oom_kills("node-1", 7, LIMIT_MB)
    assert seen is not None
    assert (seen.count, seen.over_limit) == (2, True)
    assert mentions(seen.description, LIMIT_MB)
    assert groups.oom_kills("node-1", 6, LIMIT_MB) is None, "another launch"
    assert groups.release(replace(record(process), launch_oom_kills=2), ExitStatus(signal=9)) is None
    assert group.is_dir(), "while it is in use"


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
