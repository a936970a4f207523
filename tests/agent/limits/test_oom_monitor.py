"""Which kills by the kernel are reported, and when."""

from __future__ import annotations

from sutra_grid.agent.limits.oom_monitor import OomMonitor
from sutra_grid.agent.report import NodeView
from sutra_grid.core.node.events import MembersOomKilled, OomKill
from sutra_grid.core.node.record import NodeRecord, NodeRuntime, ProcessIdentity
from sutra_grid.core.types import Assignment, Desired


def view(launch: int | None = 1, told: int = 0) -> NodeView:
    process = ProcessIdentity("boot", 7, 70, launch) if launch is not None else None
    record = NodeRecord(Assignment("node-1", 1, Desired.RUNNING), process=process, launch_oom_kills=told)
    return NodeView(NodeRuntime(record))


class Groups:
    """The kills of each launch of node-1."""

    def __init__(self, **kills: int) -> None:
        self.kills = {int(launch.removeprefix("launch")): count for launch, count in kills.items()}

    def oom_kills(self, node_id: str, launch: int, limit_mb: int) -> OomKill | None:
        count = self.kills.get(launch, 0)
        return OomKill(True, "no memory", count) if count else None


def reported(groups: Groups, *looks: NodeView) -> list[int]:
    """The counts that were reported, look by look."""
    events: list[MembersOomKilled] = []
    monitor = OomMonitor(groups, lambda node_id, event: events.append(event))
    for one in looks:
        monitor.check([one])
    return [event.count for event in events]


def test_a_kill_is_reported_at_the_second_look_so_that_an_exit_can_tell_it_first() -> None:
    assert reported(Groups(launch1=1), view()) == []
    assert reported(Groups(launch1=1), view(), view()) == [1]
    assert reported(Groups(launch1=1), view(), view(None), view(2), view(2)) == [], "it was the leader"


def test_what_the_journal_has_is_not_reported_again() -> None:
    assert reported(Groups(launch1=2), view(told=2), view(told=2)) == []
    assert reported(Groups(launch1=3), view(told=2), view(told=2)) == [3]


def test_a_node_without_kills_or_without_a_process_is_not_reported() -> None:
    assert reported(Groups(), view(), view()) == []
    assert reported(Groups(launch1=1), view(None), view(None)) == []
