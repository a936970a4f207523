"""Which processes belong to a launch, decided over snapshots of plain values; and the snapshot itself."""

from __future__ import annotations

import os

from sutra_grid.agent.processes.members import Evidence, launch_members
from sutra_grid.agent.processes.process_table import ProcessEntry, ProcessTable, parse_stat
from sutra_grid.core.node.record import ProcessIdentity

LEADER = ProcessIdentity("boot", 100, 5000, 1)


def entry(
    pid: int, *, parent: int = 1, session: int = 0, group: int = 0, ticks: int = 6000, state: str = "S"
) -> ProcessEntry:
    return ProcessEntry(
        pid=pid,
        name=f"p{pid}",
        state=state,
        parent=parent,
        group=group or pid,
        session=session or pid,
        start_ticks=ticks,
    )


LEADING = entry(100, ticks=5000, session=100, group=100)


def members(*entries: ProcessEntry, evidence: Evidence | None = None, never: tuple[int, ...] = ()) -> list[int]:
    found = launch_members(ProcessTable(entries), LEADER, evidence or Evidence(), never=never)
    return [one.pid for one in found]


def test_leader_comes_first_and_foreign_processes_are_not_members() -> None:
    assert members(entry(50, ticks=10), LEADING, entry(101, parent=100, session=100)) == [100, 101]


def test_descendants_in_sessions_of_their_own_are_members() -> None:
    child = entry(101, parent=100)
    assert members(LEADING, child, entry(102, parent=101), entry(103, parent=1, session=101)) == [100, 101, 102, 103]


def test_orphans_in_the_session_of_an_ended_leader_are_members() -> None:
    assert members(entry(101, session=100), entry(102, session=7)) == [101]


def test_session_proves_nothing_after_the_pid_was_used_again() -> None:
    other = entry(100, ticks=9000, session=100)
    assert members(other, entry(101, session=100, parent=100)) == []
    assert members(other, evidence=Evidence(tagged=(100,), grouped=(100,))) == []


def test_session_proves_nothing_when_nobody_watched_the_leader_end() -> None:
    left = entry(101, session=100)
    assert members(left, evidence=Evidence(session_is_proved=False)) == []
    assert members(left, evidence=Evidence(session_is_proved=False, tagged=(101,))) == [101]


def test_control_group_tag_and_earlier_snapshots_find_orphans() -> None:
    orphans = [entry(pid) for pid in (201, 202, 203, 204)]
    evidence = Evidence(grouped=(201,), tagged=(202,), known=((203, 6000), (204, 1)))
    assert members(*orphans, evidence=evidence) == [201, 202, 203]


def test_zombies_and_the_agent_itself_are_not_members() -> None:
    zombie, agent = entry(101, parent=100, state="Z"), entry(300)
    assert members(LEADING, zombie, agent, evidence=Evidence(tagged=(300,)), never=(300,)) == [100]


def test_name_with_brackets_and_spaces_is_read_whole() -> None:
    numbers = " ".join(str(number) for number in range(4, 53))
    read = parse_stat(f"42 (a) (b c) S {numbers}\n".encode(), page_bytes=10)
    assert (read.pid, read.name, read.state, read.parent, read.session) == (42, "a) (b c", "S", 4, 6)
    assert (read.start_ticks, read.cpu_ticks, read.threads, read.resident_bytes) == (22, 14 + 15, 20, 240)


def test_snapshot_of_this_host_has_this_process_below_its_ancestors() -> None:
    table = ProcessTable.read()
    own = table.find(os.getpid())
    assert own is not None
    assert (own.session, own.parent) == (os.getsid(0), os.getppid())
    assert {os.getpid(), os.getppid()} <= table.ancestors(os.getpid())
