"""The timers of all nodes on one heap. Used by one thread, which passes the time in."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)


class TimerQueue(Generic[K]):
    """At most one timer per key and name; arming it again replaces it. Times are monotonic seconds."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, K, str]] = []
        self._armed: dict[K, dict[str, int]] = {}  # entries of the heap with other numbers are cancelled
        self._numbers = itertools.count()

    def arm(self, key: K, name: str, due: float) -> None:
        """Set the timer to ``due``."""
        number = next(self._numbers)
        self._armed.setdefault(key, {})[name] = number
        heapq.heappush(self._heap, (due, number, key, name))

    def cancel(self, key: K) -> None:
        """Cancel all timers of the key."""
        self._armed.pop(key, None)

    def pop_due(self, now: float) -> tuple[K, str] | None:
        """Remove and return the timer that is due first; None when none is due."""
        self._drop_cancelled()
        if not self._heap or self._heap[0][0] > now:
            return None
        _, _, key, name = heapq.heappop(self._heap)
        del self._armed[key][name]
        return key, name

    def seconds_until_next(self, now: float) -> float | None:
        """The time until the next timer is due; None when no timer is armed."""
        self._drop_cancelled()
        return max(0.0, self._heap[0][0] - now) if self._heap else None

    def _drop_cancelled(self) -> None:
        while self._heap:
            _, number, key, name = self._heap[0]
            if self._armed.get(key, {}).get(name) == number:
                return
            heapq.heappop(self._heap)
