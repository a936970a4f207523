"""Rotates a live file that the node has open: copies it to a part and truncates it, on a full disk too.

The copy has a name of its own until the live file is truncated. So a crash at any moment leaves each line in one
file that is read: ``recover`` completes the rotation or undoes it.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sutra_grid.agent.logs.parts import LogPaths, Part

_BLOCK: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class LogLimits:
    """A live file of ``max_bytes`` is rotated; ``keep_files`` parts are kept."""

    max_bytes: int
    keep_files: int

    @property
    def total_bytes(self) -> int:
        """What all files of one log may take together."""
        return self.max_bytes * (self.keep_files + 1)


def rotate(paths: LogPaths, live: int, start: int, limits: LogLimits) -> int:
    """Move the content of the open file ``live``, which begins at ``start``, to a part. Returns its new start.

    Deletes the oldest parts first, so that the copy needs no more space than the log has already. Raises ``OSError``
    when there is no space for the copy: then no byte was moved, and no half copy is left.
    """
    recover(paths, live, start)
    _delete_oldest(paths, limits.keep_files - 1, start)
    moved = _copy(paths, live)
    os.ftruncate(live, 0)
    os.replace(paths.partial, paths.part(start))
    return start + moved


def recover(paths: LogPaths, live: int, start: int) -> None:
    """Complete or undo a rotation that was interrupted. Raises ``OSError``."""
    try:
        copied = paths.partial.stat().st_size
    except FileNotFoundError:
        return
    if os.fstat(live).st_size >= copied and _begins_alike(paths, live, copied):
        paths.partial.unlink()  # the live file was not truncated yet
    else:
        os.replace(paths.partial, paths.part(start))


def save(paths: LogPaths, live: int, start: int) -> int:
    """Copy a file that the node does not write to any more to a part, as in ``rotate``. Returns the next start."""
    size = os.fstat(live).st_size
    if size:
        size = _copy(paths, live)
        os.replace(paths.partial, paths.part(start))
    return start + size


def shrink(paths: LogPaths, live: int, start: int, limits: LogLimits) -> int:
    """Keep a log that can't be rotated within its bounds. Returns the number of bytes that were dropped.

    Deletes old parts, and at last the content of the live file, whose next byte keeps its offset.
    """
    size = os.fstat(live).st_size
    parts = _with_bytes(paths.parts())
    total = size + sum(part.end - part.start for part in parts)
    dropped = 0
    if total > limits.total_bytes:
        paths.mark(start)
    for part in parts:
        if total - dropped > limits.total_bytes:
            part.path.unlink(missing_ok=True)
            dropped += part.end - part.start
    if size > limits.total_bytes:
        paths.mark(start + size)
        os.ftruncate(live, 0)
        dropped += size
    return dropped


def _delete_oldest(paths: LogPaths, keep: int, start: int) -> None:
    """Delete all parts but the newest ``keep``, and the marks before them. Raises ``OSError``."""
    parts = paths.parts()
    kept = _with_bytes(parts)[-keep:] if keep > 0 else []
    if parts and not kept:
        paths.mark(start)
    first = kept[0].start if kept else start
    for part in parts:
        if part.start < first:
            part.path.unlink(missing_ok=True)


def _with_bytes(parts: Sequence[Part]) -> list[Part]:
    """The parts that are not only marks."""
    return [part for part in parts if part.end > part.start]


def _copy(paths: LogPaths, live: int) -> int:
    """Copy the open file until its present end. Raises ``OSError``; then there is no copy."""
    try:
        with open(paths.partial, "wb", buffering=0) as target:
            at = 0
            while block := os.pread(live, _BLOCK, at):
                at += len(block)
                view = memoryview(block)
                while view:
                    view = view[target.write(view) or 0 :]
            return at
    except OSError:
        paths.partial.unlink(missing_ok=True)
        raise


def _begins_alike(paths: LogPaths, live: int, size: int) -> bool:
    with open(paths.partial, "rb") as copy:
        at = 0
        while at < size:
            block = copy.read(_BLOCK)
            if not block or os.pread(live, len(block), at) != block:
                return False
            at += len(block)
    return True
