"""Limits how many calls wait for an agent or the registry at once, so that heartbeats always find a free thread."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from sutra_grid.core.errors import ResourceExhausted
from sutra_grid.core.types import Reason


class ConcurrencyLimit:
    """At most ``count`` calls at a time. One more is refused at once, because waiting would hold a thread too."""

    def __init__(self, what: str, count: int) -> None:
        self.count = count
        self._what = what
        self._lock = threading.Lock()
        self._taken = 0  # guarded by _lock

    @property
    def in_use(self) -> int:
        """How many calls are under way."""
        with self._lock:
            return self._taken

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Count a call while the context lasts. Raises ``ResourceExhausted`` (``overloaded``) above the limit."""
        with self._lock:
            if self._taken >= self.count:
                raise ResourceExhausted(
                    f"{self.count} {self._what} are already under way",
                    reason=Reason.OVERLOADED,
                    hint="Try again in a moment",
                )
            self._taken += 1
        try:
            yield
        finally:
            with self._lock:
                self._taken -= 1
