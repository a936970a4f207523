"""When a certificate is renewed."""

from __future__ import annotations

import pytest

from sutra_grid.core.access.renewal import BACKDATED_SECONDS, renew_at, retry_seconds

DAY = 86_400.0


def test_a_certificate_is_renewed_after_two_thirds_of_its_life() -> None:
    begin = 1_000_000.0
    first = renew_at(begin - BACKDATED_SECONDS, begin + 30 * DAY, 0.0)
    last = renew_at(begin - BACKDATED_SECONDS, begin + 30 * DAY, 1.0)
    assert (first - begin) / DAY == pytest.approx(20)
    assert (last - begin) / DAY == pytest.approx(21.5)


def test_a_short_life_counts_from_when_it_was_made() -> None:
    begin = 1_000_000.0
    assert renew_at(begin - BACKDATED_SECONDS, begin + 30, 0.0) - begin == pytest.approx(20)


def test_a_life_shorter_than_its_backdating_is_not_longer_than_itself() -> None:
    assert renew_at(0.0, 100.0, 1.0) == 100.0


def test_failures_wait_longer_each_time_up_to_an_hour() -> None:
    waits = [retry_seconds(failures, 10 * DAY, 1.0) for failures in range(1, 40)]
    assert waits[:3] == [10, 20, 40]
    assert max(waits) == waits[-1] == 3600
    assert retry_seconds(1, 10 * DAY, 0.0) == 5


def test_little_time_left_is_used_for_many_attempts() -> None:
    assert retry_seconds(9, 60.0, 1.0) == 3.0
    assert retry_seconds(9, 0.5, 1.0) == 1.0
    assert retry_seconds(30, -5.0, 1.0) == 3600
