"""Reads a log across its files by offset: whole characters, tails of whole lines, and gaps where bytes were lost."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sutra_grid.core.utf8 import LONGEST_CHARACTER, first_whole, whole_length

_BLOCK: Final = 64 * 1024
#: How far back a tail looks for the begins of its lines; what is asked beyond it counts as omitted.
_TAIL_SCAN_BYTES: Final = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of a node's log: whole characters. ``cursor`` reads on after it.

    ``rotated``: bytes between the cursor that was given and ``data`` are gone. ``more``: there was more after ``data``
    at that moment. ``omitted_lines``: so many lines of a tail are not, or not completely, in ``data``, because it is
    bounded; reading on from ``omitted_cursor`` gives all of them. ``note`` says for people what is unusual.
    """

    data: bytes
    cursor: str
    rotated: bool = False
    more: bool = False
    omitted_lines: int = 0
    omitted_cursor: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Segment:
    """Bytes ``start`` to ``end`` of the whole log. ``read(offset, size)``: from an offset in this segment's file."""

    start: int
    end: int
    read: Callable[[int, int], bytes]


def file_segment(path: Path, start: int, end: int) -> Segment:
    """The segment of a file that is opened for each read. One that was deleted meanwhile has no bytes."""

    def read(offset: int, size: int) -> bytes:
        try:
            with open(path, "rb") as stream:
                stream.seek(offset)
                return stream.read(size)
        except FileNotFoundError:
            return b""

    return Segment(start, end, read)


def descriptor_segment(descriptor: int, start: int, end: int) -> Segment:
    """The segment of an open file."""
    return Segment(start, end, lambda offset, size: os.pread(descriptor, size, offset))


def read_from(segments: Sequence[Segment], position: int, limit: int) -> Chunk:
    """The chunk that begins at ``position``, or after it where those bytes are gone. Never spans a gap.

    A position beyond the end belongs to a log that somebody has truncated: all that is there now is newer.
    """
    at, rotated = _present(segments, position)
    data = _bytes(segments, at, max(limit, LONGEST_CHARACTER))
    end = at + len(data)
    skipped = first_whole(data) if _follows_gap(segments, at) else 0
    whole = whole_length(data)
    if _precedes_gap(segments, end):  # the rest of a character that is not whole is gone
        return Chunk(data[skipped:whole], str(end), rotated, more=True)
    return Chunk(data[skipped:whole], str(at + whole), rotated, more=end < segments[-1].end)


def read_tail(segments: Sequence[Segment], lines: int, limit: int) -> Chunk:
    """The last ``lines``, or as many of them as fit into ``limit`` bytes; the chunk says how many do not."""
    first, last = _last_run(segments), segments[-1].end
    begin = _line_start(segments, first, last, lines)
    limit = max(limit, LONGEST_CHARACTER)
    if last - begin <= limit:
        chunk = read_from(segments, begin, limit)
        return Chunk(chunk.data, chunk.cursor, rotated=_is_cut(segments, first, begin))
    data = _bytes(segments, last - limit, limit)
    newline = data.find(b"\n", 0, len(data) - 1)
    skipped = newline + 1 if newline >= 0 else first_whole(data)
    whole = whole_length(data)
    shown = data[skipped:whole]
    complete = _count_lines(shown) if newline >= 0 else 0
    return Chunk(
        shown,
        str(last - limit + whole),
        omitted_lines=max(1, min(lines, _count_between(segments, begin, last)) - complete),
        omitted_cursor=str(begin),
    )


def _present(segments: Sequence[Segment], position: int) -> tuple[int, bool]:
    """The first offset at or after ``position`` whose byte is kept, and whether bytes were skipped for it."""
    for segment in segments:
        if position < segment.end or (segment is segments[-1] and position <= segment.end):
            return max(position, segment.start), position < segment.start
    return segments[-1].start, True


def _bytes(segments: Sequence[Segment], position: int, limit: int) -> bytes:
    data = b""
    for segment in segments:
        if segment.end <= position:
            continue
        if segment.start > position or len(data) >= limit:
            break
        size = min(limit - len(data), segment.end - position)
        piece = segment.read(position - segment.start, size)
        data += piece
        position += len(piece)
        if len(piece) < size:
            break  # deleted, or truncated by somebody, after it was listed
    return data


def _follows_gap(segments: Sequence[Segment], position: int) -> bool:
    """Whether the bytes before ``position`` are gone: a character may have begun there."""
    return position > 0 and not any(each.start < position <= each.end for each in segments)


def _precedes_gap(segments: Sequence[Segment], position: int) -> bool:
    """Whether the bytes at ``position`` are gone while later ones are kept."""
    return position < segments[-1].start and not any(each.start <= position < each.end for each in segments)


def _last_run(segments: Sequence[Segment]) -> int:
    """The first offset from which on nothing is missing."""
    first = segments[-1].start
    for segment in reversed(segments):
        if segment.end < first:
            break
        first = segment.start
    return first


def _is_cut(segments: Sequence[Segment], first: int, begin: int) -> bool:
    """Whether a tail ends early at a gap, before which there are more lines."""
    return begin == first and segments[0].start < first


def _line_start(segments: Sequence[Segment], first: int, last: int, lines: int) -> int:
    """The offset at which the last ``lines`` begin, not before ``first``."""
    first = max(first, last - _TAIL_SCAN_BYTES)
    wanted = lines + (1 if _bytes(segments, last - 1, 1) == b"\n" and last > first else 0)
    end = last
    while end > first:
        begin = max(first, end - _BLOCK)
        block = _bytes(segments, begin, end - begin)
        found = block.count(b"\n")
        if found >= wanted:
            at = len(block)
            for _ in range(wanted):
                at = block.rfind(b"\n", 0, at)
            return begin + at + 1
        wanted -= found
        end = begin
    return first


def _count_between(segments: Sequence[Segment], begin: int, end: int) -> int:
    count, at, final = 0, begin, b"\n"
    while at < end:
        block = _bytes(segments, at, min(_BLOCK, end - at))
        if not block:
            break
        count, final, at = count + block.count(b"\n"), block[-1:], at + len(block)
    return count + (final != b"\n")


def _count_lines(data: bytes) -> int:
    return data.count(b"\n") + (not data.endswith(b"\n"))
