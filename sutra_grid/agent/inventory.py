"""What other threads may see of the nodes: always whole, never waiting for a disk.

The supervisor's thread writes it after each step; calls and heartbeats read it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

from sutra_grid.agent.report import NodeView, node_report
from sutra_grid.core.node.machine import is_settled
from sutra_grid.core.report_changes import is_material
from sutra_grid.core.types import NodeReport, NodeSample
from sutra_grid.runtime.clock import Clock

SampleOf = Callable[[str], NodeSample | None]


class Inventory:
    """The nodes of this agent as they were after the last step of each. Thread-safe."""

    def __init__(
        self,
        clock: Clock,
        sample_of: SampleOf = lambda node_id: None,
        on_change: Callable[[], object] = lambda: None,
    ) -> None:
        self._clock = clock
        self._sample_of = sample_of
        self._on_change = on_change  # called by put: a node has settled otherwise than it was
        self._changed = threading.Condition()  # guards _views, _refused and _sequence
        self._views: dict[str, NodeView] = {}
        self._refused: dict[str, NodeReport] = {}
        # Above those of an earlier process of this agent: the clock goes on from boot to boot.
        self._sequence = int(clock.monotonic() * 1000)

    def put(self, view: NodeView) -> None:
        """Show a node; whoever waits for it looks again."""
        node_id = view.runtime.node_id
        with self._changed:
            before = self._views.get(node_id)
            self._refused.pop(node_id, None)
            self._views[node_id] = replace(view, sequence=self._count())
            self._changed.notify_all()
        if is_settled(view.runtime) and is_material(self._report(before) if before else None, self._report(view)):
            self._on_change()

    def put_refused(self, report: NodeReport) -> None:
        """Show a node that was not let in."""
        with self._changed:
            self._refused[report.node_id] = replace(report, sequence=self._count())
            self._changed.notify_all()

    def remove(self, node_id: str) -> None:
        """The node is gone. Idempotent."""
        with self._changed:
            self._views.pop(node_id, None)
            self._refused.pop(node_id, None)
            self._count()
            self._changed.notify_all()

    def sequence(self) -> int:
        """The number of the last change."""
        with self._changed:
            return self._sequence

    def views(self) -> list[NodeView]:
        """All nodes, without the refused ones."""
        with self._changed:
            return list(self._views.values())

    def refused(self, node_id: str) -> NodeReport | None:
        """What is shown of a node that was not let in."""
        with self._changed:
            return self._refused.get(node_id)

    def reports(self) -> list[NodeReport]:
        """The full inventory, in order of node ids."""
        with self._changed:
            views, refused = list(self._views.values()), list(self._refused.values())
        reports = [self._report(view) for view in views] + refused
        return sorted(reports, key=lambda report: report.node_id)

    def find(self, node_id: str) -> NodeReport | None:
        """The report of a node as it is now; None when there is no such node."""
        with self._changed:
            view, refused = self._views.get(node_id), self._refused.get(node_id)
        return self._report(view) if view is not None else refused

    def wait_settled(self, node_id: str, deadline: float, give_up: Callable[[], bool]) -> None:
        """Block until what was asked of the node last has an outcome.

        Ends at the monotonic ``deadline`` at the latest, or soon after ``give_up`` turns true.
        """
        with self._changed:
            while (view := self._views.get(node_id)) is not None and not is_settled(view.runtime):
                remaining = deadline - self._clock.monotonic()
                if remaining <= 0 or give_up():
                    return
                self._changed.wait(min(remaining, 1.0))

    def _count(self) -> int:
        """The number of a change; with the lock held."""
        self._sequence += 1
        return self._sequence

    def _report(self, view: NodeView) -> NodeReport:
        return node_report(view, self._clock.monotonic(), self._sample_of(view.runtime.node_id))
