"""Records what was written to the nodes, and checks what is read back. Plain values, no I/O.

A slot is a pair of keys that are always written together, in one transaction, with the same value,
so that a write that was half applied is detected. After a write with an unknown outcome (the
connection broke) the slot has one of two values. It is never written again, because a late arrival
of that write would look like a lost write.
"""

from __future__ import annotations

import random
import threading
import zlib
from collections.abc import Mapping
from dataclasses import dataclass

LIVE_SLOTS = 40
PADDING_BYTES = 100
PREFIX = "soak/"


@dataclass(frozen=True, slots=True)
class Violation:
    """Something that must hold and did not. ``kind`` is enumerated, ``message`` has the evidence."""

    kind: str
    message: str


@dataclass(slots=True)
class Slot:
    """``acknowledged``: the sequence number that must be there (0: none). ``in_doubt``: one that can be there."""

    number: int
    acknowledged: int = 0
    in_doubt: int = 0


@dataclass(frozen=True, slots=True)
class Write:
    """A write to make. Both values go into one transaction."""

    node_id: str
    slot: int
    sequence: int

    def values(self) -> dict[str, str]:
        value = encode(self.sequence)
        return {f"{PREFIX}{self.slot:06}/left": value, f"{PREFIX}{self.slot:06}/right": value}


class Ledger:
    """Thread-safe; the lock guards all fields."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._slots: dict[str, dict[int, Slot]] = {}
        self._sequence = 0
        self._acknowledged = 0
        self._doubted = 0
        self._violations: list[Violation] = []

    @property
    def acknowledged(self) -> int:
        with self._lock:
            return self._acknowledged

    @property
    def doubted(self) -> int:
        with self._lock:
            return self._doubted

    @property
    def violations(self) -> list[Violation]:
        with self._lock:
            return list(self._violations)

    def next_write(self, node_id: str, rng: random.Random) -> Write:
        """The next write to a slot of the node whose value is certain."""
        with self._lock:
            slots = self._slots.setdefault(node_id, {})
            writable = [slot for slot in slots.values() if not slot.in_doubt]
            if len(writable) < LIVE_SLOTS:
                slot = slots[len(slots)] = Slot(len(slots))
            else:
                slot = rng.choice(writable)
            self._sequence += 1
            return Write(node_id, slot.number, self._sequence)

    def acknowledge(self, write: Write) -> None:
        """The node confirmed the write: from now on it must be there."""
        with self._lock:
            self._slots[write.node_id][write.slot].acknowledged = write.sequence
            self._acknowledged += 1

    def doubt(self, write: Write) -> None:
        """The outcome of the write is unknown: the old and the new value are right, half a write is not."""
        with self._lock:
            self._slots[write.node_id][write.slot].in_doubt = write.sequence
            self._doubted += 1

    def judge(self, node_id: str, found: Mapping[str, str]) -> None:
        """Compare all keys of a node below ``PREFIX``, read at one moment, with what must be there."""
        with self._lock:
            slots = self._slots.get(node_id, {})
            expected = {key for number in slots for key in Write(node_id, number, 0).values()}
            for key in sorted(set(found) - expected):
                self._violations.append(Violation("foreign key", f"{node_id} has {key}, which was never written"))
            for slot in slots.values():
                left, right = (found.get(key) for key in Write(node_id, slot.number, 0).values())
                if violation := judge_slot(node_id, slot, left, right):
                    self._violations.append(violation)
                elif slot.in_doubt and left is not None and decode(left) == slot.in_doubt:
                    # A write that was read once must not disappear again.
                    slot.acknowledged = slot.in_doubt


def judge_slot(node_id: str, slot: Slot, left: str | None, right: str | None) -> Violation | None:
    """Check the two values of a slot. Returns the violation, or None."""
    where = f"{node_id} slot {slot.number}"
    if left != right:
        return Violation("half write", f"{where}: {_shown(left)} beside {_shown(right)}")
    sequence = 0 if left is None else decode(left)
    if sequence is None:
        return Violation("torn value", f"{where}: {_shown(left)} is no value that was written")
    if sequence == slot.acknowledged or (slot.in_doubt and sequence == slot.in_doubt):
        return None
    if sequence < slot.acknowledged:
        return Violation("lost write", f"{where}: write {slot.acknowledged} was acknowledged, {sequence} is there")
    return Violation("foreign value", f"{where}: {sequence} is there, {slot.acknowledged} was acknowledged")


def encode(sequence: int) -> str:
    """A value that identifies its write and has a checksum."""
    body = f"{sequence}:".ljust(PADDING_BYTES, "x")
    return f"{body}:{zlib.crc32(body.encode()):08x}"


def decode(value: str) -> int | None:
    """The sequence number of an intact value; None for any other text."""
    body, _, checksum = value.rpartition(":")
    if f"{zlib.crc32(body.encode()):08x}" != checksum:
        return None
    return int(body.partition(":")[0])


def _shown(value: str | None) -> str:
    return "nothing" if value is None else repr(value[:20])
