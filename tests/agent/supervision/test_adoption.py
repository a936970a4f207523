"""The pure decision which process belongs to which journal entry."""

from dataclasses import replace

from sutra_grid.agent.processes.proof import FoundProcess
from sutra_grid.agent.state.journal import JournalEntry
from sutra_grid.agent.supervision.adoption import plan_recoveries
from sutra_grid.core.node.record import NodeRecord, ProcessIdentity
from sutra_grid.core.states import Phase
from sutra_grid.core.types import Assignment, Desired, NodeSpec, Reason

SPEC = NodeSpec("storage", 50051, "/d", 1)
RECORD = NodeRecord(Assignment("node-1", 5, Desired.RUNNING, SPEC), launches=4)


def process(launch: int, pid: int = 100) -> FoundProcess:
    return FoundProcess("node-1", ProcessIdentity("boot", pid, pid, launch), SPEC, 5)


def candidates(record: NodeRecord, *found: FoundProcess) -> list[int]:
    (recovery,) = plan_recoveries([JournalEntry("node-1", record)], found)
    return [identity.pid for identity in recovery.candidates]


def test_the_journaled_process_comes_first() -> None:
    journaled = replace(RECORD, phase=Phase.RUNNING, process=process(4, 7).identity)
    assert candidates(journaled, process(5, 8)) == [7, 8]


def test_a_launch_without_a_journaled_end_is_looked_for_by_its_number() -> None:
    assert candidates(replace(RECORD, phase=Phase.LAUNCHING), process(3, 7), process(4, 8)) == [8]


def test_what_an_ended_launch_left_behind_is_not_the_node() -> None:
    assert candidates(replace(RECORD, phase=Phase.WAITING), process(4, 7)) == []


def test_a_launch_that_an_older_copy_of_the_journal_does_not_know_is_found() -> None:
    assert candidates(replace(RECORD, phase=Phase.WAITING), process(5, 7)) == [7]


def test_a_process_that_blocked_the_node_is_tried_once_its_tag_can_be_read() -> None:
    suspect = replace(process(0, 7).identity, launch=0)
    blocked = replace(RECORD, phase=Phase.BLOCKED, suspect=suspect)
    assert candidates(blocked, process(4, 7)) == [7]
    assert candidates(blocked, process(4, 8)) == []


def test_the_journaled_process_that_could_not_be_read_is_tried_again() -> None:
    blocked = replace(RECORD, phase=Phase.BLOCKED, suspect=process(4, 7).identity)
    (recovery,) = plan_recoveries([JournalEntry("node-1", blocked)], [])
    assert recovery.candidates == (process(4, 7).identity,)
    assert recovery.journaled == process(4, 7).identity


def test_a_log_that_is_open_somewhere_stands_for_a_node_whose_journal_is_lost() -> None:
    (recovery,) = plan_recoveries([], [], {"node-1"})
    assert recovery.record.assignment == Assignment("node-1", 0, Desired.RUNNING)
    assert recovery.candidates == ()


def test_a_process_without_any_journal_is_kept_at_generation_0_as_it_was_started() -> None:
    (recovery,) = plan_recoveries([], [process(2, 7)])
    assert recovery.record.assignment == Assignment("node-1", 0, Desired.RUNNING, SPEC)
    assert recovery.record.launch_generation == 5
    assert recovery.record.reason is Reason.JOURNAL_CORRUPT
    assert [identity.pid for identity in recovery.candidates] == [7]


def test_an_entry_of_a_newer_version_is_not_recovered_whatever_runs() -> None:
    assert plan_recoveries([JournalEntry("node-1", None, damage="newer", newer=True)], [process(2)]) == []
