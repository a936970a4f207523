"""Writes the journal, and writes again later what the disk would not take."""

from __future__ import annotations

from typing import Protocol

from sutra_grid.core.node.record import NodeRecord
from sutra_grid.runtime.logging import get_logger

log = get_logger(__name__)


class NodeJournal(Protocol):
    """Where records are made durable."""

    def write(self, record: NodeRecord) -> None:
        """Raises ``OSError``."""
        ...

    def delete(self, node_id: str) -> None:
        """Raises ``OSError``."""
        ...


class JournalWriter:
    """The newest record of each node, on disk or owed to it. One thread uses it."""

    def __init__(self, journal: NodeJournal) -> None:
        self._journal = journal
        self._pending: dict[str, NodeRecord | None] = {}  # None: to be deleted

    @property
    def has_pending(self) -> bool:
        """Whether something is owed; then ``retry_pending`` should be called after a while."""
        return bool(self._pending)

    def save(self, record: NodeRecord) -> OSError | None:
        """Make the record durable; on failure it is owed, and the error is answered."""
        return self._write(record.assignment.node_id, record)

    def delete(self, node_id: str) -> OSError | None:
        """Forget the node; on failure that is owed, and the error is answered."""
        return self._write(node_id, None)

    def retry_pending(self) -> None:
        """Try again what is owed."""
        for node_id, record in list(self._pending.items()):
            if self._write(node_id, record) is None:
                log.info("journal is written again", node=node_id)

    def _write(self, node_id: str, record: NodeRecord | None) -> OSError | None:
        try:
            if record is None:
                self._journal.delete(node_id)
            else:
                self._journal.write(record)
        except OSError as error:
            if node_id not in self._pending:
                log.error("journal can't be written; trying again", node=node_id, error=error)
            self._pending[node_id] = record
            return error
        self._pending.pop(node_id, None)
        return None
