"""Durations and ages for people, as kubectl writes them: short, and rounded to what is useful."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

_SECOND = 1
_MINUTE = 60
_HOUR = 60 * _MINUTE
_DAY = 24 * _HOUR
_YEAR = 365 * _DAY

_LETTERS: Final = {_SECOND: "s", _MINUTE: "m", _HOUR: "h", _DAY: "d", _YEAR: "y"}

# Below so many seconds: this unit, and the smaller one beside it (0: none).
_STEPS: Final = (
    (2 * _MINUTE, _SECOND, 0),
    (10 * _MINUTE, _MINUTE, _SECOND),
    (3 * _HOUR, _MINUTE, 0),
    (8 * _HOUR, _HOUR, _MINUTE),
    (2 * _DAY, _HOUR, 0),
    (2 * _YEAR, _DAY, 0),
)


def duration(seconds: float) -> str:
    """``45s``, ``3m12s``, ``47m``, ``5h20m``, ``31h``, ``12d``, ``3y40d``; negative counts as zero."""
    whole = max(0, int(seconds))
    unit, smaller = next(((unit, smaller) for limit, unit, smaller in _STEPS if whole < limit), (_YEAR, _DAY))
    count, rest = divmod(whole, unit)
    rest = rest // smaller if smaller else 0
    return f"{count}{_LETTERS[unit]}{f'{rest}{_LETTERS[smaller]}' if rest else ''}"


def age(since_ms: int, now_ms: int) -> str:
    """How long ago ``since_ms`` was, both wall-clock milliseconds; ``-`` for never."""
    return duration((now_ms - since_ms) / 1000) if since_ms else "-"


def utc_time(at_ms: int) -> str:
    """The moment for sentences that all readers get, wherever they are: ``2026-03-01 14:05:09 UTC``."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
