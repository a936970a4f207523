"""The journal: one small file per node that survives a crash at any moment.

    STATE/nodes/NODE_ID.json            the last record
    STATE/nodes/NODE_ID.json.previous   the one before
    STATE/nodes/NODE_ID.json.damaged-N  a damaged file, renamed and kept

A record is written to a temporary file, synced and renamed. A damaged file does not affect other
nodes. A file of a newer format is not touched.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sutra_grid.agent.state.journal_format import JournalDamaged, JournalNewer, decode, encode
from sutra_grid.core.node.record import NodeRecord
from sutra_grid.runtime.files import PREVIOUS_SUFFIX, sync_directory, write_atomically
from sutra_grid.runtime.logging import get_logger
from sutra_grid.runtime.shortage import shortage_of
from sutra_grid.runtime.steps import Step, reached

log = get_logger(__name__)

_SUFFIX = ".json"
_NODE_FILE = re.compile(r"^(?P<node_id>[A-Za-z0-9][A-Za-z0-9._-]*?)\.json(\.previous)?$")


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """What the journal has about one node.

    ``record`` is None when no copy could be read. ``damage`` says what was wrong with the newest
    copy and where it is now; it is empty when the copy was intact. ``newer``: a newer version
    wrote the file, and it must not be overwritten.
    """

    node_id: str
    record: NodeRecord | None
    rebooted: bool = False
    damage: str = ""
    newer: bool = False


class Journal:
    """The files of one state directory. Used by one thread, under the lock of the state directory."""

    def __init__(self, directory: Path, boot_id: str, problem: Callable[[], str] = lambda: "") -> None:
        """``problem`` says why the directory is not the one of the agent's start; then nothing is written there."""
        self._directory = directory
        self._boot_id = boot_id
        self._problem = problem

    def open(self) -> None:
        """Make the directory and delete temporary files of interrupted writes. Raises ``OSError``."""
        self._directory.mkdir(parents=True, exist_ok=True)
        for leftover in self._directory.glob(".*.tmp"):
            leftover.unlink(missing_ok=True)

    def write(self, record: NodeRecord) -> None:
        """Write ``record`` durably. Raises ``OSError``; then the file is as it was."""
        self._check_directory()
        write_atomically(self._path(record.assignment.node_id), encode(record, self._boot_id), keep_previous=True)
        reached(Step.NODE_JOURNALED, record.phase)

    def delete(self, node_id: str) -> None:
        """Delete the files of the node. Idempotent. Raises ``OSError``."""
        self._check_directory()
        path = self._path(node_id)
        # The newest record goes last: it says "absent", but the one before may say "running".
        path.with_name(path.name + PREVIOUS_SUFFIX).unlink(missing_ok=True)
        reached(Step.JOURNAL_CUT)
        path.unlink(missing_ok=True)
        sync_directory(self._directory)
        reached(Step.JOURNAL_DELETED)

    def load(self) -> list[JournalEntry]:
        """Read all nodes. Damaged files are renamed and reported.

        Raises ``OSError`` for the directory, and for a shortage: such a file may be good.
        """
        names = (_NODE_FILE.match(path.name) for path in self._directory.iterdir())
        node_ids = {found["node_id"] for found in names if found}
        return [self._load_one(node_id) for node_id in sorted(node_ids)]

    def _check_directory(self) -> None:
        problem = self._problem()
        if problem:
            raise OSError(errno.ESTALE, f"{problem}: is the data disk mounted?")

    def _path(self, node_id: str) -> Path:
        return self._directory / f"{node_id}{_SUFFIX}"

    def _load_one(self, node_id: str) -> JournalEntry:
        path = self._path(node_id)
        try:
            return self._read(node_id, path)
        except JournalNewer as error:
            log.error("journal of a newer version is not touched", node=node_id, path=path, error=error)
            return JournalEntry(node_id, None, damage=f"{path} is not touched: {error}", newer=True)
        except (JournalDamaged, OSError) as error:
            if shortage_of(error):
                raise
            aside = self._set_aside(path)
            damage = f"the journal of the node can't be used ({error}); the file is kept as {aside}"
            log.error("journal damaged", node=node_id, error=error, kept_as=aside)
            return self._load_previous(node_id, damage)

    def _read(self, node_id: str, path: Path) -> JournalEntry:
        record, rebooted = decode(path.read_bytes(), self._boot_id)
        if record.assignment.node_id != node_id:
            raise JournalDamaged(f"it is the record of node {record.assignment.node_id}")
        return JournalEntry(node_id, record, rebooted)

    def _load_previous(self, node_id: str, damage: str) -> JournalEntry:
        path = self._path(node_id)
        previous = path.with_name(path.name + PREVIOUS_SUFFIX)
        try:
            entry = self._read(node_id, previous)
        except JournalNewer as error:
            return JournalEntry(node_id, None, damage=f"{damage}; {previous} is not touched: {error}", newer=True)
        except (JournalDamaged, OSError):
            return JournalEntry(node_id, None, damage=damage)
        return JournalEntry(node_id, entry.record, entry.rebooted, damage=f"{damage}; the previous copy is used")

    def _set_aside(self, path: Path) -> str:
        """Rename a damaged file. Returns its new name, or its old one and why it could not be renamed."""
        number = 1
        while (aside := path.with_name(f"{path.name}.damaged-{number}")).exists():
            number += 1
        try:
            path.rename(aside)
        except OSError as error:
            return f"{path.name} (it could not be renamed: {error.strerror})"
        return aside.name
