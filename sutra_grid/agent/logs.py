"""The logs of the nodes: one live file per node, and its rotated parts.

    STATE/logs/NODE_ID.log                           the live file, which the node appends to
    STATE/logs/NODE_ID.log.00000000000000004096      an older part; the number is the offset of its
                                                     first byte in the whole log

The node has the live file open, so rotation copies it and truncates it; the node appends at the new
end. Every byte keeps its offset in the whole log, so a reader's cursor stays valid across rotations.
Lines that a node writes between the end of the copy and the truncation are lost.
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

TAIL_LINES: Final = 20  # in a report
_TAIL_BYTES: Final = 8 * 1024  # every heartbeat carries the tails of all nodes that are not well
_LINE_LIMIT: Final = 500  # characters
DEFAULT_READ_BYTES: Final = 64 * 1024
MAX_READ_BYTES: Final = 1024 * 1024
_DIGITS: Final = 20  # an offset of 64 bits, so that names sort by offset


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of a node's log. ``cursor`` reads on after it; ``rotated``: bytes before it were deleted."""

    data: bytes
    cursor: str
    rotated: bool = False


@dataclass(frozen=True, slots=True)
class _Part:
    """One file of a log, with the bytes from ``start`` to ``end`` of the whole log."""

    path: Path
    start: int
    end: int


class NodeLogs:
    """The log files of one agent. Any thread may read; one thread rotates."""

    def __init__(self, directory: Path, *, max_bytes: int, keep_files: int) -> None:
        self.directory = directory
        self._max_bytes = max_bytes
        self._keep_files = keep_files

    def tail(self, node_id: str, lines: int = TAIL_LINES) -> tuple[str, ...]:
        """The last lines, bounded in number and length; empty when the log can't be read."""
        try:
            data = self.read(node_id, tail_lines=lines, max_bytes=_TAIL_BYTES).data
        except (NotFound, OSError):
            return ()
        return tuple(line[:_LINE_LIMIT] for line in data.decode(errors="replace").splitlines())

    def read(self, node_id: str, *, cursor: str = "", tail_lines: int = 0, max_bytes: int = 0) -> Chunk:
        """Read on from ``cursor``. Without one, begin ``tail_lines`` before the end; 0: at the first byte kept.

        Raises ``NotFound`` for a node without a log, and ``InvalidArgument`` for an invalid cursor.
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
        """Rotate the live file if it is too large. Returns whether it was. Raises ``OSError``."""
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
        """Rotate all live files that are too large. Raises the first ``OSError`` after trying every file."""
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
        if not is_name(node_id):  # the id comes from a caller and becomes a path
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
        hint="The node was never started here. Find its agent with: sutra-grid-cli nodes list",
    )


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _position(cursor: str) -> int:
    if not (cursor.isascii() and cursor.isdecimal()):
        raise InvalidArgument(
            f"invalid cursor {cursor!r}",
            reason=Reason.INVALID_ARGUMENT,
            hint="Pass the cursor of the previous chunk, or omit it to start from the beginning",
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
        return b""  # deleted by a rotation after it was listed


def _tail_position(parts: list[_Part], lines: int, limit: int) -> int:
    """The offset at which the last ``lines`` begin, at most ``limit`` bytes before the end."""
    last = parts[-1].end
    begin = max(parts[0].start, last - limit)
    data = _read_parts(parts, begin, limit)
    at = len(data.rstrip(b"\n"))
    for _ in range(lines):
        at = data.rfind(b"\n", 0, at)
        if at < 0:
            return begin
    return begin + at + 1
