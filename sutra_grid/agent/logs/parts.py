"""The files of one node's log, and their names.

    STATE/logs/NODE_ID.log                           the live file, which the node appends to
    STATE/logs/NODE_ID.log.00000000000000004096      an older part; the number has 20 digits and is the
                                                     offset of its first byte in the whole log
    STATE/logs/NODE_ID.log.partial                   a part that is being copied
    STATE/logs/NODE_ID.log.origin                    device and inode of the live file, as NODE_ID opened it

Names of other forms, such as logrotate's ``NODE_ID.log.1``, are not parts: they are never read or deleted.
An empty part only marks the offset at which the live file begins.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

LIVE_SUFFIX: Final = ".log"
_DIGITS: Final = 20  # an offset of 64 bits, so that names sort by offset
_OFFSET = re.compile(rf"\d{{{_DIGITS}}}")

FileKey = tuple[int, int]
"""Device and inode: the same file under any name."""


@dataclass(frozen=True, slots=True)
class Part:
    """One file of a log, with the bytes from ``start`` to ``end`` of the whole log."""

    path: Path
    start: int
    end: int


class LogPaths:
    """The paths of one node's log."""

    def __init__(self, directory: Path, node_id: str) -> None:
        self.live = directory / f"{node_id}{LIVE_SUFFIX}"
        self.partial = directory / f"{self.live.name}.partial"
        self.origin = directory / f"{self.live.name}.origin"

    def part(self, start: int) -> Path:
        """The part that begins at the offset ``start``."""
        return self.live.with_name(f"{self.live.name}.{start:0{_DIGITS}d}")

    def parts(self) -> list[Part]:
        """The older parts, oldest first. Lists the directory."""
        prefix = f"{self.live.name}."
        found = []
        for entry in os.scandir(self.live.parent):
            name = entry.name
            if name.startswith(prefix) and _OFFSET.fullmatch(name, len(prefix)):
                start = int(name[len(prefix) :])
                found.append(Part(Path(entry.path), start, start + _size(Path(entry.path))))
        return sorted(found, key=lambda part: part.start)

    def mark(self, start: int) -> None:
        """Record that the live file begins at ``start``: an empty part, in place of older ones. Raises ``OSError``."""
        os.close(os.open(self.part(start), os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o640))
        for part in self.parts():
            if part.start == part.end and part.start != start:
                part.path.unlink(missing_ok=True)

    def exists(self) -> bool:
        """Whether any file of the log is there."""
        return self.live.exists() or bool(self.parts())


def key_of(path: Path | str) -> FileKey | None:
    """The key of the file at ``path``; None when there is none, or it can't be read."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
