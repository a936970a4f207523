"""Spawning a node: choose the agent, record, call, and answer; after a failure no node is left running.

The steps, and what a failure at each leaves:

1. choose the agent and keep a slot of it             nothing
2. record the node, desired running                   (registry) nothing
3. the agent applies it and reports, if not by        desired becomes absent, see 4
   the call's answer then by a heartbeat
4. after a failure: desired absent is recorded, then  the agent is told at once if it can be, and by
   the agent told, then the row buried                the answer to its next heartbeat in any case

A registry that takes nothing at step 4 is told as soon as it does. Until then only this process knows that the node
was given up, and the answer says so instead of promising that nothing is left.
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
from sutra_grid.core.placement import nowhere, obstacle_to_spawn, place, refusal, unknown_agent
from sutra_grid.core.types import Actor, Agent, Desired, Event, Node, NodeReport, NodeSpec, NodeState, Reason
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
#: Of the time for a spawn, what the agent gets to start the node; the rest is for ending one that did not come up.
SPAWN_SHARE = 0.8
SHOWN_LOG_LINES = 5

#: An agent that answers one of these has started nothing and journaled nothing.
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
    """A fresh id; the registry refuses one that is, or was, in use."""
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
        """A new running node on ``agent_id``, or where most slots are free when that is empty.

        Raises ``GridError`` with the reason when there is none; then nothing of it is left running, or the words say
        that this could not be recorded yet.
        """
        if attempt.earlier is not None:
            node = self._taken_up(attempt.earlier.node_id)
        else:
            _check(spec)
            with self._slot(agent_id, spec.engine) as agent:
                node = self._record(agent, spec, attempt)
        report = self._apply(node, deadline)
        outcome = judge_report(node, report)
        if outcome.verdict is Verdict.DONE or self._heard_running(node) is not None:
            return self._state.nodes.get(node.node_id) or node
        if outcome.verdict is Verdict.OVERTAKEN:
            raise Aborted(f"node {node.node_id}: {outcome.message}", reason=outcome.reason, hint="look at it again")
        words = _with_log(f"node {node.node_id} on {node.agent_id} did not start: {outcome.message}", report)
        failure = FailedPrecondition(words, reason=outcome.reason, hint="nothing was left running")
        raise self._give_up(node, failure, tell_agent=deadline)

    # -- the steps --

    @contextmanager
    def _slot(self, agent_id: str, engine: str) -> Iterator[Agent]:
        """An agent with a slot that nobody else gets while the node is being recorded."""
        agent = self._named(agent_id, engine) if agent_id else self._placed(engine)
        try:
            yield agent
        finally:
            self._state.slots.release_reservation(agent.agent_id)

    def _named(self, agent_id: str, engine: str) -> Agent:
        while True:
            candidate = self._state.slots.candidate(agent_id)
            if candidate is None:
                raise unknown_agent(agent_id)
            obstacle = obstacle_to_spawn(candidate, engine)
            if obstacle is not None:
                raise refusal(obstacle)
            if self._state.slots.reserve_slot(agent_id):
                return candidate.agent

    def _placed(self, engine: str) -> Agent:
        for _ in range(PLACEMENT_ATTEMPTS):
            placement = place(self._state.slots.candidates(), engine)
            if placement.agent is None:
                raise nowhere(placement)
            if self._state.slots.reserve_slot(placement.agent.agent_id):
                return placement.agent
        raise Aborted("others took every slot that was found", reason=Reason.CONCURRENT_CHANGE, hint="try again")

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
        asked = f"spawn on {agent.agent_id} asked for, engine {spec.engine or 'default'}"
        event = self._event(EventKind.NODE_SPAWNED, node, Reason.SPAWNED, asked, Actor.OPERATOR)
        self._registry.create_node(node, record=attempt.mark(node.node_id), events=[event])
        reached(Step.NODE_RECORDED)
        log.info("node recorded", node=node.node_id, agent=agent.agent_id, engine=spec.engine)
        return self._state.nodes.put(node)

    def _apply(self, node: Node, deadline: Deadline) -> NodeReport:
        try:
            return self._applier.apply(node, deadline.remaining() * SPAWN_SHARE)
        except GridError as error:
            heard = self._heard_running(node) if isinstance(error, Unavailable | DeadlineExceeded) else None
            if heard is not None:
                return heard
            log.warning("spawn failed", node=node.node_id, agent=node.agent_id, reason=error.reason, why=error.message)
            raise self._give_up(node, error, tell_agent=None) from None

    def _heard_running(self, node: Node) -> NodeReport | None:
        """What the agent said by its heartbeats while the call got no answer, or a late one, if that is: it runs."""
        known = self._state.nodes.get(node.node_id)
        report = known.report if known else None
        if report is None or report.state is not NodeState.RUNNING or report.generation < node.generation:
            return None
        log.info("spawn confirmed by a heartbeat", node=node.node_id, agent=node.agent_id)
        return report

    def _give_up(self, node: Node, why: GridError, *, tell_agent: Deadline | None) -> GridError:
        """Make sure that the node ends: in the registry first, then at the agent, if it answers at all.

        A node that was commanded since is kept: the newer wish counts. Returns what to answer.
        """
        known = self._state.nodes.get(node.node_id)
        if known is not None and known.generation > FIRST_GENERATION:
            log.info("failed spawn is kept: it was commanded since", node=node.node_id, generation=known.generation)
            return type(why)(
                why.message, reason=why.reason, hint=f"node {node.node_id} was commanded since and is kept: look at it"
            )
        event = self._event(EventKind.NODE_SPAWN_FAILED, node, why.reason, why.message, Actor.MASTER)
        try:
            absent = self._registry.change_desired(node.node_id, Desired.ABSENT, events=[event])
        except GridError as error:
            log.warning("failed spawn waits for the registry", node=node.node_id, why=error)
            self._reconciliation_writer.remove_failed_spawn(node, event)
            return _unrecorded(node, why, error)
        reached(Step.DESIRED_RECORDED, absent.desired)
        self._state.nodes.put(absent)
        try:
            if tell_agent is not None:
                report = self._applier.apply(absent, tell_agent.remaining(at_least_seconds=1.0))
                if judge_report(absent, report).verdict is Verdict.DONE:
                    self._reconciliation_writer.tombstone(node.node_id)
            elif isinstance(why, _REFUSALS):
                self._reconciliation_writer.tombstone(node.node_id)
        except GridError as error:
            log.warning("failed spawn ends at the agent's next heartbeat", node=node.node_id, why=error)
        return why

    def _taken_up(self, node_id: str) -> Node:
        """The node that an earlier try of this request made, whose answer was lost with a master."""
        node = self._state.nodes.get(node_id)
        if node is None or node.desired is Desired.ABSENT:
            raise Aborted(
                f"the first try of this request made node {node_id}, which was given up or removed",
                reason=Reason.NODE_REMOVED,
                hint="spawn again with a new idempotency key",
            )
        return node

    def _event(self, kind: EventKind, node: Node, reason: Reason, message: str, actor: Actor) -> Event:
        return Event(kind, wall_ms(self._clock), actor, node.agent_id, node.node_id, reason, message)


def _check(spec: NodeSpec) -> None:
    if spec.port > MAX_PORT:
        raise InvalidArgument(
            f"port {spec.port} is none",
            reason=Reason.INVALID_ARGUMENT,
            hint=f"use 1 to {MAX_PORT}, or 0 for any free one",
        )


def _unrecorded(node: Node, why: GridError, obstacle: GridError) -> GridError:
    """The failure without the promise that nothing is left, which a master that dies now could not keep."""
    return type(why)(
        f"{why.message}; that node {node.node_id} is given up is not recorded yet: {obstacle.message}",
        reason=why.reason,
        hint=f"it is removed when the registry takes it. Look at {node.node_id} then: it is still there if the master "
        "was restarted before",
    )


def _with_log(message: str, report: NodeReport) -> str:
    if not report.log_tail:
        return message
    return f"{message}; its log ends: " + " | ".join(report.log_tail[-SHOWN_LOG_LINES:])
