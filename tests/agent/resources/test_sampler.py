"""The samples of a host and of nodes that are real processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from support.fakes.clock import FakeClock
from support.waiting import eventually

from sutra_grid.agent.processes.identity import identify
from sutra_grid.agent.processes.launch_plan import LaunchPlanner
from sutra_grid.agent.processes.member_search import MemberSearch
from sutra_grid.agent.report import NodeView
from sutra_grid.agent.resources import sampler as sampler_module
from sutra_grid.agent.resources.node_members import NodeMembers
from sutra_grid.agent.resources.sampler import HISTORY, ResourceSampler
from sutra_grid.core.node.record import NodeRecord, NodeRuntime
from sutra_grid.core.samples import NodeSample
from sutra_grid.core.types import Assignment, Desired

MIB = 1 << 20
HOST = "a" * 32
Run = Callable[[str], NodeView]


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    """A node whose leader runs this source; it prints a line when it is ready."""
    leaders = []

    def start(source: str) -> NodeView:
        leader = subprocess.Popen(
            [sys.executable, "-SE", "-c", source], start_new_session=True, stdout=subprocess.PIPE, cwd=tmp_path
        )
        leaders.append(leader)
        assert leader.stdout is not None
        assert leader.stdout.readline()
        record = NodeRecord(
            Assignment("node-1", 1, Desired.RUNNING), process=identify(leader.pid, 1), launched_at=990.0
        )
        return NodeView(NodeRuntime(record))

    yield start
    for leader in leaders:
        os.killpg(leader.pid, signal.SIGKILL)
        leader.wait()
        assert leader.stdout is not None
        leader.stdout.close()


@pytest.fixture
def sampler(tmp_path: Path) -> ResourceSampler:
    planner = LaunchPlanner(agent_id="agent-1", host_id=HOST, log_directory=tmp_path, environ={})
    members = NodeMembers(MemberSearch(HOST), planner.clues)
    return ResourceSampler(tmp_path, FakeClock(monotonic=1000.0), members)


IDLE = "import time; print('ready', flush=True); time.sleep(60)"
# Three children share 60 MiB with their parent.
SHARING = """
import os, time
held = b"x" * (60 << 20)
for _ in range(3):
    if os.fork() == 0:
        break
else:
    print("ready", flush=True)
time.sleep(60)
"""
# A child in a session of its own holds 60 MiB and uses a whole CPU, until its parent is killed.
APART = """
import os, time
parent = os.getpid()
if os.fork() == 0:
    os.setsid()
    held = b"x" * (60 << 20)
    print("ready", flush=True)
    while os.getppid() == parent:
        pass
    os._exit(0)
time.sleep(60)
"""


def sample_of(sampler: ResourceSampler, view: NodeView) -> NodeSample:
    sampler.take_samples([view])
    sample = sampler.newest("node-1", 0)
    assert sample is not None
    return sample


def test_a_sample_tells_what_a_process_uses(sampler: ResourceSampler, run: Run) -> None:
    sample = sample_of(sampler, run(IDLE))
    assert sample.rss_bytes > MIB
    assert (sample.threads, sample.processes) == (1, 1)
    assert sample.open_files >= 3
    assert sample.uptime_ms == 10_000


def test_memory_that_the_processes_of_a_node_share_counts_once(sampler: ResourceSampler, run: Run) -> None:
    sample = sample_of(sampler, run(SHARING))
    assert (sample.processes, sample.threads) == (4, 4)
    assert 60 * MIB < sample.rss_bytes < 120 * MIB, "and not 240"
    assert sample.open_files >= 4 * 3


def test_memory_and_cpu_of_a_child_in_a_session_of_its_own_count(sampler: ResourceSampler, run: Run) -> None:
    view = run(APART)
    sample = sample_of(sampler, view)
    assert sample.processes == 2
    assert sample.rss_bytes > 60 * MIB
    busy = eventually(lambda: sample_of(sampler, view).cpu_percent > 5, message="CPU use of the child")
    assert busy


def test_the_group_is_asked_where_processes_can_not_be_measured(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sampler_module, "ResidentMemory", Unreadable)
    planner = LaunchPlanner(agent_id="agent-1", host_id=HOST, log_directory=tmp_path, environ={})
    members = NodeMembers(MemberSearch(HOST), planner.clues)
    view = run(SHARING)
    grouped = ResourceSampler(tmp_path, FakeClock(), members, group_bytes=lambda node_id, launch: 77 * launch)
    assert sample_of(grouped, view).rss_bytes == 77
    plain = ResourceSampler(tmp_path, FakeClock(), members)
    assert sample_of(plain, view).rss_bytes > 240 * MIB, "the sum of resident memory, as nothing better is known"


class Unreadable:
    """A kernel that reports no proportional sizes to this user."""

    def start_round(self, launches: object) -> None:
        pass

    def resident_bytes(self, members: object) -> None:
        return None


def test_the_host_is_sampled_with_the_disk_of_data_path(sampler: ResourceSampler) -> None:
    assert sampler.host() is None
    sampler.take_samples([])
    host = sampler.host()
    assert host is not None
    assert host.cpu_count == os.cpu_count()
    assert 0 < host.memory_available_bytes <= host.memory_total_bytes
    assert 0 < host.disk_free_bytes <= host.disk_total_bytes


def test_the_history_is_bounded_and_ends_with_the_node(sampler: ResourceSampler, run: Run) -> None:
    view = run(IDLE)
    for _ in range(HISTORY + 5):
        sampler.take_samples([view])
    assert len(sampler.history("node-1")) == HISTORY
    sampler.take_samples([])
    assert sampler.history("node-1") == []
    assert sampler.newest("node-1", 0) is None


def test_a_process_that_is_gone_or_another_has_no_sample(sampler: ResourceSampler, run: Run) -> None:
    view = run(IDLE)
    process = view.runtime.record.process
    assert process is not None
    for wrong in (replace(process, pid=2**22 + 5), replace(process, start_ticks=1), None):
        record = replace(view.runtime.record, process=wrong)
        sampler.take_samples([replace(view, runtime=NodeRuntime(record))])
        assert sampler.newest("node-1", 0) is None


def test_a_process_that_was_just_started_has_not_the_measurements_of_the_one_before(
    sampler: ResourceSampler, run: Run
) -> None:
    sampler.take_samples([run(IDLE)])
    assert sampler.newest("node-1", 0) is not None
    assert sampler.newest("node-1", 1) is None
    assert len(sampler.history("node-1")) == 1, "the history goes on"
