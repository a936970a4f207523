import os
from dataclasses import replace
from pathlib import Path

import pytest
from support.fakes.clock import FakeClock

from sutra_grid.agent.processes.identity import identify
from sutra_grid.agent.report import NodeView
from sutra_grid.agent.resources.sampler import HISTORY, ResourceSampler
from sutra_grid.core.node.record import NodeRecord, NodeRuntime
from sutra_grid.core.types import Assignment, Desired


@pytest.fixture
def view() -> NodeView:
    """A node whose process is the process of this test."""
    record = NodeRecord(Assignment("node-1", 1, Desired.RUNNING), process=identify(os.getpid(), 1), launched_at=990.0)
    return NodeView(NodeRuntime(record), "")


def test_a_sample_tells_what_a_process_uses(tmp_path: Path, view: NodeView) -> None:
    sampler = ResourceSampler(tmp_path, FakeClock(monotonic=1000.0))
    sampler.take_samples([view])
    sample = sampler.newest("node-1")
    assert sample is not None
    assert sample.rss_bytes > 1_000_000
    assert sample.threads >= 1
    assert sample.open_files > 0
    assert sample.uptime_ms == 10_000


def test_the_host_is_sampled_with_the_disk_of_data_path(tmp_path: Path) -> None:
    sampler = ResourceSampler(tmp_path, FakeClock())
    assert sampler.host() is None
    sampler.take_samples([])
    host = sampler.host()
    assert host is not None
    assert host.cpu_count == os.cpu_count()
    assert 0 < host.memory_available_bytes <= host.memory_total_bytes
    assert 0 < host.disk_free_bytes <= host.disk_total_bytes


def test_the_history_is_bounded_and_ends_with_the_node(tmp_path: Path, view: NodeView) -> None:
    sampler = ResourceSampler(tmp_path, FakeClock())
    for _ in range(HISTORY + 5):
        sampler.take_samples([view])
    assert len(sampler.history("node-1")) == HISTORY
    sampler.take_samples([])
    assert sampler.history("node-1") == []
    assert sampler.newest("node-1") is None


def test_a_process_that_is_gone_or_another_has_no_sample(tmp_path: Path, view: NodeView) -> None:
    sampler = ResourceSampler(tmp_path, FakeClock())
    process = view.runtime.record.process
    assert process is not None
    for wrong in (replace(process, pid=2**22 + 5), replace(process, start_ticks=1), None):
        record = replace(view.runtime.record, process=wrong)
        sampler.take_samples([replace(view, runtime=NodeRuntime(record))])
        assert sampler.newest("node-1") is None
