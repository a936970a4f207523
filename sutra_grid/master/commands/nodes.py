"""Stops, starts, restarts and removes nodes: records the desired state, then calls the agent.

A recorded change stays: an agent that cannot be reached now applies it at its next heartbeat. The caller then
gets a failure whose message begins with "recorded".
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import Final

from sutra_grid.core.errors import Aborted, DeadlineExceeded, FailedPrecondition, GridError, Unavailable
from sutra_grid.core.event_kinds import EventKind
from sutra_grid.core.outcome import Outcome, Verdict, judge_report
from sutra_grid.core.reconcile import Action
from sutra_grid.core.types import Actor, Desired, Event, Node, NodeReport, NodeState, Reason
from sutra_grid.master.commands.actor import by_caller
from sutra_grid.master.commands.applier import Applier, Deadline
from sutra_grid.master.commands.idempotent_calls import Attempt
from sutra_grid.master.lookups import known_node
from sutra_grid.master.reconciliation.reconciler import Change
from sutra_grid.master.reconciliation.writer import ReconciliationWriter
from sutra_grid.master.state.cluster_state import ClusterState
from sutra_grid.registry import Registry
from sutra_grid.runtime.clock import Clock, wall_ms
from sutra_grid.runtime.logging import get_logger
from sutra_grid.runtime.steps import Step, reached

log = get_logger(__name__)

UNREPORTED_STEP: Final = 1_000
"""How far a command raises the generation of a node whose agent has not reported to this master yet.

A registry that was restored from an older copy does not know the generations that the lost one assigned. The command
is newer than all of them, so it must rank above them. 1,000 is more commands than a node gets between two backups.
"""


@dataclass(frozen=True, slots=True)
class _Order:
    """``for_drain``: the drain of the node's agent gives the command, not a person."""

    verb: str
    done: str
    desired: Desired
    restart: bool = False
    for_drain: bool = False


class Command(Enum):
    """The commands for an existing node."""

    START = _Order("start", "started", Desired.RUNNING)
    STOP = _Order("stop", "stopped", Desired.STOPPED)
    STOP_FOR_DRAIN = _Order("stop", "stopped", Desired.STOPPED, for_drain=True)
    RESTART = _Order("restart", "restarted", Desired.RUNNING, restart=True)
    REMOVE = _Order("remove", "removed", Desired.ABSENT)


class NodeCommands:
    """Thread-safe; blocks on the registry and the agent."""

    def __init__(
        self, registry: Registry, state: ClusterState, applier: Applier, writer: ReconciliationWriter, clock: Clock
    ) -> None:
        self._registry = registry
        self._state = state
        self._applier = applier
        self._reconciliation_writer = writer
        self._clock = clock

    def run(self, command: Command, node_id: str, attempt: Attempt, deadline: Deadline, agent_id: str = "") -> Node:
        """Carry out a command and return the node as it is then.

        ``agent_id``, when given, must be the node's agent. Raises ``GridError``: ``NotFound`` for an unknown or a
        removed node; if the agent did not confirm, an error that says why and what happens next.
        """
        order = command.value
        node = self._find(node_id, agent_id)
        before = node.report
        # Until the agent has reported to this master, what is known of the node here may be older than the agent.
        has_reported = self._state.agents.has_reported(node.agent_id)
        if attempt.earlier is not None:
            if node.desired is not order.desired:
                raise _overtaken(node, f"its desired state is now {node.desired}")
        elif has_reported and self._is_done(order, node):
            return node
        elif not (self._is_recorded(order, node) and has_reported):
            node = self._record(order, node, attempt, step=1 if has_reported else UNREPORTED_STEP)
        report = self._apply(order, node, deadline)
        outcome = judge_report(node, report, before)
        if outcome.verdict is Verdict.OVERTAKEN and self._catch_up(node, report):
            node = self._record(order, node, attempt)
            report = self._apply(order, node, deadline)
            outcome = judge_report(node, report, before)
        return self._concluded(order, node, report, outcome)

    def _find(self, node_id: str, agent_id: str) -> Node:
        node = known_node(self._state, node_id)
        if agent_id and node.agent_id != agent_id:
            raise FailedPrecondition(
                f"node {node_id} is on agent {node.agent_id}, not on {agent_id}",
                reason=Reason.WRONG_AGENT,
                hint=f"Send agent_id {node.agent_id}, or leave it empty",
            )
        return node

    def _is_done(self, order: _Order, node: Node) -> bool:
        """Whether the agent has already confirmed the desired state. A restart is always carried out."""
        report = node.report
        if order.restart or node.desired is not order.desired or report is None or _ends_mark(order, node):
            return False
        if order.desired is Desired.RUNNING and report.state is not NodeState.RUNNING:
            return False
        return judge_report(node, report).verdict is Verdict.DONE and order.desired is not Desired.ABSENT

    def _is_recorded(self, order: _Order, node: Node) -> bool:
        """Whether the same state is desired already. A start is always recorded: it ends a back-off or a failure."""
        if node.desired is Desired.ABSENT and order.desired is not Desired.ABSENT:
            raise FailedPrecondition(
                f"node {node.node_id} is being removed", reason=Reason.NODE_REMOVED, hint="Spawn another node"
            )
        return order.desired is node.desired and order.desired is not Desired.RUNNING and not _ends_mark(order, node)

    def _record(self, order: _Order, node: Node, attempt: Attempt, step: int = 1) -> Node:
        event = by_caller(
            Event(
                EventKind.NODE_COMMANDED,
                wall_ms(self._clock),
                Actor.OPERATOR,
                node.agent_id,
                node.node_id,
                Reason.COMMANDED,
                f"{order.verb} requested{' by the drain of its agent' if order.for_drain else ''}",
            )
        )
        changed = self._registry.change_desired(
            node.node_id,
            order.desired,
            restart=order.restart,
            step=step,
            for_drain=order.for_drain,
            record=attempt.mark(node.node_id),
            events=[event],
        )
        reached(Step.DESIRED_RECORDED, changed.desired)
        log.info("command recorded", node=node.node_id, command=order.verb, generation=changed.generation)
        self._state.nodes.put(changed)
        return changed

    def _apply(self, order: _Order, node: Node, deadline: Deadline) -> NodeReport:
        try:
            return self._applier.apply(node, deadline.remaining())
        except (Unavailable, DeadlineExceeded) as error:
            message = f"recorded: node {node.node_id} will be {order.done} when agent {node.agent_id} reports again"
            raise type(error)(f"{message}. Now: {error.message}", reason=error.reason, hint=error.hint) from error

    def _catch_up(self, node: Node, report: NodeReport) -> bool:
        """Take the agent's newer generation (the registry is an older copy). False: a newer command came between."""
        known = self._state.nodes.get(node.node_id)
        if known is None or known.generation >= report.generation:
            return False
        change = Change(Action.FOLLOW, node.agent_id, node.node_id, report, "the agent's generation is newer")
        self._reconciliation_writer.carry_out(change)
        return True

    def _concluded(self, order: _Order, node: Node, report: NodeReport, outcome: Outcome) -> Node:
        match outcome.verdict:
            case Verdict.DONE:
                if order.desired is Desired.ABSENT:
                    self._tombstone(node)
                return self._state.nodes.get(node.node_id) or _with_report(node, report)
            case Verdict.OVERTAKEN:
                raise _overtaken(node, outcome.message)
            case Verdict.PENDING:
                raise DeadlineExceeded(
                    f"node {node.node_id} is not {order.done} yet: {outcome.message}",
                    reason=outcome.reason,
                    hint=f"The agent continues. Check with `sutra-grid-cli nodes explain {node.node_id}`",
                )
            case Verdict.REFUSED:
                raise FailedPrecondition(
                    f"node {node.node_id}: {outcome.message}",
                    reason=outcome.reason,
                    hint="Nothing was stopped. Correct the cause, then send the command again",
                )
            case Verdict.FAILED:
                retry = f"; its agent retries in {report.backoff_ms / 1000:.1f} s" if report.backoff_ms else ""
                raise FailedPrecondition(
                    f"node {node.node_id} could not be {order.done}: {outcome.message}{retry}",
                    reason=outcome.reason,
                    hint=f"Find the cause with `sutra-grid-cli nodes explain {node.node_id}`",
                )

    def _tombstone(self, node: Node) -> None:
        """Remove the node: its agent has confirmed. If the registry fails, the next heartbeat does it."""
        try:
            self._reconciliation_writer.tombstone(node.node_id)
        except GridError as error:
            log.warning(
                "node not removed from the registry yet; the next heartbeat retries", node=node.node_id, why=error
            )


def _ends_mark(order: _Order, node: Node) -> bool:
    """Whether a person's command ends that the drain has stopped the node, even if it changes nothing else."""
    return node.stopped_by_drain and not order.for_drain


def _with_report(node: Node, report: NodeReport) -> Node:
    """A node that was removed from memory, with the last report of its agent."""
    return replace(node, report=report)


def _overtaken(node: Node, why: str) -> Aborted:
    return Aborted(
        f"node {node.node_id}: {why}",
        reason=Reason.CONCURRENT_CHANGE,
        hint=f"A newer command changed the node. Check with `sutra-grid-cli nodes show {node.node_id}`",
    )
