"""Bounds on calls that wait for somebody else, so that heartbeats always find a free thread."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from sutra_grid.core.errors import ResourceExhausted
from sutra_grid.core.types import Reason


class Limit:
    """At most ``count`` calls at a time; one more is refused at once, for waiting would hold its thread too."""

    def __init__(self, what: str, count: int) -> None:
        self.count = count
        self._what = what
        self._free = threading.BoundedSemaphore(count)

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Hold one of the places. Raises ``ResourceExhausted`` (``overloaded``) when none is free."""
        if not self._free.acquire(blocking=False):
            raise ResourceExhausted(
                f"{self.count} {self._what} are under way already",
                reason=Reason.OVERLOADED,
                hint="try again in a moment",
            )
        try:
            yield
        finally:
            self._free.release()
