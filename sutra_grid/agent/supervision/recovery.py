"""Recovers the nodes at the agent's start: adopts live processes, and quarantines what must not be touched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sutra_grid.agent.processes.launcher import NotAttached
from sutra_grid.agent.processes.process import ProcessHandle
from sutra_grid.agent.processes.proof import FoundProcess, own_processes
from sutra_grid.agent.processes.sightings import Sighting
from sutra_grid.agent.report import refused_report
from sutra_grid.agent.state.journal import JournalEntry
from sutra_grid.agent.supervision.adoption import RecoveryPlan, plan_recoveries
from sutra_grid.agent.supervision.collaborators import Collaborators
from sutra_grid.agent.supervision.executor import InstructionExecutor
from sutra_grid.agent.supervision.node_table import ManagedNode, NodeTable
from sutra_grid.agent.supervision.suspects import SuspectSearch, nodes_with_open_logs, unreadable
from sutra_grid.core.errors import Internal
from sutra_grid.core.node.events import Recovered
from sutra_grid.core.node.record import ExitStatus, Member, NodeRuntime, Suspect
from sutra_grid.core.types import Assignment, Desired, NodeState, Reason
from sutra_grid.runtime.logging import get_logger

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Attempt:
    """What came of attaching to the processes of a plan. ``why``: how the end of the journaled one was seen."""

    process: ProcessHandle | None
    suspect: Suspect | None = None
    why: str = ""


class StartupRecovery:
    """Fills the table of nodes. Used once, by the thread that owns the table."""

    def __init__(
        self, collaborators: Collaborators, nodes: NodeTable, executor: InstructionExecutor, suspects: SuspectSearch
    ) -> None:
        self._parts = collaborators
        self._nodes = nodes
        self._executor = executor
        self._suspects = suspects

    def recover(self, entries: Sequence[JournalEntry], sightings: Sequence[Sighting]) -> None:
        """Adopt the processes that live, and start what should run and does not.

        All processes are attached to first: what is proved to be of one node does not look like another one.
        """
        found = own_processes(sightings, self._parts.planner.host_id)
        for entry in entries:
            if entry.newer:
                self._quarantine(entry.node_id, Reason.UNSUPPORTED, entry.damage, found)
        logs = str(self._parts.planner.mark("", 0).log_path.parent)
        plans = plan_recoveries(entries, found, nodes_with_open_logs(sightings, logs))
        attempts = [self._attach(plan) for plan in plans]
        for plan, attempt in zip(plans, attempts, strict=True):
            node = ManagedNode(NodeRuntime(plan.record))
            if attempt.process is not None:
                node.hold(attempt.process)
            self._nodes.add(node)
        for plan, attempt in zip(plans, attempts, strict=True):
            try:
                self._recover_one(plan, attempt, sightings)
            except Internal as error:  # a bug that this node meets must not stop the recovery of the others
                node_id = plan.record.assignment.node_id
                log.exception("node could not be recovered", node=node_id)
                self._executor.abandon(node_id)
                self._quarantine(node_id, Reason.INTERNAL, error.message, found)

    def _quarantine(self, node_id: str, reason: Reason, why: str, found: Sequence[FoundProcess]) -> None:
        """Touch neither the node's process nor its journal, and report why."""
        self._nodes.quarantine(node_id, why)
        report = refused_report(Assignment(node_id, 0, Desired.RUNNING), reason, why)
        process = next((one for one in found if one.node_id == node_id), None)
        if process is not None:
            report = replace(report, state=NodeState.RUNNING, pid=process.identity.pid, spec=process.spec)
        self._parts.inventory.put_refused(report)

    def _recover_one(self, plan: RecoveryPlan, attempt: _Attempt, sightings: Sequence[Sighting]) -> None:
        node_id = plan.record.assignment.node_id
        node = self._nodes.find(node_id)
        assert node is not None
        identity = oom = suspect = None
        leftovers: tuple[Member, ...] = ()
        if node.process is None:
            suspect = attempt.suspect
            if (
                suspect is None and not plan.rebooted
            ):  # the journaled process has ended; what is proved to be left of it is ended
                node.leader = plan.journaled
                leftovers = self._executor.leftovers(node)
            if suspect is None and not leftovers:
                suspect = self._suspects.find(plan.record, sightings, journaled=plan.journaled)
            node.log_tail = self._parts.log_tail(node_id)
            oom = self._parts.groups.release(plan.record, ExitStatus()) if suspect is None else None
        else:
            identity = node.process.identity
            self._executor.watch(node, node.process)
        event = Recovered(plan.phase_before, identity, plan.rebooted, oom, suspect, attempt.why, leftovers)
        node.is_clear = not (node.process or suspect or leftovers)  # a launch that follows at once needs no second look
        self._executor.handle(node, event)
        node.is_clear = False

    def _attach(self, plan: RecoveryPlan) -> _Attempt:
        """Attach to the first candidate that is proved. A journaled process that can't be read is a suspect."""
        suspect, why = None, ""
        for identity in plan.candidates:
            process = self._parts.launcher.attach(identity)
            if not isinstance(process, NotAttached):
                return _Attempt(process)
            if identity == plan.journaled:
                why = process.why
                suspect = None if process.is_ended else unreadable(identity, process.why)
        return _Attempt(None, suspect, why)
