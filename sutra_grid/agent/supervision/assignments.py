"""Takes the assignments of the master: checks them, admits new nodes, and passes them to the state machine.

An assignment that is not newer than what the agent has changes nothing. Used by one thread.
"""

from __future__ import annotations

from dataclasses import replace

from sutra_grid.agent.config import AgentConfig
from sutra_grid.agent.engines import Engine
from sutra_grid.agent.limits.host_memory import check_memory_limit
from sutra_grid.agent.names import NAME_ALLOWED, is_name
from sutra_grid.agent.os_errors import from_os_error, os_errors_as
from sutra_grid.agent.report import refused_report, removed_report
from sutra_grid.agent.supervision.collaborators import Collaborators
from sutra_grid.agent.supervision.executor import InstructionExecutor
from sutra_grid.agent.supervision.node_table import ManagedNode, NodeTable
from sutra_grid.agent.supervision.suspects import SuspectSearch
from sutra_grid.core.errors import AlreadyExists, FailedPrecondition, GridError, InvalidArgument
from sutra_grid.core.node.events import Assigned, Obstacle, Recovered
from sutra_grid.core.node.record import Member, NodeRecord, NodeRuntime, fresh_record
from sutra_grid.core.node.stop_sequence import restarts_process
from sutra_grid.core.states import Phase
from sutra_grid.core.types import Assignment, Desired, NodeSpec, Reason
from sutra_grid.runtime.logging import get_logger

log = get_logger(__name__)


class AssignmentHandler:
    """The one way by which a desired state reaches a node."""

    def __init__(
        self,
        config: AgentConfig,
        collaborators: Collaborators,
        nodes: NodeTable,
        executor: InstructionExecutor,
        suspects: SuspectSearch,
    ) -> None:
        self._agent_id = config.agent_id
        self._parts = collaborators
        self._nodes = nodes
        self._executor = executor
        self._suspects = suspects

    def assign(self, assignment: Assignment) -> None:
        """Take an assignment. Raises ``GridError`` when it is refused; then nothing has changed."""
        self._assign(assignment, is_spawn=assignment.generation == 1)

    def _assign(self, assignment: Assignment, *, is_spawn: bool) -> None:
        self._check(assignment)
        node = self._nodes.find(assignment.node_id)
        if node is None:
            self._assign_unknown(assignment, is_spawn)
        elif assignment.generation > node.runtime.record.assignment.generation:
            spec = self._completed(node.spec, assignment)
            leftovers, obstacle = self._leftovers(node, assignment), self._obstacle(node, assignment)
            if obstacle is not None:
                log.warning("restart refused", node=assignment.node_id, reason=obstacle.reason, why=obstacle.message)
            self._executor.handle(node, Assigned(replace(assignment, spec=spec), leftovers, obstacle))

    def _leftovers(self, node: ManagedNode, assignment: Assignment) -> tuple[Member, ...]:
        """What is left of the launches of a node that has no process and shall have none. Raises ``GridError``."""
        ran = node.process is None and node.runtime.record.launches > 0
        return self._executor.leftovers(node) if ran and assignment.desired is not Desired.RUNNING else ()

    def _obstacle(self, node: ManagedNode, assignment: Assignment) -> Obstacle | None:
        """What a start would fail of, if the assignment is the restart of a process that runs."""
        record = node.runtime.record
        if not restarts_process(record, assignment):
            return None
        try:
            engine = self._parts.admission.check_restart(node.spec)
            self._check_certificate(assignment.node_id, engine)
            with os_errors_as(f"the journal of node {assignment.node_id} can't be written", Reason.PATH_NOT_WRITABLE):
                self._parts.journal.write(record)  # without it nothing is launched
        except GridError as error:
            return Obstacle(error.reason, error.message)
        return None

    def assign_or_report(self, assignment: Assignment) -> None:
        """As ``assign``, for the response of a heartbeat: a refusal appears in the node's report."""
        node_id = assignment.node_id
        refused = self._parts.inventory.refused(node_id)
        if self._nodes.why_quarantined(node_id) is not None:
            return
        if refused is not None and refused.generation >= assignment.generation:
            return
        try:
            self._assign(assignment, is_spawn=False)
        except GridError as error:
            log.warning("assignment refused", node=node_id, reason=error.reason, error=error)
            if self._nodes.find(node_id) is None and error.reason is not Reason.WRONG_AGENT:
                self._parts.inventory.put_refused(refused_report(assignment, error.reason, error.message))

    def _check_certificate(self, node_id: str, engine: Engine) -> None:
        """Raise ``FailedPrecondition`` while a launch would have to wait for its certificate."""
        certificates = self._parts.certificates
        problem = certificates.problem(node_id) if engine.tls and certificates is not None else ""
        if problem:
            raise FailedPrecondition(
                f"node {node_id} needs a certificate from the master to start: {problem}",
                reason=Reason.CERTIFICATE_MISSING,
                hint="The agent asks for one every few seconds, and its log says why it gets none. Try again then",
            )

    def _check(self, assignment: Assignment) -> None:
        if assignment.agent_id and assignment.agent_id != self._agent_id:
            raise FailedPrecondition(
                f"the assignment of node {assignment.node_id} is for agent {assignment.agent_id}, "
                f"but this is agent {self._agent_id}",
                reason=Reason.WRONG_AGENT,
                hint="Two agents may share an address; check the advertised endpoints of both",
            )
        if not is_name(assignment.node_id):
            raise InvalidArgument(
                f"invalid node id {assignment.node_id!r}",
                reason=Reason.INVALID_ARGUMENT,
                hint=f"Use {NAME_ALLOWED}",
            )
        if not 1 <= assignment.generation >= assignment.restart_generation:
            raise InvalidArgument(
                f"invalid generation {assignment.generation} with restart generation "
                f"{assignment.restart_generation} of node {assignment.node_id}",
                reason=Reason.INVALID_ARGUMENT,
                hint="Use a generation of at least 1, and a restart generation that is not above it",
            )
        why = self._nodes.why_quarantined(assignment.node_id)
        if why is not None:
            raise FailedPrecondition(
                f"node {assignment.node_id} can't be changed: {why}",
                reason=Reason.UNSUPPORTED,
                hint="If a newer version wrote its journal, install that version of the agent. "
                "Otherwise see the agent's log for the cause",
            )

    def _assign_unknown(self, assignment: Assignment, is_spawn: bool) -> None:
        node_id = assignment.node_id
        removed = self._nodes.removal_generation(node_id)
        if assignment.generation <= removed:
            if assignment.desired is not Desired.ABSENT:  # the registry was restored from an older copy
                self._parts.inventory.put_refused(removed_report(replace(assignment, generation=removed)))
            return
        if assignment.desired is not Desired.RUNNING and self._blocks(assignment):
            return
        if assignment.desired is Desired.ABSENT:
            self._nodes.record_removal(assignment)
            self._parts.inventory.remove(node_id)
            return
        self._admit(assignment, is_spawn)

    def _blocks(self, assignment: Assignment) -> bool:
        """Keep a node that shall not run, but something lives that may be its process: its journal may be lost."""
        record = NodeRecord(assignment, Phase.RECOVERING)
        suspect = self._suspects.find(record) if assignment.spec.storage_path else None
        if suspect is None:
            return False
        node = ManagedNode(NodeRuntime(record))
        self._nodes.add(node)
        self._executor.handle(node, Recovered(Phase.STOPPED, None, suspect=suspect))
        return True

    def _admit(self, assignment: Assignment, is_spawn: bool) -> None:
        """Check and journal a new node, then let its machine take the assignment.

        A node that the agent no longer knows may still have a process, and then it waits for its end. A spawn is
        refused instead, so that nothing of it is left.
        """
        node_id = assignment.node_id
        if is_spawn:  # else the node ran before, and goes on with its limit
            self._check_memory_limit(assignment.spec.memory_limit_mb)
        spec = self._parts.admission.resolve(node_id, assignment.spec, self._nodes.specs_except(node_id))
        if assignment.desired is Desired.RUNNING:
            self._parts.admission.check_new(spec)
        made_path = self._parts.admission.missing_directory(spec)
        node = ManagedNode(NodeRuntime(fresh_record(assignment, spec, made_path)))
        suspect = self._suspects.find(node.runtime.record) if is_spawn else None
        if suspect is not None:
            raise AlreadyExists(
                f"node {node_id} is not started: {suspect.message}",
                reason=Reason.UNPROVED_PROCESS,
                hint="End that process, or choose another storage path and port",
            )
        try:
            self._parts.journal.write(node.runtime.record)
        except OSError as error:
            raise from_os_error(f"node {node_id} can't be journaled", error, Reason.PATH_NOT_WRITABLE) from error
        self._nodes.add(node)
        self.warn_of_memory()
        self._executor.handle(node, Assigned(replace(assignment, spec=spec)))

    def _check_memory_limit(self, limit_mb: int) -> None:
        try:
            memory = self._parts.host_memory()
        except OSError as error:
            raise from_os_error("the memory of the host can't be read", error, Reason.INTERNAL) from error
        check_memory_limit(limit_mb, memory)

    def warn_of_memory(self) -> None:
        """Log it when the nodes that shall run may together use more memory than there is."""
        assigned = [node.runtime.record.assignment for node in self._nodes.all()]
        limits = [one.spec.memory_limit_mb for one in assigned if one.desired is Desired.RUNNING]
        try:
            memory = self._parts.host_memory()
        except OSError as error:
            log.warning("the memory of the host can't be read", error=str(error))
            return
        if sum(limits) > memory.limit_mb:
            log.warning(
                "the memory limits of the nodes are together above what this agent has",
                limits_mb=sum(limits),
                nodes=len(limits),
                has=memory,
            )

    def _completed(self, current: NodeSpec, assignment: Assignment) -> NodeSpec:
        """The node's specification; what is still open comes from the assignment or is the agent's own choice."""
        spec = current.completed_by(assignment.spec)
        complete = spec.engine and spec.port and spec.storage_path and spec.memory_limit_mb
        if assignment.desired is not Desired.RUNNING or (spec == current and complete):
            return spec
        return self._parts.admission.resolve(assignment.node_id, spec, self._nodes.specs_except(assignment.node_id))
