"""The two clocks of the house, as one object that is injected.

Intervals and deadlines are measured with ``monotonic``, which no administrator and no
NTP can turn. ``wall`` is for people: log lines, events, what an operator reads.
"""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Both clocks in seconds. Safe to call from any thread."""

    def monotonic(self) -> float:
        """Seconds since some fixed moment; never goes back."""
        ...

    def wall(self) -> float:
        """Seconds since the Unix epoch; may jump either way."""
        ...


class SystemClock:
    """The clocks of the operating system."""

    def monotonic(self) -> float:
        """Seconds of ``CLOCK_MONOTONIC``."""
        return time.monotonic()

    def wall(self) -> float:
        """Seconds of ``CLOCK_REALTIME``."""
        return time.time()


class UnhurriedWall:
    """Wall time by which old things are thrown away: after a jump it is late, but never early.

    It follows the wall clock at most at ``_PACE`` times the pace of the monotonic one. So what is to be kept for a
    while is kept for half of that at least, also when somebody turns the clock on by years, and back. For one thread.
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
    """Wall time in whole milliseconds since the Unix epoch, the form that ``*_at_ms`` fields carry."""
    return int(clock.wall() * 1000)
