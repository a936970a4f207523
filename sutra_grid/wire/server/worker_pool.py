"""The threads that answer calls, and how many of them are busy."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple, TypeVar

from sutra_grid.core.errors import ResourceExhausted
from sutra_grid.core.types import Reason

T = TypeVar("T")


class WorkerUse(NamedTuple):
    """The most threads, threads that run a call, and calls that wait for a thread."""

    threads: int
    busy: int
    waiting: int


class WorkerPool(ThreadPoolExecutor):
    """A pool of threads that counts its calls. Thread-safe.

    All threads start at once: gRPC stops to serve when a thread can't be started in the middle of its work.
    """

    def __init__(self, threads: int, name: str) -> None:
        super().__init__(max_workers=threads, thread_name_prefix=name)
        self._most = threads
        self._counts = threading.Lock()
        # guarded by _counts:
        self._submitted = 0
        self._started = 0
        self._ended = 0
        self._start_threads()

    def _start_threads(self) -> None:
        """Start every thread. Raises ``ResourceExhausted`` when the system does not allow as many."""
        everyone = threading.Event()
        try:
            for _ in range(self._most):
                super().submit(everyone.wait)
        except RuntimeError as error:
            raise ResourceExhausted(
                f"{self._most} threads can't be started: {error}",
                reason=Reason.LIMIT_REACHED,
                hint="Raise the limit of processes where the program is started (ulimit -u, TasksMax, pids.max), "
                "or configure fewer workers",
            ) from error
        finally:
            everyone.set()

    @property
    def use(self) -> WorkerUse:
        """The current numbers."""
        with self._counts:
            return WorkerUse(self._most, self._started - self._ended, self._submitted - self._started)

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """As in the parent class."""
        with self._counts:
            self._submitted += 1
        return super().submit(self._counted, fn, *args, **kwargs)

    def _counted(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> T:
        with self._counts:
            self._started += 1
        try:
            return fn(*args, **kwargs)
        finally:
            with self._counts:
                self._ended += 1
