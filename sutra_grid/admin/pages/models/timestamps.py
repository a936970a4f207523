"""A time for people: how long ago, and exactly."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple

from sutra_grid.core.age import duration


class Timestamp(NamedTuple):
    """``words`` as ``3m ago``; ``iso`` for programs; ``exact`` for who wants to know."""

    words: str
    iso: str
    exact: str


def timestamp(at_ms: int, now_ms: int) -> Timestamp | None:
    """Wall-clock milliseconds as seen now; None for never."""
    if at_ms <= 0:
        return None
    at = datetime.fromtimestamp(at_ms / 1000, UTC)
    seconds = (now_ms - at_ms) / 1000
    words = f"{duration(seconds)} ago" if seconds >= 1 else "now"
    return Timestamp(words, at.strftime("%Y-%m-%dT%H:%M:%SZ"), at.strftime("%Y-%m-%d %H:%M:%S UTC"))
