"""A timer that repeats until it is stopped, on a schedule that does not drift."""

from __future__ import annotations

import math
import random
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

from sutra_grid.runtime.clock import Clock, SystemClock
from sutra_grid.runtime.logging import get_logger

log = get_logger(__name__)

STOP_TIMEOUT_SECONDS: Final = 5.0


def next_due(started: float, interval_seconds: float, now: float) -> float:
    """The first moment after ``now`` of the schedule ``started + n * interval``, n >= 1.

    Counting from the start keeps delays from adding up. A moment that passed while a tick ran is
    skipped, so that ticks never come in bursts.
    """
    passed = math.floor((now - started) / interval_seconds)
    return started + max(passed + 1, 1) * interval_seconds


class Ticker(threading.Timer):
    """Calls ``tick`` every ``interval_seconds`` on a daemon thread named ``name``.

    The first call comes one interval after the start, or at once after ``trigger``. Each call
    is delayed by a random part of the interval, up to ``jitter`` of it, so that many tickers that
    started together do not act together. An exception of ``tick`` is logged and counted in
    ``failures``; it never ends the ticker.

    The owner starts and stops it, or uses it as a context manager.
    """

    def __init__(
        self,
        name: str,
        interval_seconds: float,
        tick: Callable[[], object],
        *,
        jitter: float = 0.1,
        clock: Clock | None = None,
    ) -> None:
        if interval_seconds <= 0 or not 0 <= jitter < 1:
            raise ValueError(f"ticker {name}: interval {interval_seconds} s must be above 0, jitter {jitter} in [0, 1)")
        super().__init__(interval_seconds, tick)
        self.name = name
        self.daemon = True
        self.failures = 0
        self._jitter = jitter
        self._clock = clock or SystemClock()
        self._wake = threading.Event()
        self._triggered = False

    def run(self) -> None:
        """The thread: wait for the next moment, tick, until ``cancel``."""
        started = self._clock.monotonic()
        while self._wait_until(next_due(started, self.interval, self._clock.monotonic()) + self._delay_seconds()):
            self._tick_safely()

    def trigger(self) -> None:
        """Tick now, on the ticker's thread. The schedule does not change. Any thread; never blocks."""
        self._triggered = True
        self._wake.set()

    def cancel(self) -> None:
        """Ask it to end after the current tick. Any thread; never blocks."""
        super().cancel()
        self._wake.set()

    def stop(self, timeout_seconds: float = STOP_TIMEOUT_SECONDS) -> bool:
        """Cancel and wait for the thread's end; false when a tick took longer than the timeout. May be called again."""
        self.cancel()
        if not self.is_alive() or threading.current_thread() is self:
            return True
        self.join(timeout_seconds)
        if self.is_alive():
            log.warning("ticker did not stop in time", ticker=self.name, timeout_seconds=timeout_seconds)
        return not self.is_alive()

    def _wait_until(self, due: float) -> bool:
        """True when it is time for a tick, false when the ticker was cancelled."""
        while not self.finished.is_set():
            remaining = due - self._clock.monotonic()
            if remaining <= 0:
                return True
            self._wake.wait(min(remaining, threading.TIMEOUT_MAX))
            self._wake.clear()
            if self._triggered:
                self._triggered = False
                return not self.finished.is_set()
        return False

    def _delay_seconds(self) -> float:
        return random.uniform(0, self._jitter) * self.interval

    def _tick_safely(self) -> None:
        try:
            self.function()
        except BaseException:  # the top of the thread: not even a SystemExit may end it silently
            self.failures += 1
            log.exception("tick failed", ticker=self.name, failures=self.failures)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
