"""The members of all nodes' launches, found by one look at the processes of the host."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from sutra_grid.agent.processes.member_search import LaunchClues, MemberFinder
from sutra_grid.agent.processes.process_table import ProcessEntry
from sutra_grid.agent.report import NodeView
from sutra_grid.core.node.record import NodeRecord, ProcessIdentity
from sutra_grid.runtime.logging import get_logger

log = get_logger(__name__)

CluesOf = Callable[[NodeRecord, ProcessIdentity], LaunchClues]


class NodeMembers:
    """Answers which processes belong to which node, to everything that measures. Thread-safe."""

    def __init__(self, finder: MemberFinder, clues_of: CluesOf) -> None:
        self._finder = finder
        self._clues_of = clues_of

    def look(self, views: Iterable[NodeView]) -> Mapping[str, tuple[ProcessEntry, ...]]:
        """The members of each node that has a process, by node id. One snapshot serves all nodes.

        Empty while the processes of the host can't be read: nothing is measured then.
        """
        try:
            look = self._finder.look()
        except OSError as error:
            log.debug("processes can't be read now", error=error)
            return {}
        found = {}
        for view in views:
            record = view.runtime.record
            if record.process is not None:
                found[view.runtime.node_id] = look.members(self._clues_of(record, record.process))
        return {node_id: members for node_id, members in found.items() if members}
