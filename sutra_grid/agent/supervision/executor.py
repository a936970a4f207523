"""Carries out what the nodes' machines ask for: the hands of the supervisor.

Owned by one thread, which calls every method here; there are no locks and no waits
but those of the disk. Each event is stepped through its node's machine, and the
instructions that come out are done in order: so a stop that races a crash is decided
here, once, whichever came first. Threadless, so that tests drive it by hand.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from sutra_grid.agent.config import AgentConfig
from sutra_grid.agent.engines import ProbeSpec
from sutra_grid.agent.names import NAME_ALLOWED, is_name
from sutra_grid.agent.os_errors import from_os_error
from sutra_grid.agent.processes.process import ProcessHandle
from sutra_grid.agent.processes.proof import FoundProcess
from sutra_grid.agent.report import NodeView, refused_report, removed_report
from sutra_grid.agent.state.journal import JournalEntry
from sutra_grid.agent.state.journal_writer import JournalWriter
from sutra_grid.agent.supervision.adoption import RecoveryPlan, plan_recoveries
from sutra_grid.agent.supervision.collaborators import Collaborators, NodeMonitor
from sutra_grid.agent.supervision.timers import TimerQueue
from sutra_grid.agent.supervision.transition_log import log_transition
from sutra_grid.core.errors import FailedPrecondition, GridError, Internal, InvalidArgument
from sutra_grid.core.node.events import (
    Assigned,
    Exited,
    Launched,
    LaunchFailed,
    MemoryExceeded,
    NodeEvent,
    Now,
    ProbeFailed,
    ProbePassed,
    Recovered,
    TimerDue,
)
from sutra_grid.core.node.instructions import (
    ArmTimer,
    CancelTimers,
    DeleteJournal,
    Instruction,
    Launch,
    RunProbe,
    SendSignal,
    TimerName,
    WriteJournal,
)
from sutra_grid.core.node.machine import merge_spec, step
from sutra_grid.core.node.record import ExitStatus, NodeRuntime, fresh_record, signal_name
from sutra_grid.core.node.rules import NodeRules
from sutra_grid.core.states import Phase
from sutra_grid.core.types import Assignment, Desired, NodeSpec, NodeState, Reason
from sutra_grid.runtime.clock import wall_ms
from sutra_grid.runtime.logging import get_logger

log = get_logger(__name__)

_SIGKILL = 9
_DISK_RETRY_SECONDS = 5.0
_MAX_REMOVALS_KEPT = 1000
_DISK_TIMER = ("", "disk")  # no node has an empty name


@dataclass(slots=True)
class _Held:
    """A node in the executor's hands. ``process`` is open while the node has one."""

    runtime: NodeRuntime
    process: ProcessHandle | None = None
    log_tail: tuple[str, ...] = ()


class InstructionExecutor:
    """All nodes of one agent."""

    def __init__(
        self, config: AgentConfig, collaborators: Collaborators, monitor: NodeMonitor, *, endpoint_host: str
    ) -> None:
        self._config = config
        self._parts = collaborators
        self._monitor = monitor
        self._endpoint_host = endpoint_host
        self._nodes: dict[str, _Held] = {}
        self._frozen: dict[str, str] = {}  # node id -> why its journal may not be written
        self._removed: OrderedDict[str, int] = OrderedDict()  # node id -> generation that removed it
        self._timers: TimerQueue[str] = TimerQueue()
        self._writer = JournalWriter(collaborators.journal)

    # -- at the start ---------------------------------------------------------

    def recover(self, entries: Sequence[JournalEntry], found: Sequence[FoundProcess]) -> None:
        """Take over what the journal tells of and what lives of it; start what should run and does not."""
        for entry in entries:
            if entry.newer:
                self._freeze(entry.node_id, Reason.UNSUPPORTED, entry.damage, found)
        for recovery in plan_recoveries(entries, found):
            try:
                self._recover_one(recovery)
            except Internal as error:  # a fault of the program with this node: it is left alone, and so are the others
                node_id = recovery.record.assignment.node_id
                log.exception("node could not be recovered", node=node_id)
                self._nodes.pop(node_id, None)
                self._timers.cancel(node_id)
                self._freeze(node_id, Reason.INTERNAL, error.message, found)

    def _freeze(self, node_id: str, reason: Reason, why: str, found: Sequence[FoundProcess]) -> None:
        """Touch neither the node's process nor its journal, and show it so."""
        self._frozen[node_id] = why
        shown = refused_report(Assignment(node_id, 0, Desired.RUNNING), reason, why)
        for one in found:
            if one.node_id == node_id:
                shown = replace(shown, state=NodeState.RUNNING, pid=one.identity.pid, spec=one.spec)
                break
        self._parts.inventory.put_refused(shown)

    def _recover_one(self, recovery: RecoveryPlan) -> None:
        node_id = recovery.record.assignment.node_id
        held = _Held(NodeRuntime(recovery.record), self._attach(node_id, recovery))
        self._nodes[node_id] = held
        identity = oom = None
        if held.process is None:
            held.log_tail = self._parts.log_tail(node_id)
            oom = self._parts.groups.release(recovery.record, ExitStatus())
        else:
            identity = held.process.identity
            self._watch(held, held.process)
        self._handle(held, Recovered(recovery.was, identity, recovery.rebooted, oom))

    def _attach(self, node_id: str, recovery: RecoveryPlan) -> ProcessHandle | None:
        for identity in recovery.candidates:
            mark = self._parts.planner.mark(node_id, identity.launch)
            process = self._parts.launcher.attach(identity, mark)
            if process is not None:
                return process
        return None

    # -- what the master wants ------------------------------------------------

    def assign(self, assignment: Assignment) -> None:
        """Take an assignment; one that is not newer than what is held changes nothing.

        Raises ``GridError`` when it can't be taken; then nothing has changed.
        """
        self._check_assignment(assignment)
        held = self._nodes.get(assignment.node_id)
        if held is None:
            self._assign_unknown(assignment)
        elif assignment.generation > held.runtime.record.assignment.generation:
            spec = self._completed(assignment.node_id, held.runtime.record.assignment.spec, assignment)
            self._handle(held, Assigned(replace(assignment, spec=spec)))

    def assign_or_report(self, assignment: Assignment) -> None:
        """As ``assign``, for what a heartbeat's answer brought: a refused node is shown as such in the reports."""
        node_id = assignment.node_id
        refused = self._parts.inventory.refused(node_id)
        if node_id in self._frozen or (refused is not None and refused.generation >= assignment.generation):
            return
        try:
            self.assign(assignment)
        except GridError as error:
            log.warning("assignment refused", node=node_id, reason=error.reason, error=error)
            if node_id not in self._nodes and error.reason is not Reason.WRONG_AGENT:
                self._parts.inventory.put_refused(refused_report(assignment, error.reason, error.message))

    def _check_assignment(self, assignment: Assignment) -> None:
        own = self._config.agent_id
        if assignment.agent_id and assignment.agent_id != own:
            raise FailedPrecondition(
                f"the assignment of node {assignment.node_id} is meant for agent {assignment.agent_id}, this is {own}",
                reason=Reason.WRONG_AGENT,
                hint="Two agents may share an address; check their advertised endpoints",
            )
        if not is_name(assignment.node_id):
            raise InvalidArgument(
                f"{assignment.node_id!r} is no node id",
                reason=Reason.INVALID_ARGUMENT,
                hint=f"Use {NAME_ALLOWED}",
            )
        if not 1 <= assignment.generation >= assignment.restart_generation:
            raise InvalidArgument(
                f"generation {assignment.generation} with restart generation {assignment.restart_generation} of node "
                f"{assignment.node_id} can't be",
                reason=Reason.INVALID_ARGUMENT,
                hint="Generations begin at 1, and a restart belongs to one that was reached",
            )
        if assignment.node_id in self._frozen:
            raise FailedPrecondition(
                f"node {assignment.node_id} can't be changed: {self._frozen[assignment.node_id]}",
                reason=Reason.UNSUPPORTED,
                hint="A newer version's journal wants that version of the agent; of a fault its log tells more",
            )

    def _assign_unknown(self, assignment: Assignment) -> None:
        node_id = assignment.node_id
        removed = self._removed.get(node_id, -1)
        if assignment.generation <= removed:
            if assignment.desired is not Desired.ABSENT:  # from a registry that was restored: let it know
                self._parts.inventory.put_refused(removed_report(replace(assignment, generation=removed)))
            return
        if assignment.desired is Desired.ABSENT:
            self._record_removal(assignment)
            self._parts.inventory.remove(node_id)
            return
        spec = self._parts.admission.resolve(node_id, assignment.spec, self._specs_beside(node_id))
        if assignment.desired is Desired.RUNNING:
            self._parts.admission.check_new(spec)
        held = _Held(NodeRuntime(fresh_record(assignment, spec)))
        try:
            self._parts.journal.write(held.runtime.record)
        except OSError as error:
            raise from_os_error(f"node {node_id} can't be journaled", error, Reason.PATH_NOT_WRITABLE) from error
        self._nodes[node_id] = held
        self._handle(held, Assigned(replace(assignment, spec=spec)))

    def _completed(self, node_id: str, held: NodeSpec, assignment: Assignment) -> NodeSpec:
        """What the node has, and for what is still open what is assigned or the agent's own choice."""
        spec = merge_spec(held, assignment.spec)
        complete = spec.engine and spec.port and spec.storage_path and spec.memory_limit_mb
        if assignment.desired is not Desired.RUNNING or (spec == held and complete):
            return spec
        return self._parts.admission.resolve(node_id, spec, self._specs_beside(node_id))

    def _specs_beside(self, node_id: str) -> dict[str, NodeSpec]:
        return {other: held.runtime.record.assignment.spec for other, held in self._nodes.items() if other != node_id}

    # -- what happened beside this thread ---------------------------------------

    def process_exited(self, node_id: str, process: ProcessHandle, status: ExitStatus) -> None:
        """The watchdog reaped a process and has let go of it."""
        held = self._nodes.get(node_id)
        if held is None or held.process is not process:
            process.close()
            return
        # What it left behind in its process group could hold its port and its files.
        process.send_signal(_SIGKILL, whole_group=True)
        process.close()
        held.process = None
        held.log_tail = self._parts.log_tail(node_id)
        oom = self._parts.groups.release(held.runtime.record, status)
        self._handle(held, Exited(process.identity.launch, status, oom))

    def probe_finished(self, node_id: str, launch: int, problem: str) -> None:
        """A probe passed (no problem) or failed."""
        held = self._nodes.get(node_id)
        if held is not None:
            self._handle(held, ProbeFailed(launch, problem) if problem else ProbePassed(launch))

    def memory_exceeded(self, node_id: str, launch: int, words: str) -> None:
        """A node uses more memory than it may."""
        held = self._nodes.get(node_id)
        if held is not None:
            self._handle(held, MemoryExceeded(launch, words))

    def run_due_timers(self) -> None:
        """Let happen what is due by now."""
        while (due := self._timers.pop_due(self._parts.clock.monotonic())) is not None:
            if due == _DISK_TIMER:
                self._writer.retry_pending()
                self._catch_up_later()
            elif (held := self._nodes.get(due[0])) is not None:
                self._handle(held, TimerDue(TimerName(due[1])))

    def seconds_until_due(self) -> float | None:
        """How long the thread may wait; None: as long as it likes."""
        return self._timers.seconds_until_next(self._parts.clock.monotonic())

    # -- one event, and what it asks for ----------------------------------------

    def _handle(self, held: _Held, event: NodeEvent) -> None:
        """Step the node's machine with ``event`` and whatever follows from it, then show the node."""
        events: deque[NodeEvent] = deque([event])
        while events:
            before = held.runtime
            rules = self._rules(before.record.assignment.spec)
            held.runtime, instructions = step(before, events.popleft(), self._now(), rules)
            log_transition(before, held.runtime)
            events.extend(self._execute(held, instructions))
        if held.runtime.record.phase is not Phase.REMOVED:
            self._show(held)

    def _execute(self, held: _Held, instructions: Iterable[Instruction]) -> list[NodeEvent]:
        """Do what is asked, in order; answer what came of it.

        A launch whose intent could not be journaled is not made.
        """
        answers: list[NodeEvent] = []
        node_id = held.runtime.node_id
        unsaved: OSError | None = None
        for instruction in instructions:
            match instruction:
                case WriteJournal():
                    unsaved = self._save(held)
                case DeleteJournal():
                    self._forget(held)
                case Launch() if unsaved is not None:
                    error = from_os_error("the journal can't be written", unsaved, Reason.PATH_NOT_WRITABLE)
                    answers.append(LaunchFailed(error.reason, error.message))
                case Launch():
                    answers.append(self._launch(held))
                case SendSignal(number, whole_group):
                    self._signal(held, number, whole_group)
                case RunProbe():
                    self._ask(held)
                case ArmTimer(timer, seconds):
                    self._timers.arm(node_id, timer, self._parts.clock.monotonic() + seconds)
                case CancelTimers():
                    self._timers.cancel(node_id)
        return answers

    def _launch(self, held: _Held) -> Launched | LaunchFailed:
        record = held.runtime.record
        spec = record.assignment.spec
        try:
            engine = self._parts.admission.engine(spec.engine)
            self._parts.admission.check_launch(spec)
            self._parts.admission.make_directory(spec)
            plan = self._parts.planner.plan(record, engine)
            process = self._parts.launcher.launch(plan)
        except GridError as error:
            return LaunchFailed(error.reason, error.message)
        except OSError as error:
            problem = from_os_error(f"engine {spec.engine} could not be started", error, Reason.START_FAILED)
            return LaunchFailed(problem.reason, problem.message)
        held.process = process
        self._watch(held, process)
        return Launched(process.identity)

    def _watch(self, held: _Held, process: ProcessHandle) -> None:
        self._parts.groups.add(held.runtime.record, process.identity)  # before it may be reaped: its pid is its own
        self._monitor.watch(held.runtime.node_id, process)

    def _signal(self, held: _Held, number: int, whole_group: bool) -> None:
        if held.process is None:
            return  # it has ended, and its end is on the way here
        pid = held.process.identity.pid
        log.info("signal", node=held.runtime.node_id, pid=pid, signal=signal_name(number), whole_group=whole_group)
        held.process.send_signal(number, whole_group=whole_group)

    def _ask(self, held: _Held) -> None:
        record = held.runtime.record
        engine = self._config.engines.get(record.assignment.spec.engine)
        probe = engine.probe if engine else ProbeSpec("none")
        self._monitor.probe(held.runtime.node_id, record.launches, probe, record.assignment.spec.port)

    # -- the journal ----------------------------------------------------------

    def _save(self, held: _Held) -> OSError | None:
        error = self._writer.save(held.runtime.record)
        self._catch_up_later()
        return error

    def _forget(self, held: _Held) -> None:
        node_id = held.runtime.node_id
        self._nodes.pop(node_id, None)
        self._timers.cancel(node_id)
        self._record_removal(held.runtime.record.assignment)
        self._writer.delete(node_id)
        self._catch_up_later()
        self._parts.inventory.remove(node_id)

    def _catch_up_later(self) -> None:
        if self._writer.has_pending:
            self._timers.arm(*_DISK_TIMER, self._parts.clock.monotonic() + _DISK_RETRY_SECONDS)

    def _record_removal(self, assignment: Assignment) -> None:
        """So that a late call of an older generation does not bring it back. Bounded."""
        self._removed[assignment.node_id] = assignment.generation
        self._removed.move_to_end(assignment.node_id)
        while len(self._removed) > _MAX_REMOVALS_KEPT:
            self._removed.popitem(last=False)

    # -- small things -----------------------------------------------------------

    def _rules(self, spec: NodeSpec) -> NodeRules:
        """Of the node's engine; one that is not configured any more leaves the defaults to stop by."""
        engine = self._config.engines.get(spec.engine)
        if engine is None:
            return NodeRules(restart=self._config.restart, probed=False)
        return engine.rules(
            self._config.restart, self._config.probe_interval_seconds, self._config.restart_unhealthy_after_seconds
        )

    def _show(self, held: _Held) -> None:
        port = held.runtime.record.assignment.spec.port
        endpoint = f"{self._endpoint_host}:{port}" if port else ""
        self._parts.inventory.put(NodeView(held.runtime, endpoint, held.log_tail))

    def _now(self) -> Now:
        clock = self._parts.clock
        return Now(clock.monotonic(), wall_ms(clock), self._parts.chance())
