"""A time as age and as date."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple

from sutra_grid.core.age import duration


class Timestamp(NamedTuple):
    """``age`` such as ``3m ago``, ``iso`` for the ``datetime`` attribute, ``exact`` and ``clock`` are in UTC."""

    age: str
    iso: str
    exact: str
    clock: str


def timestamp(at_ms: int, now_ms: int) -> Timestamp | None:
    """Convert wall-clock milliseconds. None for 0, which means never."""
    if at_ms <= 0:
        return None
    at = datetime.fromtimestamp(at_ms / 1000, UTC)
    seconds = (now_ms - at_ms) / 1000
    age = f"{duration(seconds)} ago" if seconds >= 1 else "now"
    return Timestamp(
        age, at.strftime("%Y-%m-%dT%H:%M:%SZ"), at.strftime("%Y-%m-%d %H:%M:%S UTC"), at.strftime("%H:%M:%S")
    )
