"""The order of one process's writers to an SQLite file.

SQLite has one writer at a time, and a second one polls with growing sleeps until it gives up. On a slow disk some
writers of a crowd therefore never get their turn. Here they wait in order, and nobody gives up while others advance.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class WriteQueue:
    """First come, first served. Thread-safe; a thread that has its turn must not ask for another."""

    def __init__(self, wait_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._wait_seconds = wait_seconds
        self._clock = clock
        self._changed = threading.Condition()
        self._line: deque[object] = deque()  # guarded by _changed: the first has its turn
        self._advanced_at = float("-inf")  # guarded by _changed

    @contextmanager
    def turn(self) -> Iterator[float]:
        """Wait for the turn of this thread and keep it for the block. Gives the seconds that it may still wait.

        So a writer behind one that waits in vain for another process does not wait twice as long. Raises
        ``TimeoutError`` when no writer advanced for ``wait_seconds``: the first one waits for another process then, or
        its disk does not answer.
        """
        ticket = object()
        with self._changed:
            self._line.append(ticket)
            try:
                remaining = self._wait(ticket)
            except TimeoutError:
                self._leave(ticket)
                raise
        try:
            yield remaining
        except BaseException:
            with self._changed:
                self._leave(ticket)
            raise
        with self._changed:
            self._advanced_at = self._clock()
            self._leave(ticket)

    def advanced(self) -> None:
        """Say that the first writer has begun its transaction: what it waits for now is its own disk."""
        with self._changed:
            self._advanced_at = self._clock()
            self._changed.notify_all()

    def _wait(self, ticket: object) -> float:
        joined_at = self._clock()
        while True:
            remaining = max(joined_at, self._advanced_at) + self._wait_seconds - self._clock()
            if self._line[0] is ticket:
                return max(0.0, remaining)
            if remaining <= 0:
                raise TimeoutError
            self._changed.wait(remaining)

    def _leave(self, ticket: object) -> None:
        self._line.remove(ticket)
        self._changed.notify_all()
