"""Supervision without threads: all nodes of one agent, and everything that can happen to them.

The supervisor's thread calls every method. Tests call them by hand.
"""

from __future__ import annotations

from collections.abc import Sequence

from sutra_grid.agent.addresses import NodeAddresses
from sutra_grid.agent.config import AgentConfig
from sutra_grid.agent.processes.probes import ProbeResult
from sutra_grid.agent.processes.process import ProcessHandle
from sutra_grid.agent.processes.sightings import Sighting
from sutra_grid.agent.state.journal import JournalEntry
from sutra_grid.agent.supervision.assignments import AssignmentHandler
from sutra_grid.agent.supervision.collaborators import Collaborators, NodeMonitor
from sutra_grid.agent.supervision.executor import InstructionExecutor
from sutra_grid.agent.supervision.node_table import ManagedNode, NodeTable
from sutra_grid.agent.supervision.recovery import StartupRecovery
from sutra_grid.agent.supervision.suspects import SuspectSearch
from sutra_grid.core.errors import GridError
from sutra_grid.core.node.events import Exited, MembersOomKilled, MemoryExceeded, ProbeFailed, ProbeNotMade, ProbePassed
from sutra_grid.core.node.record import ExitStatus
from sutra_grid.core.states import Phase
from sutra_grid.core.types import Assignment
from sutra_grid.runtime.logging import get_logger

log = get_logger(__name__)


class NodeManager:
    """Turns calls into events of the nodes' machines."""

    def __init__(
        self, config: AgentConfig, collaborators: Collaborators, monitor: NodeMonitor, addresses: NodeAddresses
    ) -> None:
        self._parts = collaborators
        self._nodes = NodeTable()
        suspects = SuspectSearch(collaborators, self._nodes)
        self._executor = InstructionExecutor(config, collaborators, monitor, self._nodes, suspects, addresses)
        self._assignments = AssignmentHandler(config, collaborators, self._nodes, self._executor, suspects)
        self._recovery = StartupRecovery(collaborators, self._nodes, self._executor, suspects)

    def recover(self, entries: Sequence[JournalEntry], sightings: Sequence[Sighting]) -> None:
        """Take over what an earlier agent left: its journal, and what lives of it. Once, before anything else."""
        self._recovery.recover(entries, sightings)
        self._assignments.warn_of_memory()

    def assign(self, assignment: Assignment) -> None:
        """Take an assignment. Raises ``GridError`` when it is refused; then nothing has changed."""
        self._assignments.assign(assignment)

    def assign_or_report(self, assignment: Assignment) -> None:
        """As ``assign``, for the response of a heartbeat: a refusal appears in the node's report."""
        self._assignments.assign_or_report(assignment)

    def process_exited(self, node_id: str, process: ProcessHandle, status: ExitStatus) -> None:
        """The watchdog has reaped a process and does not use it any more."""
        node = self._nodes.find(node_id)
        if node is None or node.process is not process:
            process.close()
            return
        process.close()
        leftovers, unseen = self._executor.look_for_leftovers(node)  # they could hold its port and its files
        node.process = None
        node.is_clear = True
        node.log_tail = self._parts.log_tail(node_id)
        oom = self._parts.groups.release(node.runtime.record, status)
        taken = self._connection_on_port(node)
        self._executor.handle(node, Exited(process.identity.launch, status, oom, leftovers, unseen, taken))

    def _connection_on_port(self, node: ManagedNode) -> str:
        """Why a process that was never ready could not listen, if a connection has its port now; else empty."""
        is_starting = node.runtime.record.phase is Phase.STARTING
        return self._parts.admission.connection_on_port(node.spec) if is_starting else ""

    def probe_finished(self, node_id: str, launch: int, result: ProbeResult | None) -> None:
        """A health probe passed (no problem) or failed; None when it could not be made."""
        node = self._nodes.find(node_id)
        if node is None:
            return
        if result is None:
            self._executor.handle(node, ProbeNotMade(launch))
            return
        passed = ProbePassed(launch, result.endpoint_problem)
        self._executor.handle(node, ProbeFailed(launch, result.problem) if result.problem else passed)

    def certificate_obtained(self, node_id: str, launch: int, error: GridError | None) -> None:
        """The launch of a node has the certificate that it waited for, or ``error`` says why there is none."""
        node = self._nodes.find(node_id)
        if node is not None:
            self._executor.continue_launch(node, launch, error)
        elif self._parts.certificates is not None:
            self._parts.certificates.forget(node_id)  # it was removed meanwhile

    def memory_exceeded(self, node_id: str, launch: int, message: str) -> None:
        """A node uses more memory than its limit."""
        node = self._nodes.find(node_id)
        if node is not None:
            self._executor.handle(node, MemoryExceeded(launch, message))

    def members_oom_killed(self, node_id: str, event: MembersOomKilled) -> None:
        """The kernel killed processes of a node for lack of memory, and its leader lives on."""
        node = self._nodes.find(node_id)
        if node is not None:
            self._executor.handle(node, event)

    def check_orphans(self) -> None:
        """Reap the processes that launches left to the agent, and tell of those that belong to no known launch."""
        if self._parts.orphans is not None:
            nodes = self._nodes.all()
            launched = {node.process.identity.pid for node in nodes if node.process is not None}
            try:
                self._parts.orphans.check(launched, [self._executor.clues(node) for node in nodes])
            except OSError as error:  # a shortage; they are looked for again soon
                log.warning("orphaned processes can't be looked for now", error=error)

    def run_due_timers(self) -> None:
        """Handle every timer that is due by now."""
        self._executor.run_due_timers()

    def seconds_until_due(self) -> float | None:
        """How long the thread may wait; None when no timer is armed."""
        return self._executor.seconds_until_due()
