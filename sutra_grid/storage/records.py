"""The layout of keys and their revisions in the engine.

``k`` + key         3 unsigned 64-bit big-endian numbers (create revision, mod revision,
                    version), then the value
``m`` + ``state``   2 such numbers: revision and number of keys after the last commit
``m`` + ``format``  1 such number: the version of this layout

The prefix keeps the order of keys, so a range of keys is a range of the engine.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

FORMAT_VERSION = 1
FORMAT_KEY = b"mformat"
STATE_KEY = b"mstate"
KEY_PREFIX = b"k"
KEYS_END = b"l"
FROM_KEY = b"\0"
"""The end of a range that has none."""

FORMAT = struct.Struct(">Q")
STATE = struct.Struct(">QQ")
_HEADER = struct.Struct(">QQQ")


class Record(NamedTuple):
    """The stored data of one key."""

    create_revision: int
    mod_revision: int
    version: int
    value: bytes

    def encode(self) -> bytes:
        """The engine's value; ``decode`` is the inverse."""
        return _HEADER.pack(self.create_revision, self.mod_revision, self.version) + self.value


def decode(data: bytes) -> Record:
    """The record of ``data``; the inverse of ``Record.encode``."""
    create_revision, mod_revision, version = _HEADER.unpack_from(data)
    return Record(create_revision, mod_revision, version, data[_HEADER.size :])


class KeyRange(NamedTuple):
    """Keys with ``start <= key``, and ``key < end`` unless ``end`` is None (to the last key)."""

    start: bytes
    end: bytes | None

    def __contains__(self, key: object) -> bool:
        return isinstance(key, bytes) and self.start <= key and (self.end is None or key < self.end)

    @property
    def engine_start(self) -> bytes:
        """First key in the engine."""
        return KEY_PREFIX + self.start

    @property
    def engine_end(self) -> bytes:
        """First key in the engine that is no longer in the range."""
        return KEYS_END if self.end is None else KEY_PREFIX + self.end


def key_range(key: bytes, range_end: bytes) -> KeyRange:
    """A range of the protocol: without an end it is one key; the end ``\\0`` means everything from ``key`` on."""
    if not range_end:
        return KeyRange(key, key + b"\0")
    return KeyRange(key, None if range_end == FROM_KEY else range_end)
