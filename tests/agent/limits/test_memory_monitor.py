"""The memory monitor: which nodes it reports, and which it leaves alone."""

import os
from collections.abc import Callable
from dataclasses import replace

import pytest

from sutra_grid.agent.limits.memory_monitor import MemoryMonitor, resident_bytes_by_session
from sutra_grid.agent.processes.identity import identify
from sutra_grid.agent.report import NodeView
from sutra_grid.core.node.record import NodeRecord, NodeRuntime, ProcessIdentity
from sutra_grid.core.types import Assignment, Desired, NodeSpec

MIB = 1 << 20


@pytest.fixture
def leader() -> ProcessIdentity:
    """The leader of the session of this test, which certainly uses more than 1 MiB with its members."""
    identity = identify(os.getsid(0), 3)
    if identity is None:
        pytest.skip("the leader of this session has ended")
    return identity


def view_of(process: ProcessIdentity | None, limit_mb: int) -> NodeView:
    record = NodeRecord(Assignment("node-1", 1, Desired.RUNNING, NodeSpec("", 0, "", limit_mb)), process=process)
    return NodeView(NodeRuntime(record), "")


def reported(
    view: NodeView, group_bytes: Callable[[str, int], int] = lambda node_id, launch: 0
) -> list[tuple[str, int]]:
    alarms: list[tuple[str, int]] = []
    MemoryMonitor(lambda node_id, launch, message: alarms.append((node_id, launch)), group_bytes).check([view])
    return alarms


def test_a_session_over_its_limit_is_reported_with_its_launch(leader: ProcessIdentity) -> None:
    assert reported(view_of(leader, 1)) == [("node-1", 3)]


def test_a_node_without_a_limit_or_within_it_is_not_reported(leader: ProcessIdentity) -> None:
    assert reported(view_of(leader, 0)) == []
    assert reported(view_of(leader, 1 << 30)) == []


def test_a_reused_pid_is_not_measured(leader: ProcessIdentity) -> None:
    assert reported(view_of(replace(leader, start_ticks=leader.start_ticks + 1), 1)) == []


def test_the_count_of_the_group_is_enough(leader: ProcessIdentity) -> None:
    gone = replace(leader, start_ticks=leader.start_ticks + 1)
    assert reported(view_of(gone, 64), lambda node_id, launch: 65 * MIB) == [("node-1", 3)]
    assert reported(view_of(gone, 64), lambda node_id, launch: 64 * MIB) == []


def test_a_node_without_a_process_is_not_reported() -> None:
    assert reported(view_of(None, 1), lambda node_id, launch: 65 * MIB) == []


def test_every_process_of_a_session_is_counted() -> None:
    assert os.getpid() in resident_bytes_by_session()[os.getsid(0)]
