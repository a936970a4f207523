"""The nodes: what is desired and observed of each, the tombstones of removed ones, and which report is the newest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from threading import RLock

from sutra_grid.core.reconcile import keep_newer
from sutra_grid.core.types import Agent, Desired, Node, NodeReport
from sutra_grid.master.state.report_version import NO_REPORT, ReportSource, ReportVersion
from sutra_grid.runtime.clock import Clock


class NodeTable:
    """Thread-safe: every method takes the lock of the cluster state and is short. Values are immutable."""

    def __init__(self, lock: RLock, clock: Clock) -> None:
        self._clock = clock
        self._lock = lock
        # guarded by _lock:
        self._nodes: dict[str, Node] = {}
        self._ids_by_agent: dict[str, set[str]] = {}
        self._tombstones: dict[str, int] = {}  # node id -> generation at which it was removed
        self._versions: dict[str, ReportVersion] = {}  # by node id

    # -- reads --

    def get(self, node_id: str) -> Node | None:
        """The node, or None."""
        with self._lock:
            return self._nodes.get(node_id)

    def all(self) -> list[Node]:
        """All nodes by id."""
        with self._lock:
            return [self._nodes[node_id] for node_id in sorted(self._nodes)]

    def of_agent(self, agent_id: str) -> list[Node]:
        """The nodes of an agent by id."""
        with self._lock:
            return [self._nodes[node_id] for node_id in sorted(self._ids_by_agent.get(agent_id, ()))]

    def count_slots(self, agent_id: str) -> int:
        """How many slots the nodes of an agent take. A node that is to be removed takes none."""
        with self._lock:
            nodes = (self._nodes[node_id] for node_id in self._ids_by_agent.get(agent_id, ()))
            return sum(node.desired is not Desired.ABSENT for node in nodes)

    def tombstone_generation(self, node_id: str) -> int | None:
        """The generation at which a node was removed, or None."""
        with self._lock:
            return self._tombstones.get(node_id)

    def tombstones(self) -> dict[str, int]:
        """The generations at which nodes were removed, by node id."""
        with self._lock:
            return dict(self._tombstones)

    # -- desired state --

    def load(self, nodes: Iterable[Node], tombstones: Mapping[str, int]) -> None:
        """Take the registry's nodes and tombstones. Newer nodes that are known here stay."""
        with self._lock:
            for node in nodes:
                self.put(node)
            self._tombstones |= tombstones

    def put(self, node: Node) -> Node:
        """Take the registry's version of a node, unless a newer one is known. Returns the version that stands."""
        with self._lock:
            removed_at = self._tombstones.get(node.node_id)
            if removed_at is not None and removed_at >= node.generation:
                return node
            known = self._nodes.get(node.node_id)
            newest = keep_newer(known, node)
            if known is not None and known.agent_id != newest.agent_id:
                self._ids_by_agent[known.agent_id].discard(node.node_id)
            self._nodes[node.node_id] = newest
            self._ids_by_agent.setdefault(newest.agent_id, set()).add(node.node_id)
            self._tombstones.pop(node.node_id, None)
            return newest

    def tombstone(self, node_id: str) -> None:
        """Remove a node. Its generation stays as a tombstone."""
        with self._lock:
            node = self._nodes.pop(node_id, None)
            if node is None:
                return
            self._ids_by_agent[node.agent_id].discard(node_id)
            self._tombstones[node_id] = node.generation
            self._versions.pop(node_id, None)

    def tombstone_all_of(self, agent_id: str) -> None:
        """Remove all nodes of an agent."""
        with self._lock:
            for node in self.of_agent(agent_id):
                self.tombstone(node.node_id)
            self._ids_by_agent.pop(agent_id, None)

    # -- observed state --

    def record_report(self, agent: Agent, report: NodeReport, source: ReportSource) -> Node | None:
        """Take a report of the agent's session. Returns the node as it was before, or None when it is not taken.

        Not taken are reports of another agent's node or an unknown one, and reports older than the newest.
        """
        now = self._clock.monotonic()
        with self._lock:
            node = self._nodes.get(report.node_id)
            if node is None or node.agent_id != agent.agent_id:
                return None
            newest = self._versions.get(report.node_id, NO_REPORT)
            if newest.is_newer_than(agent.session_id, report.sequence, source, now):
                return None
            self._versions[report.node_id] = newest.followed_by(agent.session_id, report.sequence, source, now)
            self._nodes[report.node_id] = replace(node, report=report)
            return node

    def has_newer_report(self, node_id: str, session_id: str, sequence: int, source: ReportSource) -> bool:
        """Whether a report that comes now would be older than the newest."""
        now = self._clock.monotonic()
        with self._lock:
            return self._versions.get(node_id, NO_REPORT).is_newer_than(session_id, sequence, source, now)
