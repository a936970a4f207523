"""Any order of events keeps the machine's invariants: a world of one node, driven at random."""

from dataclasses import replace

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from sutra_grid.core.node.events import (
    Assigned,
    Exited,
    LaunchBlocked,
    Launched,
    LaunchFailed,
    MembersFound,
    MembersSignalled,
    MemoryExceeded,
    NodeEvent,
    Now,
    ProbeFailed,
    ProbePassed,
    Recovered,
    SuspectSeen,
    TimerDue,
)
from sutra_grid.core.node.instructions import (
    ArmTimer,
    CancelTimers,
    DeleteJournal,
    Launch,
    LookAtSuspect,
    LookForMembers,
    RunProbe,
    SendSignal,
    SignalMembers,
    TimerName,
    WriteJournal,
)
from sutra_grid.core.node.machine import is_settled, step
from sutra_grid.core.node.record import ExitStatus, Member, NodeRecord, NodeRuntime, ProcessIdentity, Suspect
from sutra_grid.core.node.rules import NodeRules
from sutra_grid.core.restart import RestartPolicy
from sutra_grid.core.states import Phase
from sutra_grid.core.types import Assignment, Desired, Reason

FOREIGN = ProcessIdentity("boot", 7, 7, 0)
LEFT = [Member(201, 1, "polite"), Member(202, 1, "stubborn"), Member(203, 1, "stuck", "state D")]


def _ends(member: Member, number: int) -> bool:
    return member.name == "polite" or (member.name == "stubborn" and number == 9)


class OneNode(RuleBasedStateMachine):
    """Plays operating system, disk and master for one node, and checks after every step.

    A process that ends may leave others. Some end at the stop signal, some at SIGKILL, some later.
    """

    def __init__(self) -> None:
        super().__init__()
        self.rules = NodeRules(restart=RestartPolicy(max_crashes=3), restart_unhealthy_after_seconds=15)
        self.time = 1000.0
        self.desired = Assignment("n", 0, Desired.STOPPED)
        self.node: NodeRuntime | None = NodeRuntime(NodeRecord(self.desired))
        self.disk: NodeRecord | None = None
        self.alive: ProcessIdentity | None = None  # at most one process may ever live
        self.proved = True  # whether the agent knows that it is the node's
        self.foreign = False  # something lives that looks like the node
        self.looking = False
        self.left: set[Member] = set()  # members of the last launch that outlived its leader
        self.timers: dict[TimerName, float] = {}
        self.probing: int | None = None
        self.launching = False

    def happen(self, event: NodeEvent) -> None:
        assert self.node is not None
        self.time += 0.25
        self.node, instructions = step(self.node, event, Now(self.time, int(self.time * 1000)), self.rules)
        launch = self.node.record.launches
        answers: list[NodeEvent] = []
        for instruction in instructions:
            match instruction:
                case WriteJournal():
                    self.disk = self.node.record
                case DeleteJournal():
                    assert self.alive is None, "forgotten while its process lives"
                    assert not self.left, "forgotten while what it started lives"
                    self.disk = None
                case Launch():
                    assert self.alive is None, "two processes of one node"
                    assert not self.left, "launched beside what an earlier launch left"
                    assert not self.launching, "two launches outstanding"
                    assert self.disk == self.node.record, "launched before the intent was on disk"
                    assert self.desired.desired is Desired.RUNNING, "launched against what is desired"
                    self.launching = True
                case LookAtSuspect():
                    self.looking = True
                case SendSignal():
                    assert self.proved, "signalled without proof"
                    assert self.node.record.process is not None, "signalled without a process"
                case SignalMembers(number):
                    answers.append(MembersSignalled(launch, number, tuple(self.left)))
                    self.left = {one for one in self.left if not _ends(one, number)}
                case LookForMembers():
                    answers.append(MembersFound(launch, tuple(self.left)))
                case RunProbe():
                    self.probing = self.node.record.launches
                case ArmTimer() | CancelTimers():
                    self.set_timers(instruction)
        if self.node.record.phase is Phase.REMOVED:
            self.node = None
        for answer in answers:
            self.happen(answer)

    def set_timers(self, instruction: ArmTimer | CancelTimers) -> None:
        if isinstance(instruction, ArmTimer):
            self.timers[instruction.timer] = self.time + instruction.seconds
        else:
            self.timers.clear()

    @rule(desired=st.sampled_from(Desired), restart=st.booleans(), repeat=st.booleans())
    def assign(self, desired: Desired, restart: bool, repeat: bool) -> None:
        generation = self.desired.generation + (0 if repeat else 1)
        if not repeat:
            since = generation if restart and desired is Desired.RUNNING else self.desired.restart_generation
            self.desired = Assignment("n", generation, desired, restart_generation=since)
        if self.node is None:
            self.node = NodeRuntime(NodeRecord(replace(self.desired, generation=-1, desired=Desired.STOPPED)))
        self.happen(Assigned(self.desired))

    def suspect(self) -> Suspect | None:
        """What the agent sees that may be the node's process."""
        if self.alive is not None and not self.proved:
            return Suspect(self.alive, "may be the node")
        return Suspect(FOREIGN, "looks like the node") if self.foreign else None

    @precondition(lambda self: self.looking)
    @rule()
    def answer_look(self) -> None:
        self.looking = False
        suspect = self.suspect()
        self.happen(SuspectSeen(suspect, () if suspect else tuple(self.left)))

    @precondition(lambda self: self.launching)
    @rule()
    def launch_is_blocked(self) -> None:
        self.launching, self.foreign = False, True
        self.happen(LaunchBlocked(Suspect(FOREIGN, "looks like the node")))

    @precondition(lambda self: self.foreign and not self.looking)
    @rule()
    def foreign_process_ends(self) -> None:
        self.foreign = False

    @precondition(lambda self: self.launching)
    @rule(works=st.booleans(), reason=st.sampled_from([Reason.PORT_TAKEN, Reason.DISK_FULL, Reason.LIMIT_REACHED]))
    def answer_launch(self, works: bool, reason: Reason) -> None:
        assert self.node is not None
        self.launching = False
        if works:
            self.alive = ProcessIdentity("boot", 100 + self.node.record.launches, 1, self.node.record.launches)
            self.proved = True
            self.happen(Launched(self.alive))
        else:
            self.happen(LaunchFailed(reason, "no"))

    @precondition(lambda self: self.alive is not None and not self.launching)
    @rule(signal=st.sampled_from([0, 9]), left=st.sets(st.sampled_from(LEFT)))
    def process_ends(self, signal: int, left: set[Member]) -> None:
        assert self.alive is not None
        ended, self.alive = self.alive, None
        if not self.proved:
            self.left = left
            return  # nobody watches it
        self.left = left
        self.happen(Exited(ended.launch, ExitStatus(None if signal else 1, signal), leftovers=tuple(left)))

    @precondition(lambda self: self.left)
    @rule()
    def leftovers_end(self) -> None:
        self.left = set()

    @precondition(lambda self: self.probing is not None and self.node is not None)
    @rule(passes=st.booleans())
    def answer_probe(self, passes: bool) -> None:
        assert self.probing is not None
        launch, self.probing = self.probing, None
        self.happen(ProbePassed(launch) if passes else ProbeFailed(launch, "no answer"))

    @precondition(lambda self: self.alive is not None and self.proved and not self.launching and self.node is not None)
    @rule(late=st.booleans())
    def memory_is_exceeded(self, late: bool) -> None:
        assert self.alive is not None
        self.happen(MemoryExceeded(self.alive.launch - late, "uses too much"))

    @precondition(lambda self: self.timers)
    @rule()
    def timer_runs_out(self) -> None:
        timer = min(self.timers, key=lambda name: self.timers[name])
        self.time = max(self.time, self.timers.pop(timer))
        self.happen(TimerDue(timer))

    @precondition(lambda self: self.disk is not None)
    @rule(
        process_started=st.booleans(),
        process_dies=st.booleans(),
        rebooted=st.booleans(),
        readable=st.booleans(),
        left=st.sets(st.sampled_from(LEFT)),
    )
    def agent_dies_and_starts_again(
        self, process_started: bool, process_dies: bool, rebooted: bool, readable: bool, left: set[Member]
    ) -> None:
        assert self.disk is not None
        if self.launching and process_started:  # killed between the start and its journaling
            self.alive = ProcessIdentity("boot", 100 + self.disk.launches, 1, self.disk.launches)
        if process_dies or rebooted:
            self.left = set() if rebooted else left if self.alive is not None else self.left
            self.alive = None
        self.proved = self.alive is None or readable
        self.launching, self.looking, self.probing = False, False, None
        self.timers.clear()
        was = self.disk.phase
        own = self.disk.suspect if self.disk.suspect and self.disk.suspect.launch else self.disk.process
        self.node = NodeRuntime(replace(self.disk, phase=Phase.RECOVERING, process=own, suspect=None))
        proved = self.alive if self.proved else None
        suspect = None if proved or (self.left and self.proved) else self.suspect()
        leftovers = () if proved or suspect else tuple(self.left)
        self.happen(Recovered(was, proved, rebooted, suspect=suspect, leftovers=leftovers))

    @invariant()
    def the_journal_is_what_is_known(self) -> None:
        if self.node is not None and self.disk is not None:
            assert self.disk == self.node.record

    @invariant()
    def a_settled_node_is_as_desired_or_says_why_not(self) -> None:
        if self.node is None:
            assert self.alive is None
            assert not self.left
            return
        record = self.node.record
        if record.phase is Phase.STOPPED:
            assert self.alive is None
        if is_settled(self.node) and self.desired.desired is Desired.RUNNING:
            has_process = record.phase in (Phase.RUNNING, Phase.STARTING)  # one that is not ready in time
            assert has_process == (self.alive is not None and self.proved)
            assert record.phase is Phase.RUNNING or record.reason is not Reason.NONE

    @invariant()
    def every_state_has_a_reason_and_words(self) -> None:
        if self.node is not None and self.node.record.assignment.generation > 0:
            assert self.node.record.reason is not Reason.NONE
            assert self.node.record.message

    @invariant()
    def nothing_waits_for_nothing(self) -> None:
        """Whatever is on its way has something that moves it on."""
        waits = (Phase.WAITING, Phase.BLOCKED, Phase.STARTING)
        if self.node is None or (is_settled(self.node) and self.node.record.phase not in waits):
            return
        assert (
            self.timers
            or self.launching
            or self.looking
            or self.probing is not None
            or self.node.record.assignment.generation <= 0
        )


class OneNodeAtLength(OneNode):
    """The same in the slow tests, for longer."""


OneNode.TestCase.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
OneNodeAtLength.TestCase.settings = settings(max_examples=1_000, stateful_step_count=40, deadline=None)
TestOneNode = OneNode.TestCase
TestOneNodeAtLength = pytest.mark.soak(OneNodeAtLength.TestCase)
