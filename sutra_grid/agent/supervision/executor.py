"""Carries out what the state machines of the nodes ask for: journal, start, signal, probe, arm timers.

One thread calls every method; there are no locks, and only the disk can block. Each event
is stepped through the machine of its node, and the instructions that come out are done in
order. So a race between a stop and a crash is decided here, once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import replace

from sutra_grid.agent.addresses import NodeAddresses
from sutra_grid.agent.config import AgentConfig
from sutra_grid.agent.engines import NOT_PROBED
from sutra_grid.agent.os_errors import from_os_error
from sutra_grid.agent.processes.member_search import LaunchClues
from sutra_grid.agent.processes.probe_tls import ProbeTls
from sutra_grid.agent.processes.probes import ProbeTarget
from sutra_grid.agent.processes.process import ProcessHandle
from sutra_grid.agent.report import NodeView
from sutra_grid.agent.state.journal_writer import JournalWriter
from sutra_grid.agent.supervision.collaborators import Collaborators, NodeMonitor
from sutra_grid.agent.supervision.member_keeper import MemberKeeper
from sutra_grid.agent.supervision.node_ports import PortHasConnection
from sutra_grid.agent.supervision.node_table import ManagedNode, NodeTable
from sutra_grid.agent.supervision.suspects import SuspectSearch
from sutra_grid.agent.supervision.timers import TimerQueue
from sutra_grid.agent.supervision.transition_log import log_transition
from sutra_grid.core.errors import GridError
from sutra_grid.core.node.events import (
    LaunchBlocked,
    Launched,
    LaunchFailed,
    MembersFound,
    NodeEvent,
    Now,
    SuspectSeen,
    TimerDue,
)
from sutra_grid.core.node.instructions import (
    ArmTimer,
    CancelTimers,
    DeleteJournal,
    Instruction,
    Launch,
    LookAtSuspect,
    LookForMembers,
    RunProbe,
    SendSignal,
    SignalMembers,
    TimerName,
    WriteJournal,
)
from sutra_grid.core.node.machine import step
from sutra_grid.core.node.record import Member, NodeRecord, Suspect, signal_name
from sutra_grid.core.node.rules import NodeRules
from sutra_grid.core.states import Phase
from sutra_grid.core.types import Desired, NodeSpec, Reason
from sutra_grid.runtime.clock import wall_ms
from sutra_grid.runtime.logging import get_logger

log = get_logger(__name__)

_JOURNAL_RETRY_SECONDS = 5.0
_JOURNAL_TIMER = ("", "journal")  # no node has an empty name


class InstructionExecutor:
    """Steps the machines of the nodes in ``nodes`` and does what they ask for."""

    def __init__(
        self,
        config: AgentConfig,
        collaborators: Collaborators,
        monitor: NodeMonitor,
        nodes: NodeTable,
        suspects: SuspectSearch,
        addresses: NodeAddresses,
    ) -> None:
        self._config = config
        self._parts = collaborators
        self._monitor = monitor
        self._nodes = nodes
        self._suspects = suspects
        self._addresses = addresses
        self._timers: TimerQueue[str] = TimerQueue()
        self._writer = JournalWriter(collaborators.journal)
        self._members = MemberKeeper(collaborators)

    def handle(self, node: ManagedNode, event: NodeEvent) -> None:
        """Step the node's machine with ``event`` and with whatever follows from it, then publish the node."""
        events: deque[NodeEvent] = deque([event])
        while events:
            before = node.runtime
            node.runtime, instructions = step(before, events.popleft(), self._now(), self._rules(node.spec))
            log_transition(before, node.runtime)
            events.extend(self._execute(node, instructions))
        if node.runtime.record.phase is not Phase.REMOVED:
            self._publish(node)

    def continue_launch(self, node: ManagedNode, launch: int, error: GridError | None) -> None:
        """Start the process that has waited for a certificate, or let the start fail with ``error``."""
        record = node.runtime.record
        if record.phase is not Phase.LAUNCHING or record.launches != launch:
            return
        if error is not None:
            message = f"it needs a certificate and got none: {error.message}. {error.hint}"
            self.handle(node, LaunchFailed(Reason.CERTIFICATE_MISSING, message))
        elif record.assignment.desired is not Desired.RUNNING:
            self.handle(node, LaunchFailed(Reason.COMMANDED, "stopped by command before its process had started"))
        else:
            self.handle(node, self._launch_when_clear(node))

    def leftovers(self, node: ManagedNode) -> tuple[Member, ...]:
        """The members of the node's last launch that live, without its leader. Raises as ``MemberKeeper.find``."""
        return self._members.find(node)

    def look_for_leftovers(self, node: ManagedNode) -> tuple[tuple[Member, ...], str]:
        """As ``leftovers``, and why they can't be looked for now; empty when they were."""
        return self._members.look(node)

    def clues(self, node: ManagedNode) -> LaunchClues:
        """What identifies the processes of the node's last launch."""
        return self._members.clues(node)

    def watch(self, node: ManagedNode, process: ProcessHandle) -> None:
        """Limit the memory of the node's process and wait for its end."""
        # First the group: the process is not reaped before it is watched, so its pid is its own.
        self._parts.groups.add(node.runtime.record, process.identity)
        self._monitor.watch(node.runtime.node_id, process)

    def abandon(self, node_id: str) -> None:
        """Do nothing more for the node."""
        self._nodes.discard(node_id)
        self._timers.cancel(node_id)
        self._parts.members.forget(node_id)

    def run_due_timers(self) -> None:
        """Handle every timer that is due by now."""
        while (due := self._timers.pop_due(self._parts.clock.monotonic())) is not None:
            if due == _JOURNAL_TIMER:
                self._writer.retry_pending()
                self._retry_journal_later()
            elif (node := self._nodes.find(due[0])) is not None:
                self.handle(node, TimerDue(TimerName(due[1])))

    def seconds_until_due(self) -> float | None:
        """How long the thread may wait; None when no timer is armed."""
        return self._timers.seconds_until_next(self._parts.clock.monotonic())

    # -- instructions -----------------------------------------------------------

    def _execute(self, node: ManagedNode, instructions: Iterable[Instruction]) -> list[NodeEvent]:
        """Do what is asked, in order, and return the events that come of it.

        A launch whose intent could not be journaled is not made.
        """
        results: list[NodeEvent] = []
        unsaved: OSError | None = None
        for instruction in instructions:
            match instruction:
                case WriteJournal():
                    unsaved = self._save(node)
                case DeleteJournal():
                    self._delete(node)
                case Launch():
                    results.extend(self._begin_launch(node, unsaved))
                case LookAtSuspect():
                    results.append(self._look_at_suspect(node))
                case SendSignal(number):
                    self._signal(node, number)
                case SignalMembers(number):
                    results.append(self._members.signal(node, number))
                case LookForMembers():
                    results.append(MembersFound(node.runtime.record.launches, *self._members.look(node)))
                case RunProbe():
                    self._probe(node)
                case ArmTimer(timer, seconds):
                    self._timers.arm(node.runtime.node_id, timer, self._parts.clock.monotonic() + seconds)
                case CancelTimers():
                    self._timers.cancel(node.runtime.node_id)
        return results

    def _begin_launch(self, node: ManagedNode, unsaved: OSError | None) -> list[NodeEvent]:
        """Start the process, unless it has to wait for a certificate; ``continue_launch`` starts it then.

        A certificate that can be used needs no master. ``unsaved``: why the intent could not be journaled.
        """
        certificates, record = self._parts.certificates, node.runtime.record
        if unsaved is not None:
            return [self._not_journaled(unsaved)]
        if record.tls and certificates is not None and certificates.problem(node.runtime.node_id):
            self._monitor.get_certificate(node.runtime.node_id, record.launches)
            return []
        return [self._launch_when_clear(node)]

    def _launch_when_clear(self, node: ManagedNode) -> Launched | LaunchFailed | LaunchBlocked | MembersFound:
        """Start the process if nothing is left of earlier launches, and nothing looks like the node."""
        try:
            left = self._members.find_before_launch(node)
            suspect = None if left or node.is_clear else self._suspects.find(node.runtime.record)
        except GridError as error:
            return LaunchFailed(error.reason, error.message)
        if left:
            return MembersFound(node.runtime.record.launches, left)
        return LaunchBlocked(suspect) if suspect else self._launch(node)

    def _launch(self, node: ManagedNode) -> Launched | LaunchFailed | LaunchBlocked:
        spec = node.spec
        try:
            engine = self._parts.admission.engine(spec.engine)
            self._parts.admission.check_launch(spec)
            self._parts.admission.make_directory(spec)
            plan = self._parts.planner.plan(node.runtime.record, engine)
            self._parts.prepare_log(node.runtime.node_id)
            process = self._parts.launcher.launch(plan)
        except GridError as error:
            suspect = self._port_holder(node) if error.reason is Reason.PORT_TAKEN else None
            if suspect:
                return LaunchBlocked(suspect)
            return LaunchFailed(error.reason, error.message, passes=isinstance(error, PortHasConnection))
        except OSError as error:
            problem = from_os_error(f"engine {spec.engine} could not be started", error, Reason.START_FAILED)
            return LaunchFailed(problem.reason, problem.message)
        node.hold(process)
        self.watch(node, process)
        return Launched(process.identity)

    def _not_journaled(self, unsaved: OSError) -> LaunchFailed:
        """Why there is no launch: the disk is not there, or else what the write said."""
        try:
            self._parts.admission.check_disk()
        except GridError as error:
            return LaunchFailed(error.reason, error.message)
        problem = from_os_error("the journal can't be written", unsaved, Reason.PATH_NOT_WRITABLE)
        return LaunchFailed(problem.reason, problem.message)

    def _port_holder(self, node: ManagedNode) -> Suspect | None:
        """What listens on the node's port, if it may be the node's own process."""
        holders = self._parts.admission.port_holders(node.spec.port)
        try:
            return self._suspects.find(node.runtime.record, port_holders=holders)
        except GridError:
            return None  # the port is taken, by whomever

    def _look_at_suspect(self, node: ManagedNode) -> SuspectSeen:
        """What blocks the node now. Only when the process that blocked it has ended, others are looked for."""
        record = node.runtime.record
        held = Suspect(record.suspect, record.message) if record.suspect is not None else None
        if held is not None and not self._parts.launcher.has_ended(held.identity):
            return SuspectSeen(held)
        try:
            suspect = self._suspects.find(record)
            return SuspectSeen(suspect, () if suspect else self._members.find(node))
        except GridError as error:
            log.warning("what blocks the node can't be looked for now", node=node.runtime.node_id, error=error)
            return SuspectSeen(held)

    def _signal(self, node: ManagedNode, number: int) -> None:
        if node.process is None:
            return  # the process has ended, and the event of its end is on the way
        pid = node.process.identity.pid
        log.info("signal", node=node.runtime.node_id, pid=pid, signal=signal_name(number))
        node.process.send_signal(number)
        self._members.leader_signalled(node, number)

    def _probe(self, node: ManagedNode) -> None:
        record, engine = node.runtime.record, self._config.engines.get(node.spec.engine)
        target = ProbeTarget(
            node.spec.port,
            self._addresses.to_probe(record.listen_host),
            self._addresses.advertised,
            self._addresses.if_as_told(record.listen_host),
            self._addresses.if_elsewhere(record.listen_host, engine),
            record.process,
            self._certificates_of(record),
        )
        self._monitor.probe(record.assignment.node_id, record.launches, engine.probe if engine else NOT_PROBED, target)

    def _certificates_of(self, record: NodeRecord) -> ProbeTls | None:
        """How to reach a process that serves with a certificate; None for one that was started without."""
        certificates = self._parts.certificates
        return certificates.probe_tls(record.assignment.node_id) if record.tls and certificates is not None else None

    # -- the journal ------------------------------------------------------------

    def _save(self, node: ManagedNode) -> OSError | None:
        error = self._writer.save(node.runtime.record)
        self._retry_journal_later()
        return error

    def _delete(self, node: ManagedNode) -> None:
        node_id = node.runtime.node_id
        if node.runtime.record.made_path:
            self._parts.admission.remove_empty_directory(node.spec, node.runtime.record.made_path)
        if self._parts.certificates is not None:
            self._parts.certificates.forget(node_id)
        self.abandon(node_id)
        self._nodes.record_removal(node.runtime.record.assignment)
        self._writer.delete(node_id)
        self._retry_journal_later()
        self._parts.inventory.remove(node_id)

    def _retry_journal_later(self) -> None:
        if self._writer.has_pending:
            self._timers.arm(*_JOURNAL_TIMER, self._parts.clock.monotonic() + _JOURNAL_RETRY_SECONDS)

    # -- what the machine and the inventory need ----------------------------------

    def _rules(self, spec: NodeSpec) -> NodeRules:
        """The rules of the node's engine; an engine that is no longer configured leaves the defaults to stop by."""
        engine, config = self._config.engines.get(spec.engine), self._config
        rules = (
            engine.rules(config.restart, config.probe_interval_seconds, config.restart_unhealthy_after_seconds)
            if engine
            else NodeRules(restart=config.restart, probed=False)
        )
        return replace(rules, listen_host=self._addresses.bind, endpoint=self._addresses.endpoint(spec.port))

    def _publish(self, node: ManagedNode) -> None:
        self._parts.inventory.put(NodeView(node.runtime, node.log_tail))

    def _now(self) -> Now:
        clock = self._parts.clock
        return Now(clock.monotonic(), wall_ms(clock), self._parts.chance())
