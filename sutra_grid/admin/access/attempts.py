"""The limit on failed logins of one worker."""

from __future__ import annotations

import threading

from sutra_grid.core.access.login import LoginLimit


class LoginAttempts:
    """``LoginLimit`` behind a lock. Each worker counts for itself, so n workers let n times as many logins fail.

    Flask-Limiter would need a server of its own to count for all workers, and in memory it keeps every name that
    anybody tries until its window ends.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._limit = LoginLimit()  # guarded by _lock

    def __len__(self) -> int:
        with self._lock:
            return len(self._limit)

    def wait_seconds(self, account: str, address: str, now: float) -> float:
        """Seconds until this may be tried; 0 when it may now."""
        with self._lock:
            return self._limit.wait_seconds(account, address, now)

    def failed(self, account: str, address: str, now: float) -> None:
        """Count a failure."""
        with self._lock:
            self._limit.failed(account, address, now)
