"""Blocking code as coroutines: threads that hand one baton round, so that only one of them ever runs.

The master's commands and the agent's heartbeats block on the network. Here each runs in a fiber, which parks
where the real one would wait; the simulation decides who goes on and when. Nothing runs at the same time,
so a history is the same each time it is played.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable


class Killed(BaseException):
    """The process that ran this code is dead; no ``except Exception`` may save it."""


class Fiber:
    """One piece of blocking work. ``resume`` and ``park`` hand the baton over and back."""

    def __init__(self, work: Callable[[], None]) -> None:
        self._work = work
        self._mine = threading.Semaphore(0)
        self._back = threading.Semaphore(0)
        self._thrown: BaseException | None = None
        self._failure: BaseException | None = None
        self.started = False
        self.done = False
        self.waits = 0  # numbers the waits, so that a late wake-up wakes nobody

    def resume(self, throw: BaseException | None = None) -> None:
        """Let it run until it parks or ends; raises what it ended by."""
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
        """Called from within: wait until it is resumed."""
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


_idle: list[queue.SimpleQueue[Callable[[], None]]] = []  # workers are kept: a thread's start costs more than a turn


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
