"""Points in time for people: local with the zone's offset, or UTC with ``--utc``. Programs read milliseconds.

``2026-01-02 03:04:05+01:00``, in UTC ``2026-01-02 02:04:05Z``: both are ISO 8601, so that ``--started-before`` and
``date -d`` take what was copied from the screen.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, tzinfo

from sutra_grid.core.moment import parse_moment

_zone: list[tzinfo | None] = [None]  # None: the local zone, with the offset that it had at that time


def print_in_utc(utc: bool) -> None:
    """Choose the zone of all times of this process: UTC or local."""
    _zone[0] = UTC if utc else None


def clock_time(at_ms: int) -> str:
    """Date, time to the second and zone of wall-clock milliseconds; ``-`` for never."""
    if not at_ms:
        return "-"
    at = datetime.fromtimestamp(at_ms // 1000, UTC).astimezone(_zone[0])
    return _named(at.isoformat(" "))


def time_of_day(at_ms: int) -> str:
    """``03:04:05+01:00``, for a moment of today."""
    return clock_time(at_ms).partition(" ")[2]


def milliseconds(text: str) -> int:
    """Milliseconds since the epoch of an ISO 8601 time; one without a zone is in the zone that is printed.

    Raises ValueError.
    """
    at = datetime.fromisoformat(text)
    if at.tzinfo is None and _zone[0] is not None:
        at = at.replace(tzinfo=_zone[0])
    return round(at.timestamp() * 1000)


def milliseconds_or_age(text: str) -> int:
    """Milliseconds since the epoch of a time, as ``milliseconds`` reads it, or of an age before now such as ``15m``.

    Raises ValueError.
    """
    return parse_moment(text, _zone[0]).resolve(time.time_ns() // 1_000_000)


def _named(text: str) -> str:
    return text.replace("+00:00", "Z")
