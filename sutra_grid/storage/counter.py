"""A counter for many threads."""

from __future__ import annotations

import threading


class Counter:
    """Counts from 0. Safe from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._value = 0  # guarded by _lock

    def add(self) -> None:
        """Add one."""
        with self._lock:
            self._value += 1

    @property
    def value(self) -> int:
        """The count."""
        with self._lock:
            return self._value
