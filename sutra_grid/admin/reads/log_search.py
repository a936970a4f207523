"""Searches what is kept of a node's log for a text, with a bound on the bytes that one request reads."""

from __future__ import annotations

import codecs
import re
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from sutra_grid.wire import grid_pb2 as pb

#: Bytes that one search reads. An agent with the default settings keeps 64 MiB of a log.
MAX_BYTES: Final = 128 * 1024 * 1024
MAX_SECONDS: Final = 30.0
MAX_LINE_CHARACTERS: Final = 4000
#: A longer line is searched in parts of this length.
_MAX_LINE: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Found:
    """The last lines with the text, oldest first, of ``matches`` in total.

    ``cursor`` is where to search on, empty when the whole log was searched. ``gap``: lines were lost by rotation.
    """

    lines: tuple[str, ...]
    matches: int
    searched_bytes: int
    cursor: str = ""
    end_cursor: str = ""
    gap: bool = False
    note: str = ""


def text_pattern(text: str) -> re.Pattern[str]:
    """``text`` as it stands, in upper and lower case alike."""
    return re.compile(re.escape(text), re.IGNORECASE)


def search(
    chunks: Iterable[pb.LogChunk],
    text: str,
    *,
    max_lines: int,
    max_characters: int,
    max_bytes: int = MAX_BYTES,
) -> Found:
    """Search the chunks of a log for ``text``. Keeps the last ``max_lines``, of ``max_characters`` together at most."""
    matches = _Matches(text_pattern(text), max_lines, max_characters)
    reader = _LineReader(matches)
    read_bytes, start, last, gap = 0, "", pb.LogChunk(), False
    held: pb.LogChunk | None = None
    for last in chunks:
        gap = gap or last.rotated
        if held is not None:
            reader.read(held)
            start = held.cursor
        held = last
        read_bytes += len(last.data)
        if read_bytes >= max_bytes:
            break
    if last.more and start:
        # Only the line that began before it. The next search begins with it, so that no line is cut in two.
        reader.end(last)
        return matches.found(read_bytes - len(last.data), start, start, gap, last.note)
    reader.read(last)
    reader.end()
    return matches.found(read_bytes, last.cursor if last.more else "", last.cursor, gap, last.note)


class _LineReader:
    """Gives whole lines to ``matches``, also those that two chunks share."""

    def __init__(self, matches: _Matches) -> None:
        self._matches = matches
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        self._begun = ""

    def read(self, chunk: pb.LogChunk) -> None:
        """Read a chunk that follows the ones before it."""
        if chunk.rotated:
            self.end()
        *lines, self._begun = (self._begun + self._decode(chunk.data)).split("\n")
        self._matches.add(lines)
        if len(self._begun) > _MAX_LINE:
            self.end()

    def end(self, chunk: pb.LogChunk | None = None) -> None:
        """The line that was begun ends: in ``chunk``, or here."""
        rest = self._decode(chunk.data).partition("\n")[0] if chunk and not chunk.rotated else ""
        self._matches.add([self._begun + rest])
        self._begun = ""


class _Matches:
    """The lines that match, bounded. One thread uses it."""

    def __init__(self, pattern: re.Pattern[str], max_lines: int, max_characters: int) -> None:
        self._pattern = pattern
        self._max_lines = max_lines
        self._max_characters = max_characters
        self._lines: deque[str] = deque()
        self._characters = 0
        self._count = 0

    def add(self, lines: Iterable[str]) -> None:
        """Count and keep the lines that match."""
        search_in = self._pattern.search
        for line in lines:
            if search_in(line):
                self._keep(line)

    def found(self, searched: int, cursor: str, end_cursor: str, gap: bool, note: str) -> Found:
        """What was kept."""
        return Found(tuple(self._lines), self._count, searched, cursor, end_cursor, gap, note)

    def _keep(self, line: str) -> None:
        self._count += 1
        line = self._shortened(line.rstrip("\r"))
        self._lines.append(line)
        self._characters += len(line) + 1
        while self._lines and (len(self._lines) > self._max_lines or self._characters > self._max_characters):
            self._characters -= len(self._lines.popleft()) + 1

    def _shortened(self, line: str) -> str:
        """A long line around its first match."""
        if len(line) <= MAX_LINE_CHARACTERS:
            return line
        match = self._pattern.search(line)
        start = max(0, (match.start() if match else 0) - MAX_LINE_CHARACTERS // 2)
        part = line[start : start + MAX_LINE_CHARACTERS]
        return f"{'… ' if start else ''}{part} … ({len(line)} characters)"
