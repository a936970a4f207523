"""Whether the master answers, asked at most every few seconds however many pages want to know."""

from __future__ import annotations

import threading
from typing import Final

from sutra_grid.admin.master_link import MasterLink
from sutra_grid.core.errors import GridError
from sutra_grid.runtime.clock import Clock

KEPT_SECONDS: Final = 2.0


class MasterWatch:
    """Remembers the last answer for ``KEPT_SECONDS``. Thread-safe: one asks, the others take what is known."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()  # guards the fields below; never held while asking
        self._fault: GridError | None = None
        self._next_look = clock.monotonic()

    def fault(self, link: MasterLink) -> GridError | None:
        """Why the master can't be asked, or None while it answers. Takes a second at most."""
        with self._lock:
            now = self._clock.monotonic()
            if now < self._next_look:
                return self._fault
            self._next_look = now + KEPT_SECONDS
        found: GridError | None = None
        try:
            link.check()
        except GridError as error:
            found = error
        with self._lock:
            self._fault = found
        return found
