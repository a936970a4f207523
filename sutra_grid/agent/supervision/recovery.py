"""Recovers the nodes at the agent's start: adopts live processes, and quarantines what must not be touched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sutra_grid.agent.processes.process import ProcessHandle
from sutra_grid.agent.processes.proof import FoundProcess
from sutra_grid.agent.report import refused_report
from sutra_grid.agent.state.journal import JournalEntry
from sutra_grid.agent.supervision.adoption import RecoveryPlan, plan_recoveries
from sutra_grid.agent.supervision.collaborators import Collaborators
from sutra_grid.agent.supervision.executor import InstructionExecutor
from sutra_grid.agent.supervision.node_table import ManagedNode, NodeTable
from sutra_grid.core.errors import Internal
from sutra_grid.core.node.events import Recovered
from sutra_grid.core.node.record import ExitStatus, NodeRuntime
from sutra_grid.core.types import Assignment, Desired, NodeState, Reason
from sutra_grid.runtime.logging import get_logger

log = get_logger(__name__)


class StartupRecovery:
    """Fills the table of nodes. Used once, by the thread that owns the table."""

    def __init__(self, collaborators: Collaborators, nodes: NodeTable, executor: InstructionExecutor) -> None:
        self._parts = collaborators
        self._nodes = nodes
        self._executor = executor

    def recover(self, entries: Sequence[JournalEntry], found: Sequence[FoundProcess]) -> None:
        """Adopt the processes that live, and start what should run and does not."""
        for entry in entries:
            if entry.newer:
                self._quarantine(entry.node_id, Reason.UNSUPPORTED, entry.damage, found)
        for plan in plan_recoveries(entries, found):
            try:
                self._recover_one(plan)
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

    def _recover_one(self, plan: RecoveryPlan) -> None:
        node_id = plan.record.assignment.node_id
        node = ManagedNode(NodeRuntime(plan.record), self._attach(node_id, plan))
        self._nodes.add(node)
        identity = oom = None
        if node.process is None:
            node.log_tail = self._parts.log_tail(node_id)
            oom = self._parts.groups.release(plan.record, ExitStatus())
        else:
            identity = node.process.identity
            self._executor.watch(node, node.process)
        self._executor.handle(node, Recovered(plan.phase_before, identity, plan.rebooted, oom))

    def _attach(self, node_id: str, plan: RecoveryPlan) -> ProcessHandle | None:
        for identity in plan.candidates:
            mark = self._parts.planner.mark(node_id, identity.launch)
            process = self._parts.launcher.attach(identity, mark)
            if process is not None:
                return process
        return None
