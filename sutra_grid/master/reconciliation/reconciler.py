"""Records the reports of agents in the cluster state and compares them with the desired state.

It uses memory alone: no registry access, no call. Changes for the registry are returned; the
``ReconciliationWriter`` writes them.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sutra_grid.core.event_kinds import EventKind
from sutra_grid.core.reconcile import WRITES, Action, Decision, decide_missing, decide_reported, missing_report
from sutra_grid.core.report_changes import events_between, is_material
from sutra_grid.core.time_left import stamped
from sutra_grid.core.types import Actor, Agent, Assignment, Event, Node, NodeReport, Reason
from sutra_grid.master.registry_writes.write_behind import RegistryWriter
from sutra_grid.master.state.cluster_state import ClusterState
from sutra_grid.master.state.report_version import ReportSource
from sutra_grid.runtime.clock import Clock, wall_ms
from sutra_grid.runtime.logging import get_logger

log = get_logger(__name__)

#: How many pairs of agent and foreign node are remembered, so that each gets one event. Later pairs get none.
MAX_FOREIGN = 10_000

_Decided = tuple[str, NodeReport | None, Decision]


@dataclass(frozen=True, slots=True)
class Change:
    """A change that must be written to the registry. ``report`` is None when the agent does not list the node."""

    action: Action
    agent_id: str
    node_id: str
    report: NodeReport | None
    why: str


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """What follows from an inventory: assignments for the agent and changes for the registry."""

    assignments: tuple[Assignment, ...] = ()
    changes: tuple[Change, ...] = ()


class Reconciler:
    """Thread-safe; never blocks."""

    def __init__(self, state: ClusterState, registry_writer: RegistryWriter, clock: Clock) -> None:
        self._state = state
        self._registry_writer = registry_writer
        self._clock = clock
        self._lock = threading.Lock()
        self._foreign: set[tuple[str, str]] = set()  # agent and node that have their event; guarded by _lock

    def reconcile(
        self, agent: Agent, reports: Iterable[NodeReport], source: ReportSource, *, keep_samples: bool = True
    ) -> Reconciliation:
        """Record an agent's full inventory and return the assignments and registry changes that follow.

        ``keep_samples``: write the measurements too, also when nothing else has changed.
        """
        now_ms = wall_ms(self._clock)
        listed = {report.node_id: stamped(report, now_ms) for report in reports}
        missing = [node for node in self._state.nodes.of_agent(agent.agent_id) if node.node_id not in listed]
        lost = [missing_report(node.report) for node in missing if node.report and node.report.generation]
        self.record_reports(agent, [*listed.values(), *lost], source, keep_samples=keep_samples)
        decisions: list[_Decided] = [(r.node_id, r, self.decide(agent, r)) for r in listed.values()]
        decisions += [(node.node_id, None, decide_missing(node)) for node in missing]
        if source is ReportSource.HEARTBEAT:
            decisions = [
                (node_id, report, decision)
                for node_id, report, decision in decisions
                if self._state.heartbeat_decides(node_id, agent.session_id, report)
            ]
        return self._result(agent.agent_id, decisions)

    def decide(self, agent: Agent, report: NodeReport) -> Decision:
        """Decide what to do about one reported node in the current state."""
        node = self._state.nodes.get(report.node_id)
        tombstone = self._state.nodes.tombstone_generation(report.node_id) if node is None else None
        return decide_reported(
            agent.agent_id, report, node, tombstone, owner_on_same_host=self._is_renamed_from(agent, node)
        )

    def record_reports(
        self, agent: Agent, reports: Iterable[NodeReport], source: ReportSource, *, keep_samples: bool = True
    ) -> None:
        """Record reports of the agent's session. Differences from the reports before become events."""
        now_ms = wall_ms(self._clock)
        written: list[str] = []
        events: list[Event] = []
        for given in reports:
            report = stamped(given, now_ms)
            before = self._state.nodes.record_report(agent, report, source)
            if before is None:
                continue
            material = is_material(before.report, report)
            if material:
                events += events_between(agent.agent_id, before.report, report, now_ms)
            if material or keep_samples:
                written.append(report.node_id)
        if written:
            self._registry_writer.queue_reports(written)
        self._queue_events(events)

    def _result(self, agent_id: str, decisions: Sequence[_Decided]) -> Reconciliation:
        for node_id, _, decision in decisions:
            if decision.action is Action.FOREIGN:
                self._report_foreign(agent_id, node_id, decision.why)
            elif decision.action is not Action.NOTHING:
                log.debug("node reconciled", agent=agent_id, node=node_id, action=decision.action, why=decision.why)
        return Reconciliation(
            assignments=tuple(decision.assignment for _, _, decision in decisions if decision.assignment),
            changes=tuple(
                Change(decision.action, agent_id, node_id, report, decision.why)
                for node_id, report, decision in decisions
                if decision.action in WRITES
            ),
        )

    def _report_foreign(self, agent_id: str, node_id: str, why: str) -> None:
        """Report a node that belongs to an agent on another host: one event while this master runs."""
        with self._lock:
            if (agent_id, node_id) in self._foreign or len(self._foreign) >= MAX_FOREIGN:
                return
            self._foreign.add((agent_id, node_id))
        now_ms = wall_ms(self._clock)
        self._queue_events(
            [Event(EventKind.NODE_FOREIGN, now_ms, Actor.MASTER, agent_id, node_id, Reason.WRONG_AGENT, why)]
        )

    def _is_renamed_from(self, agent: Agent, node: Node | None) -> bool:
        if node is None or node.agent_id == agent.agent_id or not agent.host_id:
            return False
        owner = self._state.agents.get(node.agent_id)
        return owner is not None and owner.host_id == agent.host_id

    def _queue_events(self, events: Sequence[Event]) -> None:
        self._registry_writer.queue_events(events)
        for event in events:
            log.info(event.kind, node=event.node_id, agent=event.agent_id, reason=event.reason, message=event.message)
