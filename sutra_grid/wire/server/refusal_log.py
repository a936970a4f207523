"""Logs refused calls at a bounded rate: a stranger must not fill the disk with them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

from sutra_grid.core.errors import GridError
from sutra_grid.runtime.logging import get_logger

log = get_logger(__name__)

LINE_SECONDS: Final = 10.0
"""One line in this time for all refusals of a server; it says how many it stands for."""


class RefusalLog:
    """Thread-safe; never blocks. ``monotonic`` returns seconds."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        # guarded by _lock:
        self._unlogged = 0
        self._next_line = 0.0

    def __call__(self, path: str, error: GridError, peer: str) -> None:
        """Log the refusal of a call of ``path`` by ``peer``, or count it for the next line."""
        now = self._monotonic()
        with self._lock:
            if now < self._next_line:
                self._unlogged += 1
                return
            self._next_line = now + LINE_SECONDS
            before, self._unlogged = self._unlogged, 0
        log.warning(
            "call refused",
            method=path.removeprefix("/"),
            peer=peer,
            reason=error.reason,
            why=error.message,
            others_before=before,
        )
