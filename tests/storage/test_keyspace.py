"""Drafts on a committed state, against a plain dictionary."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.memory_engine import MemoryEngine
from sutra_grid.core.errors import FailedPrecondition
from sutra_grid.storage.keyspace import FIRST_REVISION, Draft, load
from sutra_grid.storage.records import FORMAT, FORMAT_KEY, KeyRange, Record, decode, key_range

KEYS = st.sampled_from([b"a", b"a\0", b"ab", b"b", b"\0", b"\xff", b"\xff\xff"])
CHANGES = st.lists(st.tuples(st.sampled_from(["put", "delete"]), KEYS), max_size=8)
RANGES = st.builds(KeyRange, st.one_of(KEYS, st.just(b"")), st.one_of(KEYS, st.none()))


@dataclass
class Model:
    """What a key space has to be like."""

    revision: int = FIRST_REVISION
    records: dict[bytes, Record] = field(default_factory=dict)

    def do(self, changes: list[tuple[str, bytes]]) -> None:
        revision = self.revision + 1
        for kind, key in changes:
            old = self.records.get(key)
            if kind == "put":
                self.records[key] = Record(
                    old.create_revision if old else revision, revision, old.version + 1 if old else 1, b"v" + key
                )
                self.revision = revision
            elif old:
                del self.records[key]
                self.revision = revision


def do(draft: Draft, changes: list[tuple[str, bytes]]) -> None:
    for kind, key in changes:
        if kind == "put":
            draft.put(key, b"v" + key)
        else:
            draft.delete(key)


@given(groups=st.lists(st.lists(CHANGES, max_size=4), max_size=4), keys=RANGES)
def test_groups_of_drafts_end_like_one_change_after_the_other(groups: list, keys: KeyRange) -> None:
    engine, model = MemoryEngine(), Model()
    state = load(engine.view())
    for calls in groups:
        group = Draft(state)
        for changes in calls:
            draft = Draft(group)
            do(draft, changes)
            model.do(changes)
            expected = sorted((key, record) for key, record in model.records.items() if key in keys)
            assert list(draft.scan(keys)) == expected
            assert draft.count(keys) == len(expected)
            group.absorb(draft)
            assert (group.revision, group.keys) == (model.revision, len(model.records))
        engine.write(group.engine_changes())
        state = load(engine.view())
        assert dict(state.scan(KeyRange(b"", None))) == model.records
        assert (state.revision, state.keys) == (model.revision, len(model.records))
        assert state.count(keys) == sum(key in keys for key in model.records)


def test_a_draft_that_is_dropped_changed_nothing() -> None:
    group = Draft(load(MemoryEngine().view()))
    group.absorb(put(group, b"a"))
    put(group, b"b")
    assert (group.revision, group.keys, group.get(b"b")) == (2, 1, None)


def put(base: Draft, key: bytes) -> Draft:
    draft = Draft(base)
    draft.put(key, b"v")
    return draft


def test_an_empty_store_is_at_revision_1() -> None:
    state = load(MemoryEngine().view())
    assert (state.revision, state.keys) == (1, 0)


def test_a_layout_of_a_newer_version_is_refused() -> None:
    engine = MemoryEngine()
    engine.write([(FORMAT_KEY, FORMAT.pack(2))])
    with pytest.raises(FailedPrecondition, match=r"\b2\b.*\b1\b"):
        load(engine.view())


@given(record=st.builds(Record, *[st.integers(0, 2**63)] * 3, st.binary(max_size=100)))
def test_a_record_survives_its_encoding(record: Record) -> None:
    assert decode(record.encode()) == record


@pytest.mark.parametrize(
    ("key", "range_end", "inside", "outside"),
    [
        (b"a", b"", [b"a"], [b"a\0", b"", b"b"]),
        (b"a", b"c", [b"a", b"b", b"bzz"], [b"c", b"A"]),
        (b"b", b"\0", [b"b", b"\xff\xff"], [b"a"]),
        (b"\0", b"\0", [b"\0", b"\xff"], []),
        (b"c", b"a", [], [b"a", b"b", b"c"]),
    ],
)
def test_ranges_are_read_as_the_protocol_writes_them(
    key: bytes, range_end: bytes, inside: list[bytes], outside: list[bytes]
) -> None:
    keys = key_range(key, range_end)
    assert all(item in keys for item in inside)
    assert not any(item in keys for item in outside)
