"""The nodes as other threads see them: consistent, and without waiting for a disk.

The supervisor's thread writes after each step; calls and heartbeats read.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

from sutra_grid.agent.report import NodeView, node_report
from sutra_grid.core.node.machine import is_settled
from sutra_grid.core.report_changes import is_material
from sutra_grid.core.samples import NodeSample
from sutra_grid.core.types import LogProblem, NodeReport
from sutra_grid.runtime.clock import Clock

SampleOf = Callable[[str, int], NodeSample | None]


class Inventory:
    """Each node of this agent as it was after its last step. Thread-safe."""

    def __init__(
        self,
        clock: Clock,
        sample_of: SampleOf = lambda node_id, launch: None,
        on_change: Callable[[], object] = lambda: None,
    ) -> None:
        self._clock = clock
        self._sample_of = sample_of
        self._on_change = on_change  # called by put when a node has settled in another state than before
        self._changed = threading.Condition()  # guards _views, _refused, _log_problems and _sequence
        self._views: dict[str, NodeView] = {}
        self._log_problems: dict[str, LogProblem] = {}
        self._refused: dict[str, NodeReport] = {}
        # Higher than in an earlier process of this agent, because the monotonic clock runs on.
        self._sequence = int(clock.monotonic() * 1000)

    def put(self, view: NodeView) -> None:
        """Publish a node, and wake the threads that wait for it."""
        node_id = view.runtime.node_id
        with self._changed:
            before = self._views.get(node_id)
            self._refused.pop(node_id, None)
            self._views[node_id] = replace(view, sequence=self._next_sequence())
            self._changed.notify_all()
        if is_settled(view.runtime) and is_material(self._report(before) if before else None, self._report(view)):
            self._on_change()

    def put_log_problem(self, node_id: str, problem: LogProblem | None) -> None:
        """Publish what is wrong with a node's log; None: nothing. Cheap when that is known already."""
        with self._changed:
            view = self._views.get(node_id)
            if view is None or self._log_problems.get(node_id) == problem:
                return
            if problem is None:
                del self._log_problems[node_id]
            else:
                self._log_problems[node_id] = problem
            self._views[node_id] = replace(view, sequence=self._next_sequence())
        self._on_change()

    def put_refused(self, report: NodeReport) -> None:
        """Publish the report of a node that the agent has refused."""
        with self._changed:
            self._refused[report.node_id] = replace(report, sequence=self._next_sequence())
            self._changed.notify_all()

    def remove(self, node_id: str) -> None:
        """Remove the node. Idempotent."""
        with self._changed:
            self._views.pop(node_id, None)
            self._log_problems.pop(node_id, None)
            self._refused.pop(node_id, None)
            self._next_sequence()
            self._changed.notify_all()

    def sequence(self) -> int:
        """The sequence number of the last change."""
        with self._changed:
            return self._sequence

    def views(self) -> list[NodeView]:
        """All nodes except the refused ones."""
        with self._changed:
            return list(self._views.values())

    def refused(self, node_id: str) -> NodeReport | None:
        """The report of a refused node; None when the node is not refused."""
        with self._changed:
            return self._refused.get(node_id)

    def reports(self) -> list[NodeReport]:
        """The full inventory, sorted by node id."""
        with self._changed:
            views, refused = list(self._views.values()), list(self._refused.values())
        reports = [self._report(view) for view in views] + refused
        return sorted(reports, key=lambda report: report.node_id)

    def find(self, node_id: str) -> NodeReport | None:
        """The report of a node now; None when there is no such node."""
        with self._changed:
            view, refused = self._views.get(node_id), self._refused.get(node_id)
        return self._report(view) if view is not None else refused

    def wait_settled(self, node_id: str, deadline: float, give_up: Callable[[], bool]) -> None:
        """Block until the node has settled after its last assignment.

        Returns at the monotonic ``deadline`` at the latest, or within a second after ``give_up`` turns true.
        """
        with self._changed:
            while (view := self._views.get(node_id)) is not None and not is_settled(view.runtime):
                remaining = deadline - self._clock.monotonic()
                if remaining <= 0 or give_up():
                    return
                self._changed.wait(min(remaining, 1.0))

    def _next_sequence(self) -> int:
        """Take the next sequence number. Requires the lock."""
        self._sequence += 1
        return self._sequence

    def _report(self, view: NodeView) -> NodeReport:
        node_id = view.runtime.node_id
        report = node_report(view, self._clock.monotonic(), self._sample_of(node_id, view.runtime.record.launches))
        problem = self._log_problems.get(node_id)  # without the lock: a dictionary's get is atomic
        return replace(report, log_problem=problem) if problem else report
