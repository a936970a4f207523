"""The output of the nodes: one live file a node that it appends to, and rotated parts of it.

    STATE/logs/NODE_ID.log                           what the node writes to
    STATE/logs/NODE_ID.log.00000000000000004096      an older part; the number is where it
                                                     begins, counted in bytes of the whole log

The node holds the live file open, so rotation copies it away and cuts it to nothing;
opened for appending, the node goes on at the new end. Every byte keeps its number in
the whole log, which makes a reader's cursor hold across rotations. Lines that a node
writes in the instant between the copy's end and the cut are lost.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sutra_grid.agent.names import is_name
from sutra_grid.core.errors import InvalidArgument, NotFound
from sutra_grid.core.types import Reason

TAIL_LINES: Final = 20
_TAIL_BYTES: Final = 8 * 1024
_LINE_LIMIT: Final = 500
DEFAULT_READ_BYTES: Final = 64 * 1024
MAX_READ_BYTES: Final = 1024 * 1024
_DIGITS: Final = 20


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of a node's log. ``cursor`` continues after it; ``rotated``: something before it is gone."""

    data: bytes
    cursor: str
    rotated: bool = False


@dataclass(frozen=True, slots=True)
class _Part:
    """One file of a log; it holds the bytes from ``start`` to ``end`` of the whole."""

    path: Path
    start: int
    end: int


class NodeLogs:
    """The log files of one agent. Reading is safe from any thread, rotation is for one."""

    def __init__(self, directory: Path, *, max_bytes: int, keep_files: int) -> None:
        self.directory = directory
        self._max_bytes = max_bytes
        self._keep_files = keep_files

    def tail(self, node_id: str, lines: int = TAIL_LINES) -> tuple[str, ...]:
        """The last lines, bounded in number and length; empty when there are none or they can't be read."""
        try:
            data = self.read(node_id, tail_lines=lines, max_bytes=_TAIL_BYTES).data
        except (NotFound, OSError):
            return ()
        return tuple(line[:_LINE_LIMIT] for line in data.decode(errors="replace").splitlines())

    def read(self, node_id: str, *, cursor: str = "", tail_lines: int = 0, max_bytes: int = 0) -> Chunk:
        """Read on from ``cursor``; without one from ``tail_lines`` before the end (0: from the first byte kept).

        Raises ``NotFound`` for a node without a log, ``InvalidArgument`` for a foreign cursor.
        """
        parts = self._parts(node_id)
        limit = min(max_bytes or DEFAULT_READ_BYTES, MAX_READ_BYTES)
        first, last = parts[0].start, parts[-1].end
        if cursor:
            asked = _position(cursor)
            position = min(max(asked, first), last)
            rotated = position != asked
        else:
            position = _tail_position(parts, tail_lines, limit) if tail_lines else first
            rotated = False
        data = _read_parts(parts, position, limit)
        return Chunk(data, str(position + len(data)), rotated)

    def rotate(self, node_id: str) -> bool:
        """Put the live file away if it is too large; True when it was. Raises ``OSError``."""
        live = self._live(node_id)
        if not live.exists() or live.stat().st_size < self._max_bytes:
            return False
        start = self._parts(node_id)[-1].start
        aside = live.with_name(f"{live.name}.{start:0{_DIGITS}d}")
        with open(live, "r+b") as source, open(aside, "wb") as target:
            shutil.copyfileobj(source, target)
            source.truncate(0)
        for old in self._rotated(node_id)[: -self._keep_files]:
            old.unlink(missing_ok=True)
        return True

    def rotate_all(self) -> None:
        """Rotate what is too large. Raises ``OSError`` after the others were tried."""
        problems = []
        for live in sorted(self.directory.glob("*.log")):
            try:
                self.rotate(live.name.removesuffix(".log"))
            except OSError as error:
                problems.append(error)
        if problems:
            raise problems[0]

    def _live(self, node_id: str) -> Path:
        return self.directory / f"{node_id}.log"

    def _rotated(self, node_id: str) -> list[Path]:
        name = self._live(node_id).name
        return sorted(path for path in self.directory.glob(f"{name}.*") if path.suffix[1:].isdecimal())

    def _parts(self, node_id: str) -> list[_Part]:
        if not is_name(node_id):  # it comes from a caller and becomes a path
            raise _no_log(node_id)
        parts = []
        for path in self._rotated(node_id):
            start = int(path.suffix[1:])
            parts.append(_Part(path, start, start + _size(path)))
        live = self._live(node_id)
        if not parts and not live.exists():
            raise _no_log(node_id)
        start = parts[-1].end if parts else 0
        return [*parts, _Part(live, start, start + _size(live))]


def _no_log(node_id: str) -> NotFound:
    return NotFound(
        f"node {node_id} has no log on this agent",
        reason=Reason.UNKNOWN_NODE,
        hint="It was never started here; sutra-grid-cli nodes list shows where it is",
    )


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _position(cursor: str) -> int:
    if not (cursor.isascii() and cursor.isdecimal()):
        raise InvalidArgument(
            f"{cursor!r} is no cursor of a log",
            reason=Reason.INVALID_ARGUMENT,
            hint="Pass the cursor of the chunk before, or none to begin anew",
        )
    return int(cursor)


def _read_parts(parts: Iterable[_Part], position: int, limit: int) -> bytes:
    data = b""
    for part in parts:
        if part.end > position and len(data) < limit:
            data += _read_file(part, position, limit - len(data))
            position = part.end
    return data


def _read_file(part: _Part, position: int, limit: int) -> bytes:
    try:
        with open(part.path, "rb") as stream:
            stream.seek(position - part.start)
            return stream.read(min(limit, part.end - position))
    except FileNotFoundError:
        return b""  # rotated away between the look and the reading


def _tail_position(parts: list[_Part], lines: int, limit: int) -> int:
    """Where the last ``lines`` begin, at most ``limit`` bytes before the end."""
    last = parts[-1].end
    begin = max(parts[0].start, last - limit)
    data = _read_parts(parts, begin, limit)
    at = len(data.rstrip(b"\n"))
    for _ in range(lines):
        at = data.rfind(b"\n", 0, at)
        if at < 0:
            return begin
    return begin + at + 1
