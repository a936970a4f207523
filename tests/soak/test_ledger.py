"""Which values the ledger accepts and which are violations, with plain values."""

from __future__ import annotations

import random

import pytest
from support.texts import mentions

from soak.ledger import LIVE_SLOTS, Ledger, Slot, Write, decode, encode, judge_slot


def kinds(ledger: Ledger) -> list[str]:
    return [violation.kind for violation in ledger.violations]


def written(ledger: Ledger, *, acknowledged: bool = True) -> Write:
    write = ledger.next_write("node-1", random.Random(1))
    (ledger.acknowledge if acknowledged else ledger.doubt)(write)
    return write


def test_an_acknowledged_write_that_is_there_is_right() -> None:
    ledger = Ledger()
    write = written(ledger)

    ledger.judge("node-1", write.values())

    assert kinds(ledger) == []
    assert (ledger.acknowledged, ledger.doubted) == (1, 0)


def test_an_acknowledged_write_that_is_not_there_is_lost() -> None:
    ledger = Ledger()
    written(ledger)

    ledger.judge("node-1", {})

    assert kinds(ledger) == ["lost write"]


def test_an_older_value_than_the_acknowledged_one_is_a_lost_write() -> None:
    slot = Slot(0, acknowledged=7)

    violation = judge_slot("node-1", slot, encode(5), encode(5))

    assert violation is not None
    assert violation.kind == "lost write"
    assert mentions(violation.message, 7, 5), "what was acknowledged, and what is there"


@pytest.mark.parametrize("applied", [True, False])
def test_a_write_of_unknown_outcome_may_be_there_or_not(applied: bool) -> None:
    ledger = Ledger()
    write = written(ledger, acknowledged=False)

    ledger.judge("node-1", write.values() if applied else {})

    assert kinds(ledger) == []


def test_a_write_of_unknown_outcome_that_was_seen_may_not_be_taken_back() -> None:
    ledger = Ledger()
    write = written(ledger, acknowledged=False)

    ledger.judge("node-1", write.values())
    ledger.judge("node-1", {})

    assert kinds(ledger) == ["lost write"]


@pytest.mark.parametrize("acknowledged", [True, False])
def test_half_a_write_is_never_right(acknowledged: bool) -> None:
    ledger = Ledger()
    write = written(ledger, acknowledged=acknowledged)
    half = dict(list(write.values().items())[:1])

    ledger.judge("node-1", half)

    assert kinds(ledger) == ["half write"]


def test_a_torn_value_a_foreign_value_and_a_foreign_key_are_told() -> None:
    ledger = Ledger()
    torn, foreign = (written(ledger) for _ in range(2))
    found = dict.fromkeys(torn.values(), encode(torn.sequence)[:-1])
    found |= dict.fromkeys(foreign.values(), encode(999))
    found["soak/000099/left"] = encode(1)

    ledger.judge("node-1", found)

    assert sorted(kinds(ledger)) == ["foreign key", "foreign value", "torn value"]


def test_a_slot_of_unknown_outcome_is_never_written_again() -> None:
    ledger = Ledger()
    doubtful = written(ledger, acknowledged=False)

    slots = {written(ledger).slot for _ in range(20 * LIVE_SLOTS)}

    assert doubtful.slot not in slots
    assert len(slots) == LIVE_SLOTS


def test_a_value_tells_its_write_and_whether_it_is_whole() -> None:
    assert decode(encode(42)) == 42
    assert decode(encode(42).replace("x", "y", 1)) is None
    assert decode("") is None
