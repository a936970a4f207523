"""Finds what may be the process of a node and is not proved to be, for recovery and before a launch.

The decision is in ``processes.lookalikes``. Used by the supervisor's thread only.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from sutra_grid.agent.os_errors import unread_processes_as_error
from sutra_grid.agent.processes.identity import boot_id
from sutra_grid.agent.processes.lookalikes import NodeTraits, find_suspect, node_of_log
from sutra_grid.agent.processes.sightings import Sighting, adopters, file_key, tag_of
from sutra_grid.agent.supervision.collaborators import Collaborators
from sutra_grid.agent.supervision.node_table import NodeTable
from sutra_grid.core.errors import GridError
from sutra_grid.core.node.record import NodeRecord, ProcessIdentity, Suspect


class SuspectSearch:
    """Looks at the processes of the host. A look takes some milliseconds per hundred processes."""

    def __init__(self, collaborators: Collaborators, nodes: NodeTable) -> None:
        self._parts = collaborators
        self._nodes = nodes

    def find(
        self,
        record: NodeRecord,
        sightings: Sequence[Sighting] | None = None,
        *,
        journaled: ProcessIdentity | None = None,
        port_holders: Collection[int] = (),
    ) -> Suspect | None:
        """The process that may be the node's; None when nothing looks like it.

        ``journaled``: the identity in the journal. ``port_holders``: pids that listen on the node's port. Raises
        ``GridError`` when the processes can't be read now.
        """
        spec = record.assignment.spec
        node_id = record.assignment.node_id
        log_path = self._parts.planner.mark(node_id, record.launches).log_path
        host_id = self._parts.planner.host_id
        traits = NodeTraits(node_id, spec, self._command(record), log_path, host_id, port_holders)
        with unread_processes_as_error():
            seen = self._parts.sightings() if sightings is None else sightings
            parents = adopters()
        return find_suspect(traits, seen, journaled, boot_id(), never=self._nodes.pids(), adopters=parents)

    def _command(self, record: NodeRecord) -> tuple[str, ...]:
        spec = record.assignment.spec
        if not spec.engine:
            return ()
        try:
            return self._parts.planner.command(record, self._parts.admission.engine(spec.engine))
        except GridError:
            return ()  # the engine is no longer configured, or its program is missing


def unreadable(identity: ProcessIdentity, why: str) -> Suspect:
    """The journaled process of a node, when its start time can't be read: perhaps another process has its pid."""
    return Suspect(
        identity,
        f"pid {identity.pid} may be its process: it has the pid in the journal. It is not proved, because {why}. "
        "Nothing is started beside it, and it is not signalled. Start the agent as a user that can read it, or, "
        f"if it should end, run on the agent's host: kill {identity.pid}",
    )


def nodes_with_open_logs(sightings: Iterable[Sighting], log_directory: str) -> set[str]:
    """The nodes whose logs are open in processes that are proved to be nobody's: their journals may be lost."""
    found = set()
    device = (file_key(Path(log_directory)) or (None, None))[0]
    for sighting in sightings:
        for output in sighting.outputs or ():
            folder, _, name = output.path.rpartition("/")
            if folder == log_directory and output.key[0] == device and _is_unproved(sighting):
                found.add(node_of_log(name))
    return found - {""}


def _is_unproved(sighting: Sighting) -> bool:
    return sighting.group is None and tag_of(sighting) is None
