"""A limit on long requests, which follow a log, wait for an event or run a rolling restart.

Each long request occupies a thread of its worker. Together they may use half of the threads, so that the other half
stays free for short requests. They end when the worker stops.
"""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any

from sutra_grid.core.errors import ResourceExhausted
from sutra_grid.core.types import Reason


class ThreadSlot:
    """Permission to occupy a thread. ``release``, which is idempotent, or the end of a ``with`` returns it."""

    def __init__(self, release: Callable[[], None]) -> None:
        self._release = release
        self._lock = threading.Lock()  # guards _is_held
        self._is_held = True

    def release(self) -> None:
        """Return it, so that another request can acquire it."""
        with self._lock:
            was_held, self._is_held = self._is_held, False
        if was_held:
            self._release()

    def __enter__(self) -> None:
        """Keep it until the end of the ``with``."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


class LongRequests:
    """Counts long requests and tells them when to end. Thread-safe. The server sets ``is_worker_ending``."""

    def __init__(self, threads: int) -> None:
        self.limit = max(1, threads // 2)
        self.is_worker_ending: Callable[[], bool] = lambda: False
        self._free = threading.Semaphore(self.limit)
        self._rolling_restart_free = threading.Semaphore(1)

    def acquire(self) -> ThreadSlot:
        """Acquire a slot without waiting. Raises ``ResourceExhausted`` (429) when none is free."""
        return _acquire(
            self._free, f"this worker already serves {self.limit} requests that wait or follow, which is its limit"
        )

    def acquire_rolling_restart(self) -> ThreadSlot:
        """Acquire the slot for the one rolling restart that a worker runs at a time. Raises ``ResourceExhausted``."""
        return _acquire(self._rolling_restart_free, "this worker already runs a rolling restart")


def _acquire(free: threading.Semaphore, message: str) -> ThreadSlot:
    if not free.acquire(blocking=False):
        raise ResourceExhausted(message, reason=Reason.OVERLOADED, hint="Try again later, or end one of those requests")
    return ThreadSlot(free.release)


def is_client_gone(environ: Mapping[str, Any]) -> bool:
    """Whether the client has closed its connection. Does not block.

    Works for plain connections served by gunicorn. For any other connection it returns False, and the next write
    fails instead.
    """
    connection = environ.get("gunicorn.socket")
    if type(connection) is not socket.socket:
        return False
    try:
        poller = select.poll()  # select() cannot watch descriptors above 1023
        poller.register(connection, select.POLLIN)
        return bool(poller.poll(0)) and connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except (OSError, ValueError):  # the connection was reset or is already closed
        return True
