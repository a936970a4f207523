"""Keys with revisions: the committed state, and drafts of changes on top of it.

A ``Committed`` state never changes. A ``Draft`` is based on a state or on another draft and sees its
own changes first; others see them only after they are absorbed and written.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from typing import Protocol

from sutra_grid.core.errors import FailedPrecondition
from sutra_grid.core.types import Reason
from sutra_grid.storage.engine import View
from sutra_grid.storage.records import (
    FORMAT,
    FORMAT_KEY,
    FORMAT_VERSION,
    KEY_PREFIX,
    STATE,
    STATE_KEY,
    KeyRange,
    Record,
    decode,
)

LAST_KEY = b"\xff" * 8
"""Whatever another program stores, it has a key before this one."""
FIRST_REVISION = 1
"""Of an empty store, as in etcd: the first write makes revision 2."""


class KeySpace(Protocol):
    """What a state and a draft have in common for reading."""

    @property
    def revision(self) -> int:
        """The revision of the last write."""
        ...

    @property
    def keys(self) -> int:
        """The number of all keys."""
        ...

    def get(self, key: bytes) -> Record | None:
        """The record of ``key``; None when there is no such key."""
        ...

    def scan(self, keys: KeyRange) -> Iterator[tuple[bytes, Record]]:
        """Keys and records, ascending by key."""
        ...

    def count(self, keys: KeyRange) -> int:
        """The number of keys that ``scan`` returns."""
        ...


class Committed:
    """Everything that is on disk, at one revision."""

    def __init__(self, view: View, revision: int, keys: int) -> None:
        self.view = view
        self.revision = revision
        self.keys = keys

    def get(self, key: bytes) -> Record | None:
        """See ``KeySpace``."""
        data = self.view.get(KEY_PREFIX + key)
        return None if data is None else decode(data)

    def scan(self, keys: KeyRange) -> Iterator[tuple[bytes, Record]]:
        """See ``KeySpace``."""
        for key, data in self.view.scan(keys.engine_start, keys.engine_end):
            yield key[1:], decode(data)

    def count(self, keys: KeyRange) -> int:
        """See ``KeySpace``."""
        if keys.end is None and keys.start <= b"\0":
            return self.keys
        return self.view.count(keys.engine_start, keys.engine_end)


def load(view: View) -> Committed:
    """The state that ``Draft.engine_changes`` wrote last; an empty state when nothing was written.

    Raises ``FailedPrecondition`` for a layout of a newer version, and for the data of another program.
    """
    layout = view.get(FORMAT_KEY)
    if layout is None and next(view.scan(b"", LAST_KEY), None) is not None:
        raise FailedPrecondition(
            "the database has keys, but not the layout of a storage node: another program made it",
            reason=Reason.PATH_TAKEN,
            hint="Use another directory",
        )
    if layout is not None and FORMAT.unpack(layout)[0] > FORMAT_VERSION:
        raise FailedPrecondition(
            f"the store has layout version {FORMAT.unpack(layout)[0]}, newer than this program's {FORMAT_VERSION}",
            hint="Start the node with the newer version",
        )
    state = view.get(STATE_KEY)
    revision, keys = STATE.unpack(state) if state is not None else (FIRST_REVISION, 0)
    return Committed(view, revision, keys)


class Draft:
    """Changes of one call, or of a group of calls, on top of ``base``. Used by one thread.

    All changes of a draft get one revision, the base's plus one; a draft that
    absorbed others has the revision of the last of them.
    """

    def __init__(self, base: KeySpace) -> None:
        self._base = base
        self._changes: dict[bytes, Record | None] = {}
        self.revision = base.revision
        self.keys = base.keys
        self._own_revision = base.revision + 1

    @property
    def base(self) -> KeySpace:
        """What the draft is based on, without its changes."""
        return self._base

    @property
    def changed(self) -> bool:
        """Whether there is anything to write."""
        return bool(self._changes)

    def get(self, key: bytes) -> Record | None:
        """See ``KeySpace``."""
        if key in self._changes:
            return self._changes[key]
        return self._base.get(key)

    def scan(self, keys: KeyRange) -> Iterator[tuple[bytes, Record]]:
        """See ``KeySpace``."""
        changed = self._changed_keys(keys)
        if not changed:
            yield from self._base.scan(keys)
            return
        kept = ((key, record) for key, record in self._base.scan(keys) if key not in self._changes)
        own = ((key, record) for key in changed if (record := self._changes[key]) is not None)
        yield from heapq.merge(kept, own, key=lambda item: item[0])

    def count(self, keys: KeyRange) -> int:
        """See ``KeySpace``."""
        added = sum(
            (self._changes[key] is not None) - (self._base.get(key) is not None) for key in self._changed_keys(keys)
        )
        return self._base.count(keys) + added

    def put(self, key: bytes, value: bytes) -> Record | None:
        """Write ``key`` and return its previous record."""
        previous = self.get(key)
        self.revision = revision = self._own_revision
        if previous is None:
            self.keys += 1
            self._changes[key] = Record(revision, revision, 1, value)
        else:
            self._changes[key] = Record(previous.create_revision, revision, previous.version + 1, value)
        return previous

    def delete(self, key: bytes) -> Record | None:
        """Delete ``key`` and return its previous record. Without one, change nothing."""
        previous = self.get(key)
        if previous is not None:
            self.revision = self._own_revision
            self.keys -= 1
            self._changes[key] = None
        return previous

    def absorb(self, draft: Draft) -> None:
        """Add the changes of a draft that is based on this one."""
        self._changes.update(draft._changes)
        self.revision = draft.revision
        self.keys = draft.keys

    def engine_changes(self) -> Iterator[tuple[bytes, bytes | None]]:
        """All changes for the engine, with state and layout version."""
        for key, record in self._changes.items():
            yield KEY_PREFIX + key, None if record is None else record.encode()
        yield STATE_KEY, STATE.pack(self.revision, self.keys)
        yield FORMAT_KEY, FORMAT.pack(FORMAT_VERSION)

    def _changed_keys(self, keys: KeyRange) -> list[bytes]:
        return sorted(key for key in self._changes if key in keys)
