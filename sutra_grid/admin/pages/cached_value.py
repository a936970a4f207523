"""Something that many requests ask for and that may be a few seconds old: found once, told to all."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from sutra_grid.runtime.clock import Clock

T = TypeVar("T")


class CachedValue(Generic[T]):
    """The last value for ``kept_seconds``. Thread-safe: then one request finds it anew, the others take the old one."""

    def __init__(self, clock: Clock, kept_seconds: float) -> None:
        self._clock = clock
        self._kept_seconds = kept_seconds
        self._lock = threading.Lock()  # guards the fields below; never held while finding
        self._value: list[T] = []  # none before the first
        self._next_look = clock.monotonic()

    def get(self, find: Callable[[], T]) -> T:
        """The value. What ``find`` raises is raised, and the next request tries again."""
        with self._lock:
            now = self._clock.monotonic()
            if self._value and now < self._next_look:
                return self._value[0]
            self._next_look = now + self._kept_seconds
        try:
            found = find()
        except BaseException:
            with self._lock:
                self._next_look = now
            raise
        with self._lock:
            self._value = [found]
        return found
