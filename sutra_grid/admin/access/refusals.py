"""Refused requests and failed logins: counted for the metrics, and logged at a bounded rate."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from typing import Final

from sutra_grid.core.errors import GridError
from sutra_grid.registry import Registry
from sutra_grid.runtime.clock import Clock
from sutra_grid.runtime.logging import get_logger

log = get_logger(__name__)

COUNTER_PREFIX: Final = "admin.refused."
UNAUTHENTICATED: Final = "unauthenticated"
FORBIDDEN: Final = "forbidden"
LOGIN_FAILED: Final = "login_failed"
TOO_MANY_LOGINS: Final = "too_many_logins"
KINDS: Final = (UNAUTHENTICATED, FORBIDDEN, LOGIN_FAILED, TOO_MANY_LOGINS)
"""The values of the metric's label; each has one line in the log every ``LOG_SECONDS``."""

LOG_SECONDS: Final = 10.0
FLUSH_SECONDS: Final = 5.0
"""Workers add their counts to those of the registry this often at most, so that every worker shows the same."""


class Refusals:
    """Thread-safe. One of each worker."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        # guarded by _lock:
        self._pending: Counter[str] = Counter()
        self._silent: Counter[str] = Counter()
        self._next_line: dict[str, float] = {}
        self._next_flush = clock.monotonic()

    def count(self, kind: str, address: str, message: str) -> None:
        """Count one, and write a line unless one of its kind was written shortly before."""
        with self._lock:
            self._pending[kind] += 1
            now = self._clock.monotonic()
            if now < self._next_line.get(kind, now):
                self._silent[kind] += 1
                return
            self._next_line[kind] = now + LOG_SECONDS
            silent = self._silent.pop(kind, 0)
        log.warning("request refused", kind=kind, address=address, why=message, more_since_last_line=silent)

    def has_pending(self) -> bool:
        """Whether something is counted that the registry does not have, and it is time to add it."""
        with self._lock:
            return bool(self._pending) and self._clock.monotonic() >= self._next_flush

    def flush(self, registry: Registry) -> None:
        """Add what was counted to the registry's counters. A registry that fails gets it later."""
        with self._lock:
            pending, self._pending = self._pending, Counter()
            self._next_flush = self._clock.monotonic() + FLUSH_SECONDS
        if not pending:
            return
        try:
            registry.add_to_counters({COUNTER_PREFIX + kind: number for kind, number in pending.items()})
        except GridError as error:
            log.warning("refused requests not recorded yet", error=error.message)
            with self._lock:
                self._pending.update(pending)


def totals(counters: Mapping[str, int]) -> dict[str, int]:
    """The refusals by kind, from the registry's counters."""
    return {kind: counters.get(COUNTER_PREFIX + kind, 0) for kind in KINDS}
