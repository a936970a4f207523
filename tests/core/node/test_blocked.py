"""A node beside a process that may be its own: nothing is started or signalled until that process has ended."""

from dataclasses import replace

from sutra_grid.core.node.blocked import LOOK_SECONDS
from sutra_grid.core.node.events import Assigned, LaunchBlocked, NodeEvent, Now, Recovered, SuspectSeen, TimerDue
from sutra_grid.core.node.instructions import (
    ArmTimer,
    DeleteJournal,
    Instruction,
    Launch,
    LookAtSuspect,
    SendSignal,
    TimerName,
)
from sutra_grid.core.node.machine import is_settled, step
from sutra_grid.core.node.record import NodeRecord, NodeRuntime, ProcessIdentity, Suspect, fresh_record
from sutra_grid.core.node.rules import NodeRules
from sutra_grid.core.outcome import Verdict, judge_report
from sutra_grid.core.states import Phase
from sutra_grid.core.types import Assignment, Desired, Node, NodeReport, NodeSpec, NodeState, Reason

SPEC = NodeSpec("storage", 50051, "/data/node-1", 512)
FIRST = Assignment("node-1", 1, Desired.RUNNING, SPEC)
FOREIGN = Suspect(ProcessIdentity("boot", 7, 70, 0), "pid 7 looks like its process")
OWN = ProcessIdentity("boot", 8, 80, 1)


def on(node: NodeRuntime, *events: NodeEvent) -> tuple[NodeRuntime, tuple[Instruction, ...]]:
    """The node after the events, and all instructions."""
    done: tuple[Instruction, ...] = ()
    for event in events:
        node, more = step(node, event, Now(1000.0, 1), NodeRules())
        done += more
    return node, done


def blocked() -> NodeRuntime:
    node, _ = on(NodeRuntime(fresh_record(FIRST, SPEC)), Assigned(FIRST), LaunchBlocked(FOREIGN))
    return node


def recovered(suspect: Suspect, record: NodeRecord, was: Phase = Phase.RUNNING) -> NodeRuntime:
    node = NodeRuntime(replace(record, phase=Phase.RECOVERING))
    return on(node, Recovered(was, None, suspect=suspect))[0]


def journaled(**changes: object) -> NodeRecord:
    record = NodeRecord(FIRST, Phase.RUNNING, process=OWN, launches=1, launch_generation=1, ready_at=900.0)
    return replace(record, **changes)  # type: ignore[arg-type]


def test_a_blocked_launch_is_told_with_the_pid_and_looked_at_again_later() -> None:
    node, done = on(NodeRuntime(fresh_record(FIRST, SPEC)), Assigned(FIRST), LaunchBlocked(FOREIGN))
    record = node.record
    assert (record.phase, record.reason, record.message) == (
        Phase.BLOCKED,
        Reason.UNPROVED_PROCESS,
        "pid 7 looks like its process",
    )
    assert (record.process, record.suspect) == (None, FOREIGN.identity)
    assert is_settled(node)
    assert done[-1] == ArmTimer(TimerName.LOOK, LOOK_SECONDS)
    assert on(node, TimerDue(TimerName.LOOK))[1] == (LookAtSuspect(),)


def test_while_it_lives_nothing_is_started_or_signalled_whatever_is_commanded() -> None:
    node = blocked()
    for generation, desired in enumerate((Desired.RUNNING, Desired.STOPPED, Desired.RUNNING, Desired.ABSENT), 2):
        node, done = on(node, Assigned(replace(FIRST, generation=generation, desired=desired)), SuspectSeen(FOREIGN))
        assert node.record.phase is Phase.BLOCKED
        assert LookAtSuspect() in done
        assert not [one for one in done if isinstance(one, Launch | SendSignal | DeleteJournal)]


def test_after_its_end_the_node_goes_on_as_desired() -> None:
    running, done = on(blocked(), SuspectSeen(None))
    assert running.record.phase is Phase.LAUNCHING
    assert Launch() in done
    assert running.record.suspect is None
    for desired, phase in ((Desired.STOPPED, Phase.STOPPED), (Desired.ABSENT, Phase.REMOVED)):
        after, _ = on(blocked(), Assigned(replace(FIRST, generation=2, desired=desired)), SuspectSeen(None))
        assert after.record.phase is phase
        assert "7 has ended by itself" in after.record.message


def test_another_process_that_looks_like_it_blocks_it_on() -> None:
    other = Suspect(ProcessIdentity("boot", 9, 90, 0), "pid 9 looks like its process")
    node, _ = on(blocked(), SuspectSeen(other))
    assert (node.record.suspect, node.record.message) == (other.identity, other.message)


def test_a_journaled_process_that_can_not_be_read_has_not_ended_until_its_end_is_seen() -> None:
    node = recovered(Suspect(OWN, "pid 8 may be its process"), journaled())
    assert node.record.exits == ()
    after, _ = on(node, SuspectSeen(None))
    assert [exit_.reason for exit_ in after.record.exits] == [Reason.LOST]
    assert after.record.phase is Phase.LAUNCHING


def test_beside_a_foreign_process_the_end_of_the_journaled_one_is_told() -> None:
    node = recovered(FOREIGN, journaled())
    assert [exit_.reason for exit_ in node.record.exits] == [Reason.LOST]
    assert node.record.relaunch


def test_a_stopped_node_beside_what_may_be_its_process_is_not_called_stopped() -> None:
    stopped = replace(FIRST, desired=Desired.STOPPED)
    node = recovered(FOREIGN, journaled(assignment=stopped, process=None, phase=Phase.STOPPED), Phase.STOPPED)
    assert node.record.phase is Phase.BLOCKED


def test_damage_of_the_journal_is_told_too() -> None:
    node = recovered(FOREIGN, journaled(reason=Reason.JOURNAL_CORRUPT, message="the file is damaged"))
    assert node.record.message == "pid 7 looks like its process; the file is damaged"


def test_without_a_journal_nothing_is_started_before_the_master_has_assigned() -> None:
    orphan = NodeRecord(Assignment("node-1", 0, Desired.RUNNING), Phase.FAILED)
    node, done = on(recovered(FOREIGN, orphan, Phase.FAILED), SuspectSeen(None))
    assert node.record.phase is Phase.FAILED
    assert Launch() not in done


def test_a_stop_or_a_start_of_a_blocked_node_has_failed_and_says_why() -> None:
    report = NodeReport(
        "node-1", 1, Desired.STOPPED, NodeState.FAILED, 7, reason=Reason.UNPROVED_PROCESS, message="pid 7 looks like it"
    )
    for desired in Desired:
        outcome = judge_report(Node("node-1", "agent-1", SPEC, desired, 1, 0, 0), replace(report, desired=desired))
        assert (outcome.verdict, outcome.reason) == (Verdict.FAILED, Reason.UNPROVED_PROCESS)
        assert outcome.message == "pid 7 looks like it"
