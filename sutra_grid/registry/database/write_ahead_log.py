"""Whether SQLite's write-ahead log still holds every commit that was acknowledged.

SQLite reads the log up to the first frame whose checksum is wrong and forgets the rest without a
word. After a power loss that is right: only the last commit, which nobody was told of, can be
torn, for each commit is synced before the next begins (``synchronous=FULL``). When commits stand
behind it, the log was damaged later, and what is behind would be lost. To be asked before
the first connection opens the file: that one recovers the log, and the last one deletes it.

Format: sqlite.org/fileformat2.html, section 4.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

#: What is behind stays unread: to add up a log costs 40 ms a megabyte. SQLite keeps it near 4 MB.
MAX_CHECKED_BYTES: Final = 64 * 1024 * 1024

_HEADER: Final = struct.Struct(">8I")  # magic, version, page size, number, salt, salt, sum, sum
_FRAME: Final = struct.Struct(">6I")  # page, pages of the database after a commit or 0, salt, salt, sum, sum
_MAGIC: Final = 0x377F0682  # the lowest bit: the words that are added up are big-endian
_WORD: Final = 0xFFFFFFFF

_Sums = tuple[int, int]


class _Frame(NamedTuple):
    """One page in the log: whether it ends a commit, is of the log's present round, and adds up."""

    commits: bool
    is_current: bool
    adds_up: bool


def damage_of_log(log: Path) -> str:
    """What is wrong with the log, in words; empty when nothing is lost by it, or there is none.

    What can't be told: a log that was cut off, and damage within its very last commit. Raises ``OSError``.
    """
    try:
        stream = log.open("rb")
    except FileNotFoundError:
        return ""
    with stream:
        header = stream.read(_HEADER.size)
        if not stream.peek(1):
            return ""  # no frame: nothing was committed into it
        if not _is_header(header):
            return f"the head of {log.name} is damaged"
        return _damage_of_frames(log.name, _frames(stream, header))


def _damage_of_frames(name: str, frames: Iterator[_Frame]) -> str:
    """Commits that are known to be complete and stand behind the first frame that does not add up."""
    behind = 0
    broken = False
    for frame in frames:
        if broken:
            behind += frame.commits and frame.is_current
        elif not frame.adds_up:
            broken = True
            # Of a commit that is torn, nothing follows its last frame; else what follows first may be of it.
            behind = 0 if frame.commits and frame.is_current else -1
    return f"{name} is damaged in the middle: {behind} commits behind it can't be read" if behind > 0 else ""


def _is_header(header: bytes) -> bool:
    if len(header) < _HEADER.size:
        return False
    magic, _version, page_bytes, _number, _salt, _salt2, *sums = _HEADER.unpack(header)
    if magic & ~1 != _MAGIC or not 512 <= page_bytes <= 65536 or page_bytes & (page_bytes - 1):
        return False
    return _added((0, 0), header[:24], magic) == tuple(sums)


def _frames(stream: BinaryIO, header: bytes) -> Iterator[_Frame]:
    magic, _version, page_bytes, _number, salt, salt2, *start = _HEADER.unpack(header)
    sums: _Sums = (start[0], start[1])
    whole = True
    for _ in range(MAX_CHECKED_BYTES // page_bytes):
        head, page = stream.read(_FRAME.size), stream.read(page_bytes)
        if len(page) < page_bytes:
            return
        _page, size, *marks = _FRAME.unpack(head)
        is_current = marks[:2] == [salt, salt2]
        if whole:
            sums = _added(_added(sums, head[:8], magic), page, magic) if is_current else sums
            whole = is_current and sums == (marks[2], marks[3])
        yield _Frame(size > 0, is_current, whole)


def _added(sums: _Sums, data: bytes, magic: int) -> _Sums:
    first, second = sums
    words = struct.unpack(f"{'>' if magic & 1 else '<'}{len(data) // 4}I", data)
    for index in range(0, len(words), 2):
        first = (first + words[index] + second) & _WORD
        second = (second + words[index + 1] + first) & _WORD
    return first, second
