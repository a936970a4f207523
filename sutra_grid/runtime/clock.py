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


def wall_ms(clock: Clock) -> int:
    """Wall time in whole milliseconds since the Unix epoch, the form that ``*_at_ms`` fields carry."""
    return int(clock.wall() * 1000)
