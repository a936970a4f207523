"""Checks whether SQLite's write-ahead log still holds every acknowledged commit.

SQLite reads the log up to the first frame with a wrong checksum and silently drops the rest. After a
power loss that is right: each commit is synced before the next begins (``synchronous=FULL``), so only
the last one, which was never acknowledged, can be torn. If commits follow the wrong frame, the log was
damaged later, and they would be lost. Check before the first connection opens the file: that
connection recovers the log, and the last one deletes it.

Format: sqlite.org/fileformat2.html, section 4.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

#: The rest is not checked: checksums cost 40 ms a megabyte. SQLite keeps the log near 4 MB.
MAX_CHECKED_BYTES: Final = 64 * 1024 * 1024

_HEADER: Final = struct.Struct(">8I")  # magic, version, page size, number, salt, salt, sum, sum
_FRAME: Final = struct.Struct(">6I")  # page, pages of the database after a commit or 0, salt, salt, sum, sum
_MAGIC: Final = 0x377F0682  # the lowest bit: checksums add big-endian words
_WORD: Final = 0xFFFFFFFF

_Sums = tuple[int, int]


class _Frame(NamedTuple):
    """One page in the log: whether it ends a commit, belongs to the current log, and has a valid checksum."""

    commits: bool
    is_current: bool
    is_valid: bool


def damage_of_log(log: Path) -> str:
    """What is wrong with the log, for messages; empty when nothing is lost, or there is no log.

    Can't detect a truncated log, or damage within the last commit. Raises ``OSError``.
    """
    try:
        stream = log.open("rb")
    except FileNotFoundError:
        return ""
    with stream:
        header = stream.read(_HEADER.size)
        if not stream.peek(1):
            return ""  # no frame: it holds no commit
        if not _is_header(header):
            return f"the header of {log.name} is damaged"
        return _damage_of_frames(log.name, _frames(stream, header))


def _damage_of_frames(name: str, frames: Iterator[_Frame]) -> str:
    """Describe complete commits behind the first frame with a wrong checksum; empty if there are none."""
    behind = 0
    broken = False
    for frame in frames:
        if broken:
            behind += frame.commits and frame.is_current
        elif not frame.is_valid:
            broken = True
            # Nothing follows the last frame of a torn commit. After any other frame, the next commit may be its end.
            behind = 0 if frame.commits and frame.is_current else -1
    return f"{name} is damaged in the middle: {behind} commits after the damage can't be read" if behind > 0 else ""


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
