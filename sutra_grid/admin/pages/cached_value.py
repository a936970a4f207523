"""A value that is computed at most every few seconds and shared by all requests."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from sutra_grid.runtime.clock import Clock

T = TypeVar("T")


class CachedValue(Generic[T]):
    """Caches a value for ``max_age_seconds``. Thread-safe: one request refreshes it, the others get the old value."""

    def __init__(self, clock: Clock, max_age_seconds: float) -> None:
        self._clock = clock
        self._max_age_seconds = max_age_seconds
        self._lock = threading.Lock()  # guards the fields below; not held while computing
        self._value: list[T] = []  # empty before the first
        self._expires_at = clock.monotonic()

    def get(self, compute: Callable[[], T]) -> T:
        """The cached value, or that of ``compute``. After an exception of ``compute`` the next call tries again."""
        with self._lock:
            now = self._clock.monotonic()
            if self._value and now < self._expires_at:
                return self._value[0]
            self._expires_at = now + self._max_age_seconds
        try:
            value = compute()
        except BaseException:
            with self._lock:
                self._expires_at = now
            raise
        with self._lock:
            self._value = [value]
        return value
