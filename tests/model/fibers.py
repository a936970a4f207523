"""Blocking code as coroutines: threads that pass a baton, so that only one of them runs at a time.

The master's commands and the agent's heartbeats block on the network. Here each runs in a fiber, which parks
where the real code would wait. The simulation decides which fiber continues, and when. Nothing runs in parallel,
so a history is the same each time.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable


class Killed(BaseException):
    """The process that runs this code was killed. It is not an ``Exception``, so no handler catches it."""


class Fiber:
    """One piece of blocking work. ``resume`` passes the baton to it, ``park`` passes it back."""

    def __init__(self, work: Callable[[], None]) -> None:
        self._work = work
        self._mine = threading.Semaphore(0)
        self._back = threading.Semaphore(0)
        self._thrown: BaseException | None = None
        self._failure: BaseException | None = None
        self.started = False
        self.done = False
        self.waits = 0  # numbers the waits, so that a late wake-up has no effect

    def resume(self, throw: BaseException | None = None) -> None:
        """Run the fiber until it parks or ends. Raises the exception that it ended with."""
        if self.done:
            return
        self._thrown = throw
        if self.started:
            self._mine.release()
        else:
            self.started = True
            _run_on_worker(self._run)
        self._back.acquire()
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure

    def park(self) -> None:
        """Called in the fiber: wait until it is resumed."""
        self.waits += 1
        self._back.release()
        self._mine.acquire()
        if self._thrown is not None:
            raise self._thrown

    def _run(self) -> None:
        try:
            if self._thrown is None:
                self._work()
        except BaseException as failure:  # noqa: BLE001 - handed to whoever resumed it
            self._failure = failure
        self.done = True
        self._back.release()


_idle: list[queue.SimpleQueue[Callable[[], None]]] = []  # threads are reused: a start costs more than a switch


def _run_on_worker(work: Callable[[], None]) -> None:
    if _idle:
        inbox = _idle.pop()
    else:
        inbox = queue.SimpleQueue()
        threading.Thread(target=_serve, args=(inbox,), name="fiber", daemon=True).start()
    inbox.put(work)


def _serve(inbox: queue.SimpleQueue[Callable[[], None]]) -> None:
    while True:
        work = inbox.get()
        work()
        _idle.append(inbox)
