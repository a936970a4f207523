"""The interface of a storage engine: ordered bytes, consistent views, durable batches.

An engine does not know revisions or the protocol. One contract suite in the tests checks every implementation.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from sutra_grid.core.errors import ResourceExhausted


@dataclass(frozen=True, slots=True)
class EngineStatistics:
    """Sizes in bytes. ``live_bytes`` is the engine's estimate; ``memory_bytes`` is caches and write buffers."""

    live_bytes: int
    disk_bytes: int
    wal_bytes: int
    memory_bytes: int


class Shortage(ResourceExhausted):
    """A write failed before anything was synced, because the disk is full or no file can be opened. It may pass.

    The caller may go on after ``Engine.reopen``. Any other failure of a write needs a restart.
    """


class View(Protocol):
    """The whole content at one moment, without later writes. Safe to read from any thread.

    Each method may raise ``core.errors.GridError`` when the medium fails.
    """

    def get(self, key: bytes) -> bytes | None:
        """The value of ``key``; None when there is none."""
        ...

    def scan(self, start: bytes, end: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Keys and values with ``start <= key < end``, ascending."""
        ...

    def count(self, start: bytes, end: bytes) -> int:
        """The number of keys that ``scan`` returns."""
        ...


class Engine(Protocol):
    """An ordered map of bytes on a disk. Only one thread writes and makes views; the rest is safe from any thread."""

    @property
    def name(self) -> str:
        """Name and version, for people."""
        ...

    def view(self) -> View:
        """The current content. Only the writing thread may call it, so that it sees no partial write."""
        ...

    def write(self, changes: Iterable[tuple[bytes, bytes | None]]) -> None:
        """Apply all changes or none, in order, and return when they are on disk. None deletes a key.

        Raises ``Shortage`` when the changes were not applied and a later write may succeed, ``ResourceExhausted``
        on a disk that was full at the sync, and ``Unavailable`` on any other failure. Afterwards the caller must not
        write again: after a ``Shortage`` before ``reopen``, after any other failure at all, because it is unknown
        whether the changes survive a restart.
        """
        ...

    def shortage_over(self) -> bool:
        """Whether the engine would get the space and the files that it needs to open. Takes them for a moment."""
        ...

    def reopen(self) -> None:
        """Close the files and open them again, after a ``Shortage``. No view may be read afterwards.

        Raises a ``GridError`` when this fails or a view is still in use; after a ``Shortage`` it may be called again.
        """
        ...

    def flush(self) -> None:
        """Move content from memory and the log into sorted files, and sync them."""
        ...

    def compact(self) -> None:
        """Rewrite the files without overwritten and deleted content. Takes long; reads and writes continue."""
        ...

    def checkpoint(self, directory: Path) -> None:
        """Copy the current content into ``directory``, which must not exist yet."""
        ...

    def statistics(self) -> EngineStatistics:
        """The current sizes."""
        ...

    def close(self) -> None:
        """Flush and close the files. No view may be read afterwards. Idempotent."""
        ...
