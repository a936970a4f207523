"""How many failures an address may cause."""

from __future__ import annotations

import pytest

from sutra_grid.core.access.attempts import BURST, SECONDS_EACH, AttemptLimit, source_of


def test_an_address_waits_after_its_failures_and_no_other_does() -> None:
    limit = AttemptLimit()
    for _ in range(BURST):
        assert limit.wait_seconds("10.0.0.1", 0.0) == 0
        limit.failed("10.0.0.1", 0.0)
    assert limit.wait_seconds("10.0.0.1", 0.0) == SECONDS_EACH
    assert limit.wait_seconds("10.0.0.2", 0.0) == 0
    assert limit.wait_seconds("10.0.0.1", SECONDS_EACH) == 0
    limit.failed("10.0.0.1", SECONDS_EACH)
    assert limit.wait_seconds("10.0.0.1", SECONDS_EACH) == SECONDS_EACH


def test_failures_are_forgotten() -> None:
    limit = AttemptLimit()
    for _ in range(BURST):
        limit.failed("10.0.0.1", 0.0)
    later = BURST * SECONDS_EACH
    for _ in range(BURST):
        assert limit.wait_seconds("10.0.0.1", later) == 0
        limit.failed("10.0.0.1", later)


def test_memory_is_bounded() -> None:
    limit = AttemptLimit(max_addresses=100)
    for number in range(1_000):
        limit.failed(f"10.0.{number // 256}.{number % 256}", float(number))
    assert len(limit) == 100


@pytest.mark.parametrize(
    ("one", "other", "together"),
    [
        ("2001:db8::1", "2001:db8::ffff", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:10.0.0.1", "10.0.0.1", True),
        ("10.0.0.1", "10.0.0.2", False),
        ("fe80::1%eth0", "fe80::2%eth0", True),
        ("", "10.0.0.1", False),
    ],
)
def test_a_host_is_counted_as_one(one: str, other: str, together: bool) -> None:
    assert (source_of(one) == source_of(other)) is together
