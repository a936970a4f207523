"""Measures the memory of all nodes and reports those over their limit.

A node is all processes of its launch. There are two steps. The resident memory of all processes is read first: it is
cheap and an upper bound, because shared pages count for each process. Only a node above its limit is then measured
exactly, without what the kernel can take back, such as mapped files. On systems other than Linux nothing is measured.

The count of the node's control group is read too. It has memory that no living process maps, such as shared memory of
a process that ended, but not the memory that a process had before it entered the group.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Final

from sutra_grid.agent.processes.memory_map import memory_map
from sutra_grid.agent.processes.process_table import ProcessEntry
from sutra_grid.agent.report import NodeView
from sutra_grid.agent.resources.node_members import NodeMembers

Exceeded = Callable[[str, int, str], object]
GroupBytes = Callable[[str, int], int]

_MIB: Final = 1024 * 1024


class MemoryMonitor:
    """Calls ``exceeded`` (node id, launch, message) for each node over its limit. Used by one thread.

    ``group_bytes`` (node id, launch) returns the count of the control group of a launch; 0 without a group.
    """

    def __init__(
        self, members: NodeMembers, exceeded: Exceeded, group_bytes: GroupBytes = lambda node_id, launch: 0
    ) -> None:
        self._members = members
        self._exceeded = exceeded
        self._group_bytes = group_bytes

    def check(self, views: Iterable[NodeView]) -> None:
        """Measure all nodes once, and report those over their limit."""
        limited = [view for view in views if view.runtime.record.assignment.spec.memory_limit_mb]
        launches = self._members.look(limited)
        for view in limited:
            record, node_id = view.runtime.record, view.runtime.node_id
            limit = record.assignment.spec.memory_limit_mb * _MIB
            if record.process is None:
                continue
            members = launches.get(node_id, ())
            used = max(self._group_bytes(node_id, record.process.launch), _used_bytes(members, limit))
            if used > limit:
                by = f" in {len(members)} processes" if len(members) > 1 else ""
                message = f"uses {used // _MIB} MiB of memory{by}; its limit is {limit // _MIB} MiB"
                self._exceeded(node_id, record.process.launch, message)


def _used_bytes(members: Collection[ProcessEntry], limit_bytes: int) -> int:
    """The memory of a launch that the kernel can't take back; 0 when it can't be over the limit."""
    bound = sum(entry.resident_bytes for entry in members)
    return sum(unreclaimable_bytes(entry) for entry in members) if bound > limit_bytes else 0


def unreclaimable_bytes(entry: ProcessEntry) -> int:
    """The memory that the kernel can't take back from a process, with its share of shared pages.

    The resident memory when the kernel does not report this, or not to this user.
    """
    found = memory_map(entry.pid)
    if found is None or found.unreclaimable_bytes is None:
        return entry.resident_bytes
    return found.unreclaimable_bytes
