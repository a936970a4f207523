"""Spawns nodes: chooses the agent, records the node, calls the agent. A failed spawn leaves no node running.

The steps, and what remains when one fails:

1. choose an agent and reserve a slot                 nothing
2. record the node, desired running                   nothing
3. the agent starts the node and reports it, in its   step 4 follows
   answer or in a heartbeat
4. after a failure: record desired absent, call the   the agent removes the node at its next heartbeat
   agent, make the row a tombstone                    at the latest

If the registry fails at step 4, the master retries. Until then only this process knows that the node is to be
removed, and the response says so.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sutra_grid.core import errors
from sutra_grid.core.errors import (
    Aborted,
    DeadlineExceeded,
    FailedPrecondition,
    GridError,
    InvalidArgument,
    Unavailable,
)
from sutra_grid.core.event_kinds import EventKind
from sutra_grid.core.outcome import Verdict, judge_report
from sutra_grid.core.placement import no_agent_available, obstacle_to_spawn, place, refusal, unknown_agent
from sutra_grid.core.types import Actor, Agent, Desired, Event, Node, NodeReport, NodeSpec, NodeState, Reason
from sutra_grid.master.commands.actor import by_caller
from sutra_grid.master.commands.applier import Applier, Deadline
from sutra_grid.master.commands.idempotent_calls import Attempt
from sutra_grid.master.reconciliation.writer import ReconciliationWriter
from sutra_grid.master.state.cluster_state import ClusterState
from sutra_grid.registry import Registry
from sutra_grid.runtime.clock import Clock, wall_ms
from sutra_grid.runtime.logging import get_logger
from sutra_grid.runtime.net import MAX_PORT
from sutra_grid.runtime.steps import Step, reached

log = get_logger(__name__)

FIRST_GENERATION = 1
PLACEMENT_ATTEMPTS = 5
#: The agent's share of the time for a spawn. The rest is for removing a node that did not start.
SPAWN_SHARE = 0.8
SHOWN_LOG_LINES = 5

#: After one of these errors the agent has started nothing and journaled nothing.
_REFUSALS = (
    errors.InvalidArgument,
    errors.NotFound,
    errors.AlreadyExists,
    errors.FailedPrecondition,
    errors.ResourceExhausted,
    errors.PermissionDenied,
    errors.Unimplemented,
)


def new_node_id() -> str:
    """A random id. The registry refuses an id that is, or was, in use."""
    return f"node-{secrets.token_hex(4)}"


class Spawner:
    """Thread-safe; blocks on the registry and the agent."""

    def __init__(
        self,
        registry: Registry,
        state: ClusterState,
        applier: Applier,
        writer: ReconciliationWriter,
        clock: Clock,
        new_id: Callable[[], str] = new_node_id,
    ) -> None:
        self._registry = registry
        self._state = state
        self._applier = applier
        self._reconciliation_writer = writer
        self._clock = clock
        self._new_id = new_id

    def spawn(self, agent_id: str, spec: NodeSpec, attempt: Attempt, deadline: Deadline) -> Node:
        """Start a new node on ``agent_id``, or on the agent with the most free slots when that is empty.

        Raises ``GridError`` with the reason of a failure. Then the agent has confirmed that it has no process of the
        node, or the error says that the removal is still to be made or saved.
        """
        if attempt.earlier is not None:
            node = self._node_of_earlier_attempt(attempt.earlier.node_id)
        else:
            _check(spec)
            with self._slot(agent_id, spec) as agent:
                node = self._record(agent, spec, attempt)
        report = self._apply(node, deadline)
        outcome = judge_report(node, report)
        if outcome.verdict is Verdict.DONE or self._running_by_heartbeat(node) is not None:
            return self._state.nodes.get(node.node_id) or node
        if outcome.verdict is Verdict.OVERTAKEN:
            raise Aborted(
                f"node {node.node_id}: {outcome.message}",
                reason=outcome.reason,
                hint=f"Check with `sutra-grid-cli nodes show {node.node_id}`",
            )
        message = _with_log(f"node {node.node_id} on {node.agent_id} did not start: {outcome.message}", report)
        failure = FailedPrecondition(
            message, reason=outcome.reason, hint="The agent has removed the node and has no process of it"
        )
        raise self._remove_failed(node, failure, call_agent_by=deadline)

    # -- the steps --

    @contextmanager
    def _slot(self, agent_id: str, spec: NodeSpec) -> Iterator[Agent]:
        """An agent with a slot that is reserved while the node is being recorded."""
        agent = self._named(agent_id, spec) if agent_id else self._placed(spec)
        try:
            yield agent
        finally:
            self._state.slots.release_reservation(agent.agent_id)

    def _named(self, agent_id: str, spec: NodeSpec) -> Agent:
        while True:
            candidate = self._state.slots.candidate(agent_id)
            if candidate is None:
                raise unknown_agent(agent_id)
            obstacle = obstacle_to_spawn(candidate, spec.engine, spec.memory_limit_mb)
            if obstacle is not None:
                raise refusal(obstacle)
            if self._state.slots.reserve_slot(agent_id):
                return candidate.agent

    def _placed(self, spec: NodeSpec) -> Agent:
        for _ in range(PLACEMENT_ATTEMPTS):
            placement = place(self._state.slots.candidates(), spec.engine, spec.memory_limit_mb)
            if placement.agent is None:
                raise no_agent_available(placement)
            if self._state.slots.reserve_slot(placement.agent.agent_id):
                return placement.agent
        raise Aborted("concurrent spawns took every free slot", reason=Reason.CONCURRENT_CHANGE, hint="Try again")

    def _record(self, agent: Agent, spec: NodeSpec, attempt: Attempt) -> Node:
        node = Node(
            node_id=self._new_id(),
            agent_id=agent.agent_id,
            spec=spec,
            desired=Desired.RUNNING,
            generation=FIRST_GENERATION,
            restart_generation=0,
            created_at_ms=wall_ms(self._clock),
        )
        asked = f"spawn on {agent.agent_id} requested, engine {spec.engine or 'default'}"
        event = self._event(EventKind.NODE_SPAWNED, node, Reason.SPAWNED, asked, Actor.OPERATOR)
        self._registry.create_node(node, record=attempt.mark(node.node_id), events=[event])
        reached(Step.NODE_RECORDED)
        log.info("node recorded", node=node.node_id, agent=agent.agent_id, engine=spec.engine)
        return self._state.nodes.put(node)

    def _apply(self, node: Node, deadline: Deadline) -> NodeReport:
        try:
            return self._applier.apply(node, deadline.remaining() * SPAWN_SHARE)
        except GridError as error:
            reported = self._running_by_heartbeat(node) if isinstance(error, Unavailable | DeadlineExceeded) else None
            if reported is not None:
                return reported
            log.warning("spawn failed", node=node.node_id, agent=node.agent_id, reason=error.reason, why=error.message)
            raise self._remove_failed(node, error, call_agent_by=None) from None

    def _running_by_heartbeat(self, node: Node) -> NodeReport | None:
        """The report of a heartbeat that came during the call, if it says that the node runs."""
        known = self._state.nodes.get(node.node_id)
        report = known.report if known else None
        if report is None or report.state is not NodeState.RUNNING or report.generation < node.generation:
            return None
        log.info("spawn confirmed by a heartbeat", node=node.node_id, agent=node.agent_id)
        return report

    def _remove_failed(self, node: Node, why: GridError, *, call_agent_by: Deadline | None) -> GridError:
        """Remove the failed node: in the registry first, then at the agent, if it can be called.

        A node with a newer command is kept: the newer command counts. Returns the error to answer with.
        """
        known = self._state.nodes.get(node.node_id)
        if known is not None and known.generation > FIRST_GENERATION:
            log.info("failed spawn kept: it has a newer command", node=node.node_id, generation=known.generation)
            return type(why)(
                why.message,
                reason=why.reason,
                hint=f"A newer command keeps the node. Check with `sutra-grid-cli nodes show {node.node_id}`",
            )
        event = self._event(EventKind.NODE_SPAWN_FAILED, node, why.reason, why.message, Actor.MASTER)
        try:
            absent = self._registry.change_desired(node.node_id, Desired.ABSENT, events=[event])
        except GridError as error:
            log.warning("removal of a failed spawn not recorded yet; it is retried", node=node.node_id, why=error)
            self._reconciliation_writer.remove_failed_spawn(node, event)
            return _removal_not_saved(node, why, error)
        reached(Step.DESIRED_RECORDED, absent.desired)
        self._state.nodes.put(absent)
        removed = self._call_to_remove(absent, call_agent_by) if call_agent_by else isinstance(why, _REFUSALS)
        if call_agent_by and not removed:
            return type(why)(why.message, reason=why.reason, hint="The agent removes the node at its next heartbeat")
        if removed:
            self._tombstone(node)
        return why

    def _call_to_remove(self, absent: Node, deadline: Deadline) -> bool:
        """Call the agent with the removal. False: the agent has not confirmed it; its next heartbeat does it."""
        try:
            report = self._applier.apply(absent, deadline.remaining(at_least_seconds=1.0))
        except GridError as error:
            log.warning("failed spawn not removed by its agent yet", node=absent.node_id, why=error)
            return False
        return judge_report(absent, report).verdict is Verdict.DONE

    def _tombstone(self, node: Node) -> None:
        """Remove the row of a node that its agent does not have. If the registry fails, the next heartbeat does it."""
        try:
            self._reconciliation_writer.tombstone(node.node_id)
        except GridError as error:
            log.warning("failed spawn not removed from the registry yet", node=node.node_id, why=error)

    def _node_of_earlier_attempt(self, node_id: str) -> Node:
        """The node that an earlier attempt of this request made before the master stopped."""
        node = self._state.nodes.get(node_id)
        if node is None or node.desired is Desired.ABSENT:
            raise Aborted(
                f"the first attempt of this request created node {node_id}, which has been removed since",
                reason=Reason.NODE_REMOVED,
                hint="Spawn again with a new idempotency key",
            )
        return node

    def _event(self, kind: EventKind, node: Node, reason: Reason, message: str, actor: Actor) -> Event:
        event = Event(kind, wall_ms(self._clock), actor, node.agent_id, node.node_id, reason, message)
        return by_caller(event) if actor is Actor.OPERATOR else event


def _check(spec: NodeSpec) -> None:
    if spec.port > MAX_PORT:
        raise InvalidArgument(
            f"invalid port {spec.port}",
            reason=Reason.INVALID_ARGUMENT,
            hint=f"Use 1 to {MAX_PORT}, or 0 to let the agent choose a free one",
        )


def _removal_not_saved(node: Node, why: GridError, obstacle: GridError) -> GridError:
    """The failure, with the warning that the removal of the node is not saved yet."""
    return type(why)(
        f"{why.message}; the removal of node {node.node_id} could not be saved yet: {obstacle.message}",
        reason=why.reason,
        hint="The master retries while it runs. If it was restarted meanwhile, remove the node with "
        f"`sutra-grid-cli nodes remove {node.node_id}`",
    )


def _with_log(message: str, report: NodeReport) -> str:
    if not report.log_tail:
        return message
    return f"{message}; its log ends: " + " | ".join(report.log_tail[-SHOWN_LOG_LINES:])
