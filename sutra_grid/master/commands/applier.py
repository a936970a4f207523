"""Calls an agent with the assignment of a node and records its report in the cluster state."""

from __future__ import annotations

from collections.abc import Callable

from sutra_grid.core.errors import GridError
from sutra_grid.core.types import Agent, Node, NodeReport, Reason
from sutra_grid.master.agent_calls import AgentCaller
from sutra_grid.master.lookups import reachable_agent
from sutra_grid.master.reconciliation.reconciler import Reconciler
from sutra_grid.master.reconciliation.writer import ReconciliationWriter
from sutra_grid.master.state.cluster_state import ClusterState
from sutra_grid.master.state.report_version import ReportSource
from sutra_grid.runtime.clock import Clock
from sutra_grid.runtime.logging import get_logger
from sutra_grid.runtime.steps import Step, reached

log = get_logger(__name__)


class Deadline:
    """The monotonic moment by which a command must be answered."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock = clock
        self._end = clock.monotonic() + seconds

    def remaining(self, at_least_seconds: float = 0.5) -> float:
        """Seconds left, never below ``at_least_seconds``."""
        return max(at_least_seconds, self._end - self._clock.monotonic())


class Applier:
    """The fast path to an agent. Its next heartbeat is the reliable one. Thread-safe; blocks on the agent."""

    def __init__(
        self,
        state: ClusterState,
        calls: AgentCaller,
        reconciler: Reconciler,
        writer: ReconciliationWriter,
        look_soon: Callable[[str], None],
    ) -> None:
        """``look_soon`` is called with the id of an agent that did not answer."""
        self._state = state
        self._calls = calls
        self._reconciler = reconciler
        self._reconciliation_writer = writer
        self._look_soon = look_soon

    def apply(self, node: Node, timeout_seconds: float) -> NodeReport:
        """Call the node's agent with its assignment and return the report. Raises ``GridError``."""
        agent = reachable_agent(self._state, node.agent_id)
        with self._state.pending_assignments.call(node.node_id):
            log.debug(
                "applying", agent=agent.agent_id, node=node.node_id, generation=node.generation, desired=node.desired
            )
            report = self._call(agent, node, timeout_seconds)
            reached(Step.AGENT_ANSWERED)
            self._reconciler.record_reports(agent, [report], ReportSource.ANSWER)
        self._store_resolved_spec(report)
        return report

    def _call(self, agent: Agent, node: Node, timeout_seconds: float) -> NodeReport:
        try:
            return self._calls.apply(agent, node.assignment(), timeout_seconds)
        except GridError as error:
            if error.reason is Reason.AGENT_UNREACHABLE:
                self._look_soon(agent.agent_id)
            raise

    def _store_resolved_spec(self, report: NodeReport) -> None:
        """Store the resolved specification. If that fails, the next heartbeat does it."""
        try:
            self._reconciliation_writer.store_resolved_spec(report)
        except GridError as error:
            log.warning("resolved specification not stored; the next heartbeat retries", node=report.node_id, why=error)
