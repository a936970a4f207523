"""Notices processes of a node that the kernel killed for lack of memory while the node's leader lives on.

A kill is reported at the second look that sees it. The kernel counts a kill before the process has ended: if it was the
leader, its exit comes between the two looks, and tells the kill by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from sutra_grid.agent.report import NodeView
from sutra_grid.core.node.events import MembersOomKilled, OomKill


class CountsKills(Protocol):
    """What the monitor needs of the memory groups."""

    def oom_kills(self, node_id: str, launch: int, limit_mb: int) -> OomKill | None:
        """The kernel's kills in the group of a launch so far; None without any."""
        ...


class OomMonitor:
    """Calls ``report`` (node id, event) for kills that the journal does not have. Used by one thread."""

    def __init__(self, groups: CountsKills, report: Callable[[str, MembersOomKilled], object]) -> None:
        self._groups = groups
        self._report = report
        self._seen: dict[tuple[str, int], int] = {}  # kills at the look before, by node id and launch

    def check(self, views: Iterable[NodeView]) -> None:
        """Look at the groups of all nodes once."""
        before, self._seen = self._seen, {}
        for view in views:
            record, node_id = view.runtime.record, view.runtime.node_id
            if record.process is None:
                continue
            launch = record.process.launch
            kills = self._groups.oom_kills(node_id, launch, record.assignment.spec.memory_limit_mb)
            if kills is None or kills.count <= record.launch_oom_kills:
                continue
            self._seen[node_id, launch] = kills.count
            confirmed = min(kills.count, before.get((node_id, launch), 0))
            if confirmed > record.launch_oom_kills:
                self._report(node_id, MembersOomKilled(launch, confirmed, kills.description))
