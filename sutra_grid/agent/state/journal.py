"""The agent's memory on disk: one small file a node, whole at every moment.

    STATE/nodes/NODE_ID.json            the last record
    STATE/nodes/NODE_ID.json.previous   the one before
    STATE/nodes/NODE_ID.json.damaged-N  what could not be read, set aside for a person

Written to a temporary name, synced and renamed. A damaged file never stops the
others, and one of a newer format is left as it is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from sutra_grid.agent.state.journal_format import JournalDamaged, JournalNewer, decode, encode
from sutra_grid.core.node.record import NodeRecord
from sutra_grid.runtime.files import PREVIOUS_SUFFIX, sync_directory, write_atomically
from sutra_grid.runtime.logging import get_logger
from sutra_grid.runtime.steps import Step, reached

log = get_logger(__name__)

_SUFFIX = ".json"
_NODE_FILE = re.compile(r"^(?P<node_id>[A-Za-z0-9][A-Za-z0-9._-]*?)\.json(\.previous)?$")


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """One node as the journal tells it.

    ``record`` is None when no copy could be read. ``damage`` says in words what was
    wrong with the newest copy and where it is now; empty when it was whole. ``newer``:
    the file belongs to a newer version and must not be written.
    """

    node_id: str
    record: NodeRecord | None
    rebooted: bool = False
    damage: str = ""
    newer: bool = False


class Journal:
    """The files of one state directory. One thread writes; the state lock keeps other agents out."""

    def __init__(self, directory: Path, boot_id: str) -> None:
        self._directory = directory
        self._boot_id = boot_id

    def open(self) -> None:
        """Make the directory if need be and clear away what an interrupted write left. Raises ``OSError``."""
        self._directory.mkdir(parents=True, exist_ok=True)
        for leftover in self._directory.glob(".*.tmp"):
            leftover.unlink(missing_ok=True)

    def write(self, record: NodeRecord) -> None:
        """Make ``record`` durable; returns when it is. Raises ``OSError``, with the file as it was."""
        write_atomically(self._path(record.assignment.node_id), encode(record, self._boot_id), keep_previous=True)
        reached(Step.NODE_JOURNALED, record.phase)

    def delete(self, node_id: str) -> None:
        """Forget the node. Idempotent."""
        path = self._path(node_id)
        # The newest goes last: while it is there it says "absent", the one before might say "running".
        path.with_name(path.name + PREVIOUS_SUFFIX).unlink(missing_ok=True)
        reached(Step.JOURNAL_CUT)
        path.unlink(missing_ok=True)
        sync_directory(self._directory)
        reached(Step.JOURNAL_DELETED)

    def load(self) -> list[JournalEntry]:
        """Read all nodes; damaged files are set aside and told of. Raises ``OSError`` for the directory only."""
        names = (_NODE_FILE.match(path.name) for path in self._directory.iterdir())
        node_ids = {found["node_id"] for found in names if found}
        return [self._load_one(node_id) for node_id in sorted(node_ids)]

    def _path(self, node_id: str) -> Path:
        return self._directory / f"{node_id}{_SUFFIX}"

    def _load_one(self, node_id: str) -> JournalEntry:
        path = self._path(node_id)
        try:
            return self._read(node_id, path)
        except JournalNewer as error:
            log.error("journal of a newer version is left alone", node=node_id, path=path, error=error)
            return JournalEntry(node_id, None, damage=f"{path} is left as it is: {error}", newer=True)
        except (JournalDamaged, OSError) as error:
            aside = self._set_aside(path)
            damage = f"its journal could not be used ({error}) and is kept as {aside}"
            log.error("journal damaged", node=node_id, error=error, kept_as=aside)
            return self._load_previous(node_id, damage)

    def _read(self, node_id: str, path: Path) -> JournalEntry:
        record, rebooted = decode(path.read_bytes(), self._boot_id)
        if record.assignment.node_id != node_id:
            raise JournalDamaged(f"it speaks of {record.assignment.node_id}")
        return JournalEntry(node_id, record, rebooted)

    def _load_previous(self, node_id: str, damage: str) -> JournalEntry:
        path = self._path(node_id)
        previous = path.with_name(path.name + PREVIOUS_SUFFIX)
        try:
            entry = self._read(node_id, previous)
        except JournalNewer as error:
            return JournalEntry(node_id, None, damage=f"{damage}; {previous} is left as it is: {error}", newer=True)
        except (JournalDamaged, OSError):
            return JournalEntry(node_id, None, damage=damage)
        return JournalEntry(node_id, entry.record, entry.rebooted, damage=f"{damage}; the copy before it is used")

    def _set_aside(self, path: Path) -> str:
        """Rename a damaged file to a free name; its new name, or why it has none."""
        number = 1
        while (aside := path.with_name(f"{path.name}.damaged-{number}")).exists():
            number += 1
        try:
            path.rename(aside)
        except OSError as error:
            return f"{path.name} (it could not be renamed: {error.strerror})"
        return aside.name
