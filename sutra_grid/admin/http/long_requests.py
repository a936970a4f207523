"""Requests that hold a thread for long: bounded in number, and ended with the worker.

A worker has so many threads; whoever follows a log, waits for an event or rolls through nodes keeps one.
Together they may have half of them, so that the other half always answers.
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
    """The right to one thread. It is given back by ``release``, once or more often, or at the end of a ``with``."""

    def __init__(self, release: Callable[[], None]) -> None:
        self._release = release
        self._lock = threading.Lock()  # guards _is_held
        self._is_held = True

    def release(self) -> None:
        """Let another request have it."""
        with self._lock:
            was_held, self._is_held = self._is_held, False
        if was_held:
            self._release()

    def __enter__(self) -> None:
        """Hold it."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


class LongRequests:
    """Counts them, and tells them when to end. Thread-safe. A server that has workers sets ``is_worker_ending``."""

    def __init__(self, threads: int) -> None:
        self.limit = max(1, threads // 2)
        self.is_worker_ending: Callable[[], bool] = lambda: False
        self._free = threading.Semaphore(self.limit)
        self._rolling_restart_free = threading.Semaphore(1)

    def acquire(self) -> ThreadSlot:
        """A slot, at once. Raises ``ResourceExhausted`` (429) when none is free."""
        return _acquire(
            self._free, f"{self.limit} requests that wait or follow are open in this worker, and no more may be"
        )

    def acquire_rolling_restart(self) -> ThreadSlot:
        """The slot of the one rolling restart that a worker carries out at a time. Raises ``ResourceExhausted``."""
        return _acquire(self._rolling_restart_free, "this worker carries out a rolling restart already")


def _acquire(free: threading.Semaphore, why_not: str) -> ThreadSlot:
    if not free.acquire(blocking=False):
        raise ResourceExhausted(why_not, reason=Reason.OVERLOADED, hint="Try again in a moment, or end one of them")
    return ThreadSlot(free.release)


def is_client_gone(environ: Mapping[str, Any]) -> bool:
    """Whether the client has closed its connection, so that nobody reads the answer. Does not block.

    Known of a plain connection that gunicorn serves; of any other the answer is False, and the next
    write tells.
    """
    connection = environ.get("gunicorn.socket")
    if type(connection) is not socket.socket:
        return False
    try:
        poller = select.poll()  # select() knows no descriptor above 1023
        poller.register(connection, select.POLLIN)
        return bool(poller.poll(0)) and connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except (OSError, ValueError):  # it was reset, or is closed already
        return True
