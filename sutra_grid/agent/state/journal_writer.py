"""Writes the journal, and retries later what the disk refused."""

from __future__ import annotations

from typing import Protocol

from sutra_grid.core.node.record import NodeRecord
from sutra_grid.runtime.logging import get_logger

log = get_logger(__name__)


class NodeJournal(Protocol):
    """Where records are stored."""

    def write(self, record: NodeRecord) -> None:
        """Write the record durably. Raises ``OSError``."""
        ...

    def delete(self, node_id: str) -> None:
        """Delete the record of a node. Raises ``OSError``."""
        ...


class JournalWriter:
    """Keeps the newest record of each node on disk, or pending until the disk takes it. Used by one thread."""

    def __init__(self, journal: NodeJournal) -> None:
        self._journal = journal
        self._pending: dict[str, NodeRecord | None] = {}  # None: the record must be deleted

    @property
    def has_pending(self) -> bool:
        """Whether a write is pending. If so, call ``retry_pending`` after a while."""
        return bool(self._pending)

    def save(self, record: NodeRecord) -> OSError | None:
        """Write the record durably. On failure the write is pending, and the error is returned."""
        return self._write(record.assignment.node_id, record)

    def delete(self, node_id: str) -> OSError | None:
        """Delete the record of the node. On failure the deletion is pending, and the error is returned."""
        return self._write(node_id, None)

    def retry_pending(self) -> None:
        """Try all pending writes and deletions again."""
        for node_id, record in list(self._pending.items()):
            if self._write(node_id, record) is None:
                log.info("journal written after a retry", node=node_id)

    def _write(self, node_id: str, record: NodeRecord | None) -> OSError | None:
        try:
            if record is None:
                self._journal.delete(node_id)
            else:
                self._journal.write(record)
        except OSError as error:
            if node_id not in self._pending:
                log.error("journal can't be written; it is retried", node=node_id, error=error)
            self._pending[node_id] = record
            return error
        self._pending.pop(node_id, None)
        return None
