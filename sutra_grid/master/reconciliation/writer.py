"""Writes the changes that reconciliation found: nodes taken over, newer generations, resolved specifications, removals.

Changes from heartbeats are queued, one per node, for the writer's own thread. A registration writes its changes at
once. A change that fails is not queued again: the next heartbeat finds it again.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import replace
from types import TracebackType
from typing import Self

from sutra_grid.core.errors import GridError, NotFound, Unavailable
from sutra_grid.core.event_kinds import EventKind
from sutra_grid.core.reconcile import Action, moved_node, node_as_reported
from sutra_grid.core.types import Actor, Desired, Event, Node, NodeReport, Reason
from sutra_grid.master.reconciliation.reconciler import Change, Reconciler
from sutra_grid.master.state.cluster_state import ClusterState
from sutra_grid.registry import Registry
from sutra_grid.runtime.clock import Clock, wall_ms
from sutra_grid.runtime.logging import get_logger
from sutra_grid.runtime.steps import Step, reached
from sutra_grid.runtime.ticker import Ticker

log = get_logger(__name__)

RETRY_INTERVAL_SECONDS = 1.0


class ReconciliationWriter:
    """A context manager around its thread. Other methods than ``write_queued`` may be called from any thread."""

    def __init__(self, state: ClusterState, registry: Registry, reconciler: Reconciler, clock: Clock) -> None:
        self._state = state
        self._registry = registry
        self._reconciler = reconciler
        self._clock = clock
        self._ticker = Ticker("reconciliation-writer", RETRY_INTERVAL_SECONDS, self.write_queued)
        self._lock = threading.Lock()
        # guarded by _lock:
        self._queued: dict[str, Change] = {}
        self._failed_spawns: dict[str, tuple[Node, Event]] = {}  # nodes to remove that the registry still wants to run

    # -- from any thread --

    def enqueue(self, changes: Iterable[Change]) -> None:
        """Queue changes. A later change of a node replaces an earlier one."""
        found = {change.node_id: change for change in changes}
        if not found:
            return
        with self._lock:
            self._queued.update(found)
        self._ticker.trigger()

    def remove_failed_spawn(self, node: Node, event: Event) -> None:
        """Record a failed spawn's removal as soon as the registry answers. ``event`` says why the spawn failed.

        A command for the node that comes earlier wins: then the node is kept.
        """
        with self._lock:
            self._failed_spawns[node.node_id] = (node, event)

    def carry_out(self, change: Change) -> None:
        """Write one change to the registry and to memory, unless it is outdated. Raises ``GridError``."""
        if not self._is_current(change):
            return
        log.info("node reconciled", node=change.node_id, agent=change.agent_id, action=change.action, why=change.why)
        match change.action, change.report:
            case Action.TOMBSTONE, _:
                self.tombstone(change.node_id)
            case Action.TAKE_OVER, NodeReport() as report:
                self._take_over(change, report, EventKind.NODE_TAKEN_OVER, Reason.ADOPTED)
            case Action.FOLLOW, NodeReport() as report:
                self._take_over(change, report, EventKind.NODE_FOLLOWED, Reason.STALE_GENERATION)
            case Action.RESOLVE, NodeReport() as report:
                self.store_resolved_spec(report)
            case Action.REASSERT, _:
                self._reassert(change)

    def tombstone(self, node_id: str) -> None:
        """Remove a node that its agent no longer has: its row becomes a tombstone. Raises ``GridError``."""
        node = self._state.nodes.get(node_id)
        if node is None:
            return
        self._registry.remove_node(
            node_id, [self._event(EventKind.NODE_REMOVED, node, Reason.COMMANDED, _removal_message(node))]
        )
        reached(Step.NODE_REMOVED)
        self._state.nodes.tombstone(node_id)

    def store_resolved_spec(self, report: NodeReport) -> None:
        """Store what the agent filled into a node's specification. Raises ``GridError``."""
        node = self._state.nodes.get(report.node_id)
        if node is None or node.generation != report.generation:
            return
        spec = report.spec.completed_by(node.spec)
        if spec != node.spec and self._registry.resolve_spec(node.node_id, node.generation, spec):
            reached(Step.SPEC_RESOLVED)
            self._state.nodes.put(replace(node, spec=spec))

    # -- on the writer's thread --

    def write_queued(self) -> None:
        """Write every queued change and every removal of a failed spawn."""
        with self._lock:
            queued, self._queued = self._queued, {}
            failed_spawns = dict(self._failed_spawns)
        for node, event in failed_spawns.values():
            self._end_failed_spawn(node, event)
        for change in queued.values():
            try:
                self.carry_out(change)
            except GridError as error:
                log.warning(
                    "change not written; the next heartbeat retries",
                    node=change.node_id,
                    action=change.action,
                    why=error,
                )

    def _end_failed_spawn(self, node: Node, event: Event) -> None:
        known = self._state.nodes.get(node.node_id)
        if known is not None and known.generation == node.generation:
            try:
                self._state.nodes.put(self._registry.change_desired(node.node_id, Desired.ABSENT, events=[event]))
            except Unavailable:
                return  # the next tick tries again
            except NotFound:
                pass
        with self._lock:
            self._failed_spawns.pop(node.node_id, None)

    def _is_current(self, change: Change) -> bool:
        node = self._state.nodes.get(change.node_id)
        if change.report is None:
            return node is not None and node.agent_id == change.agent_id and node.desired is Desired.ABSENT
        agent = self._state.agents.get(change.agent_id)
        return agent is not None and self._reconciler.decide(agent, change.report).action is change.action

    def _take_over(self, change: Change, report: NodeReport, kind: EventKind, reason: Reason) -> None:
        row = self._state.nodes.get(change.node_id)
        if row is None:
            node = node_as_reported(change.agent_id, report, wall_ms(self._clock))
        else:
            node = moved_node(change.agent_id, report, row)
        try:
            self._registry.adopt_node(node, [self._event(kind, node, reason, change.why)])
        except NotFound:
            return  # its agent was removed meanwhile
        reached(Step.NODE_ADOPTED)
        self._state.nodes.put(node)

    def _reassert(self, change: Change) -> None:
        row = self._state.nodes.get(change.node_id)
        if row is None:
            return
        event = self._event(EventKind.NODE_FOLLOWED, row, Reason.CONCURRENT_CHANGE, change.why)
        self._state.nodes.put(self._registry.change_desired(row.node_id, row.desired, events=[event]))

    def _event(self, kind: EventKind, node: Node, reason: Reason, message: str) -> Event:
        return Event(kind, wall_ms(self._clock), Actor.MASTER, node.agent_id, node.node_id, reason, message)

    def __enter__(self) -> Self:
        self._ticker.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ticker.stop()


def _removal_message(node: Node) -> str:
    """A path that was only requested is not named as the place of data: no agent has confirmed it."""
    if node.report is None or not node.report.spec.storage_path:
        return "removed; its agent never reported it"
    return f"removed; its data stays in {node.report.spec.storage_path} on the host of {node.agent_id}"
