"""The cluster state: owns the one lock, and offers what needs several of the tables at the same moment.

Calls of agents and nearly all reads are answered from here. Desired state and registrations are written
to the registry *before* they are put here. Observed state is put here first and reaches the registry
later, by the registry writer. Values are immutable, so that callers can keep them. Nothing here does I/O.
"""

from __future__ import annotations

import threading

from sutra_grid.core.types import NodeReport
from sutra_grid.master.state.agents import AgentTable
from sutra_grid.master.state.nodes import NodeTable
from sutra_grid.master.state.pending_assignments import PendingAssignments
from sutra_grid.master.state.report_version import ReportSource
from sutra_grid.master.state.slots import SlotReservations
from sutra_grid.registry import Contents
from sutra_grid.runtime.clock import Clock


class ClusterState:
    """Thread-safe; every method is short and waits for nothing but the lock.

    The lock is shared by all tables and guards every field of theirs. It is reentrant, so that a method here
    that holds it may use the tables' own methods.
    """

    def __init__(self, clock: Clock) -> None:
        self._lock = threading.RLock()
        self.agents = AgentTable(self._lock, clock)
        self.nodes = NodeTable(self._lock, clock)
        self.slots = SlotReservations(self._lock, self.agents, self.nodes)
        self.pending_assignments = PendingAssignments(self._lock)

    def load(self, contents: Contents) -> None:
        """Take what the registry has and memory does not. Agents that are new here begin a full grace period."""
        with self._lock:
            self.agents.load(contents.agents)
            self.nodes.load(contents.nodes, contents.tombstones)

    def contents(self) -> Contents:
        """All that the registry should have."""
        with self._lock:
            return Contents(
                agents=self.agents.all(),
                nodes=self.nodes.all(),
                tombstones=self.nodes.tombstones(),
                removed_agents=self.agents.removed(),
            )

    def remove_agent(self, agent_id: str) -> None:
        """Remove an agent. Its nodes become tombstones, and its slot reservations end."""
        with self._lock:
            self.agents.remove(agent_id)
            self.nodes.tombstone_all_of(agent_id)
            self.slots.remove_agent(agent_id)

    def heartbeat_decides(self, node_id: str, session_id: str, report: NodeReport | None) -> bool:
        """Whether reconciliation may act on what a heartbeat reports of a node now.

        False while the node's agent is being called about it, and when a newer report is known. ``report`` is None
        for a node that the heartbeat's inventory does not list.
        """
        sequence = report.sequence if report is not None else 0
        with self._lock:
            if self.pending_assignments.is_called(node_id):
                return False
            return not self.nodes.has_newer_report(node_id, session_id, sequence, ReportSource.HEARTBEAT)
