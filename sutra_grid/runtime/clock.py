"""The two clocks that daemons use, as one object that is injected.

Intervals and deadlines use ``monotonic``, which neither an administrator nor NTP can change. ``wall`` is
for people: log lines and events.
"""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Both clocks in seconds. Safe to call from any thread."""

    def monotonic(self) -> float:
        """Seconds since a fixed moment; never goes back."""
        ...

    def wall(self) -> float:
        """Seconds since the Unix epoch; may jump forward or back."""
        ...


class SystemClock:
    """The clocks of the operating system."""

    def monotonic(self) -> float:
        """Seconds of ``CLOCK_MONOTONIC``."""
        return time.monotonic()

    def wall(self) -> float:
        """Seconds of ``CLOCK_REALTIME``."""
        return time.time()


class RetentionClock:
    """Wall time for deleting old rows: after a jump of the wall clock it is late, but never early.

    It follows the wall clock at most ``_PACE`` times as fast as the monotonic clock. So rows are kept for at least
    half of their time, even when the wall clock is set forward by years and back again. For one thread.
    """

    _PACE = 2.0

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._wall = clock.wall()
        self._at = clock.monotonic()

    def wall_ms(self) -> int:
        """Milliseconds since the Unix epoch."""
        now = self._clock.monotonic()
        self._wall = min(self._clock.wall(), self._wall + self._PACE * (now - self._at))
        self._at = now
        return int(self._wall * 1000)


def wall_ms(clock: Clock) -> int:
    """Wall time in whole milliseconds since the Unix epoch, as in ``*_at_ms`` fields."""
    return int(clock.wall() * 1000)
