"""Times as people write them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from sutra_grid.core.moment import FORMS, Moment, parse_moment

NOW_MS = 1_767_323_045_000  # 2026-01-02T03:04:05Z


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("15m", NOW_MS - 900_000),
        ("1h30m", NOW_MS - 5_400_000),
        (" 2d ", NOW_MS - 2 * 86_400_000),
        ("0s", NOW_MS),
        ("2026-01-02T03:04:05Z", NOW_MS),
        ("2026-01-02 03:04:05", NOW_MS),
        ("2026-01-02T04:04:05+01:00", NOW_MS),
        ("2026-01-02", NOW_MS - (3 * 3600 + 4 * 60 + 5) * 1000),
        ("9999999w", 1),
    ],
)
def test_a_date_an_age_and_a_zone_are_understood(text: str, ms: int) -> None:
    assert parse_moment(text).resolve(NOW_MS) == ms


def test_a_time_without_a_zone_is_in_the_zone_asked_for() -> None:
    zone = timezone(timedelta(hours=2))
    assert parse_moment("2026-01-02 05:04:05", zone) == Moment(at_ms=NOW_MS)
    local = datetime(2026, 1, 2, 3, 4, 5).astimezone()
    assert parse_moment("2026-01-02 03:04:05", None) == Moment(at_ms=round(local.astimezone(UTC).timestamp() * 1000))


@pytest.mark.parametrize("text", ["", "yesterday", "15", "m", "-5m", "1.5h", "1767323045", "2026-13-1", "٣m", "1" * 50])
def test_anything_else_is_refused_with_what_is_allowed(text: str) -> None:
    with pytest.raises(ValueError, match="must be a time such as") as raised:
        parse_moment(text)
    assert FORMS in str(raised.value)
