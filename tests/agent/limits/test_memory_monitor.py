"""The memory monitor: which nodes it reports, and which it leaves alone."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import cast

import pytest
from support.texts import mentions

from sutra_grid.agent.limits import memory_monitor
from sutra_grid.agent.limits.memory_monitor import MemoryMonitor
from sutra_grid.agent.processes.memory_map import MemoryMap
from sutra_grid.agent.processes.process_table import ProcessEntry
from sutra_grid.agent.report import NodeView
from sutra_grid.agent.resources.node_members import NodeMembers
from sutra_grid.core.node.record import NodeRecord, NodeRuntime, ProcessIdentity
from sutra_grid.core.types import Assignment, Desired, NodeSpec

MIB = 1 << 20
LEADER = ProcessIdentity("boot", 100, 5000, 3)


def entry(pid: int, resident_mb: int) -> ProcessEntry:
    return ProcessEntry(
        pid=pid, name="p", state="S", parent=1, group=1, session=1, start_ticks=1, resident_bytes=resident_mb * MIB
    )


class Members:
    """The members of node-1, as the test says."""

    def __init__(self, *entries: ProcessEntry) -> None:
        self.entries = entries

    def look(self, views: object) -> Mapping[str, tuple[ProcessEntry, ...]]:
        return {"node-1": self.entries} if self.entries else {}


def view_of(process: ProcessIdentity | None, limit_mb: int) -> NodeView:
    record = NodeRecord(Assignment("node-1", 1, Desired.RUNNING, NodeSpec("", 0, "", limit_mb)), process=process)
    return NodeView(NodeRuntime(record))


def reported(
    view: NodeView, members: Members, group_bytes: Callable[[str, int], int] = lambda node_id, launch: 0
) -> list[tuple[str, int, str]]:
    alarms: list[tuple[str, int, str]] = []
    monitor = MemoryMonitor(cast("NodeMembers", members), lambda *alarm: alarms.append(alarm), group_bytes)
    monitor.check([view])
    return alarms


@pytest.fixture(autouse=True)
def unreadable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Resident memory is all that is known, unless a test says more."""
    monkeypatch.setattr(memory_monitor, "memory_map", lambda pid: None)


def test_a_launch_over_its_limit_is_reported_with_all_its_processes() -> None:
    [(node_id, launch, message)] = reported(view_of(LEADER, 64), Members(entry(100, 40), entry(200, 40)))
    assert (node_id, launch) == ("node-1", 3)
    assert mentions(message, "80 MiB", "2 processes", "64 MiB")


def test_a_node_without_a_limit_or_within_it_is_not_reported() -> None:
    assert reported(view_of(LEADER, 0), Members(entry(100, 400))) == []
    assert reported(view_of(LEADER, 64), Members(entry(100, 30), entry(200, 34))) == []


def test_shared_and_reclaimable_memory_is_taken_off_before_a_node_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory_monitor, "memory_map", lambda pid: MemoryMap(50 * MIB, 30 * MIB))
    two = Members(entry(100, 60), entry(200, 60))
    assert reported(view_of(LEADER, 64), two) == []
    assert len(reported(view_of(LEADER, 59), two)) == 1
    monkeypatch.setattr(memory_monitor, "memory_map", lambda pid: MemoryMap(50 * MIB, None))
    assert len(reported(view_of(LEADER, 64), two)) == 1, "before Linux 5.4 the resident memory counts"


def test_a_node_that_is_gone_is_not_measured() -> None:
    assert reported(view_of(replace(LEADER, pid=7), 1), Members()) == []


def test_the_count_of_the_group_is_enough() -> None:
    assert len(reported(view_of(LEADER, 64), Members(), lambda node_id, launch: 65 * MIB)) == 1
    assert reported(view_of(LEADER, 64), Members(), lambda node_id, launch: 64 * MIB) == []


def test_a_node_without_a_process_is_not_reported() -> None:
    assert reported(view_of(None, 1), Members(), lambda node_id, launch: 65 * MIB) == []
