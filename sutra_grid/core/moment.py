"""A time as people write it: a date with a time, or how long ago, such as ``15m``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Final

FORMS: Final = 'a time such as "2026-01-02 03:04" or "2026-01-02T03:04:05Z", or an age such as 15m, 2h or 3d'

MAX_CHARACTERS: Final = 40

_UNIT_MS: Final = {"s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 7 * 86_400_000}
_AGE: Final = re.compile(r"(?:[0-9]{1,9}[smhdw])+", re.ASCII)
_PART: Final = re.compile(r"([0-9]+)([smhdw])", re.ASCII)


@dataclass(frozen=True, slots=True)
class Moment:
    """A time in wall-clock milliseconds, or an age, which moves with the clock."""

    at_ms: int = 0
    ago_ms: int | None = None

    def resolve(self, now_ms: int) -> int:
        """The time in wall-clock milliseconds when it is ``now_ms``; at least 1, because 0 means any time."""
        return max(1, self.at_ms if self.ago_ms is None else now_ms - self.ago_ms)


def parse_moment(text: str, zone: tzinfo | None = UTC) -> Moment:
    """Parse one of ``FORMS``. A time without a zone is in ``zone``; None is the zone of this machine.

    Raises ``ValueError`` that says what is allowed.
    """
    written = text.strip()
    if _AGE.fullmatch(written):
        return Moment(ago_ms=sum(int(count) * _UNIT_MS[unit] for count, unit in _PART.findall(written)))
    try:
        if len(written) > MAX_CHARACTERS or "-" not in written[:5]:
            raise ValueError
        at = datetime.fromisoformat(written)
        if at.tzinfo is None and zone is not None:
            at = at.replace(tzinfo=zone)
        return Moment(at_ms=round(at.timestamp() * 1000))
    except (ValueError, OverflowError, OSError):
        raise ValueError(f"must be {FORMS}") from None
