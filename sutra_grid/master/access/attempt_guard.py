"""Slows down addresses that fail to join or to show a token, and logs refusals at a bounded rate."""

from __future__ import annotations

import threading
from typing import Final

from sutra_grid.core.access.attempts import AttemptLimit
from sutra_grid.core.errors import GridError, ResourceExhausted
from sutra_grid.core.types import Reason
from sutra_grid.runtime.clock import Clock
from sutra_grid.runtime.logging import get_logger

log = get_logger(__name__)

LOG_SECONDS: Final = 10.0
"""One line in this time for all refusals: a stranger must not fill the disk with them."""


class AttemptGuard:
    """Thread-safe; never blocks."""

    def __init__(self, clock: Clock, limit: AttemptLimit | None = None) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._limit = limit or AttemptLimit()  # this and the fields below are guarded by _lock
        self._refused = 0
        self._unlogged = 0
        self._next_log = 0.0

    @property
    def refused(self) -> int:
        """Failures since the start."""
        with self._lock:
            return self._refused

    def admit(self, address: str) -> None:
        """Raise ``ResourceExhausted`` when the address has failed too often to try now."""
        with self._lock:
            seconds = self._limit.wait_seconds(address, self._clock.monotonic())
        if seconds > 0:
            raise ResourceExhausted(
                f"too many refused tokens from {address or 'this address'}",
                reason=Reason.OVERLOADED,
                hint=f"Try again in {int(seconds) + 1} seconds, with a token that is valid",
            )

    def failed(self, address: str, token_id: str, error: GridError) -> None:
        """Count a failure of the address."""
        now = self._clock.monotonic()
        with self._lock:
            self._limit.failed(address, now)
            self._refused += 1
            self._unlogged += 1
            if now < self._next_log:
                return
            self._next_log = now + LOG_SECONDS
            unlogged, self._unlogged = self._unlogged - 1, 0
        log.warning(
            "token refused",
            token=token_id or "-",
            address=address or "-",
            reason=error.reason,
            why=error.message,
            others_before=unlogged,
        )
