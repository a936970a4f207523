"""Waits for the next event by polling the registry."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

from sutra_grid.core.types import Event

POLL_SECONDS: Final = 0.25


def wait_for_events(read: Callable[[], list[Event]], seconds: float, is_over: Callable[[], bool]) -> list[Event]:
    """The events that ``read`` returns, once there are any. Empty after ``seconds`` or when ``is_over``."""
    never = threading.Event()
    deadline = time.monotonic() + seconds
    while not (events := read()):
        left_seconds = deadline - time.monotonic()
        if left_seconds <= 0 or is_over():
            return []
        never.wait(min(POLL_SECONDS, left_seconds))
    return events
