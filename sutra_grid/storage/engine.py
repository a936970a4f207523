"""What the storage node needs of an engine: ordered bytes, consistent views, durable batches.

An engine knows nothing of revisions or of the protocol. Every implementation passes
the suite in ``tests/storage/test_engine.py``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class EngineStatistics:
    """Sizes in bytes. ``live_bytes`` is the engine's estimate; ``memory_bytes`` is caches and write buffers."""

    live_bytes: int
    disk_bytes: int
    wal_bytes: int
    memory_bytes: int


class View(Protocol):
    """The whole content at one moment; later writes never show in it. Safe to read from any thread.

    Each method may raise ``core.errors.GridError`` when the medium fails.
    """

    def get(self, key: bytes) -> bytes | None:
        """The value of ``key``, None when there is none."""
        ...

    def scan(self, start: bytes, end: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Keys and values with ``start <= key < end``, ascending."""
        ...

    def count(self, start: bytes, end: bytes) -> int:
        """How many keys ``scan`` would give."""
        ...


class Engine(Protocol):
    """An ordered map of bytes on a disk. One thread writes and makes views; any thread may do the rest."""

    @property
    def name(self) -> str:
        """Name and version, for people."""
        ...

    def view(self) -> View:
        """The content now. Only the writing thread may ask, so that no write is half done."""
        ...

    def write(self, changes: Iterable[tuple[bytes, bytes | None]]) -> None:
        """Apply all changes or none, in order, and return when they are on disk. None deletes a key.

        Raises ``ResourceExhausted`` on a full disk and ``Unavailable`` on any other failure.
        Afterwards nobody knows whether the changes will be there after a restart, so
        the caller must not write again.
        """
        ...

    def flush(self) -> None:
        """Move what is only in memory and in the log into sorted files, and sync them."""
        ...

    def compact(self) -> None:
        """Rewrite the files without what was overwritten or deleted. Takes long; reads and writes go on."""
        ...

    def checkpoint(self, directory: Path) -> None:
        """Make a copy of the content now in ``directory``, which must not exist yet."""
        ...

    def statistics(self) -> EngineStatistics:
        """Sizes now."""
        ...

    def close(self) -> None:
        """Flush and let go of the files. No view may be read afterwards. Idempotent."""
        ...
