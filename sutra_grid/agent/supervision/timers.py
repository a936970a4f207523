"""Timers of many nodes on one heap. One thread uses it; time is told to it."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)


class TimerQueue(Generic[K]):
    """At most one timer a key and name; arming again replaces it. Times in monotonic seconds."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, K, str]] = []
        self._armed: dict[K, dict[str, int]] = {}  # the heap's other entries are cancelled ones
        self._numbers = itertools.count()

    def arm(self, key: K, name: str, due: float) -> None:
        """Let the timer run out at ``due``."""
        number = next(self._numbers)
        self._armed.setdefault(key, {})[name] = number
        heapq.heappush(self._heap, (due, number, key, name))

    def cancel(self, key: K) -> None:
        """None of the key's timers runs out any more."""
        self._armed.pop(key, None)

    def pop_due(self, now: float) -> tuple[K, str] | None:
        """The timer that ran out first, which is armed no more; None when none is due."""
        self._drop_cancelled()
        if not self._heap or self._heap[0][0] > now:
            return None
        _, _, key, name = heapq.heappop(self._heap)
        del self._armed[key][name]
        return key, name

    def seconds_until_next(self, now: float) -> float | None:
        """How long until a timer is due; None when none is armed."""
        self._drop_cancelled()
        return max(0.0, self._heap[0][0] - now) if self._heap else None

    def _drop_cancelled(self) -> None:
        while self._heap:
            _, number, key, name = self._heap[0]
            if self._armed.get(key, {}).get(name) == number:
                return
            heapq.heappop(self._heap)
