"""Time, events and the lives of processes: a discrete simulation in one thread.

A ``Life`` is one run of a daemon. Each of its effects on the outside goes through ``Life.step``, where it can
be killed: between any two effects. Events of a dead life never happen.
"""

from __future__ import annotations

import heapq
import itertools
from collections import deque
from collections.abc import Callable

from support.fakes.clock import FakeClock

from model.fibers import Fiber, Killed

TRACE_LENGTH = 400
_UNTOLD = ("Heartbeat", "write_observations")  # too many to log


class Life:
    """One run of one daemon. ``doom``: the number of further steps after which it is killed."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.alive = True
        self.doom: int | None = None
        self.on_end: list[Callable[[], None]] = []
        self.fibers: dict[Fiber, None] = {}  # ordered, so that histories are reproducible


class Simulation:
    """The clock, and the queue of events."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.acting: Life | None = None
        self.fiber: Fiber | None = None
        self.faults: list[str] = []  # violated rules
        self.trace: deque[str] = deque(maxlen=TRACE_LENGTH)
        self._events: list[tuple[float, int, Life | None, Callable[[], None]]] = []
        self._numbers = itertools.count()

    @property
    def now(self) -> float:
        return self.clock.monotonic()

    def tell(self, text: str) -> None:
        """Add a line to the log of the history."""
        self.trace.append(f"{self.now:9.3f} {text}")

    def fault(self, text: str) -> None:
        """Record a fault. The history fails at its next check."""
        self.tell(f"FAULT {text}")
        self.faults.append(text)

    # -- lives --

    def step(self, life: Life, what: str) -> None:
        """One effect of a live process on the outside. The process can be killed here."""
        if not life.alive:
            raise Killed
        if not any(word in what for word in _UNTOLD):
            self.tell(f"{life.name}: {what}")
        if life.doom is not None:
            life.doom -= 1
            if life.doom < 0:
                raise Killed

    def end(self, life: Life, why: str) -> None:
        """End a life at once, with all its pending events. Within the life itself, raise ``Killed`` instead."""
        if not life.alive:
            return
        life.alive = False
        self.tell(f"{life.name}: ENDS ({why})")
        for fiber in list(life.fibers):
            if fiber is not self.fiber and fiber.started and not fiber.done:
                self._resume(fiber, life, Killed())
        for callback in list(life.on_end):
            callback()

    # -- events --

    def later(self, seconds: float, action: Callable[[], None], life: Life | None = None) -> None:
        """Call ``action`` after ``seconds``, as part of ``life``. Events of the same moment keep their order."""
        heapq.heappush(self._events, (self.now + seconds, next(self._numbers), life, action))

    def run(self, seconds: float) -> None:
        """Let ``seconds`` pass, with all events in them."""
        end = self.now + seconds
        while self._events and self._events[0][0] <= end:
            due, _, life, action = heapq.heappop(self._events)
            self.clock.advance(max(0.0, due - self.now))
            if life is None:
                action()
            elif life.alive:
                self.within(life, action)
        self.clock.advance(max(0.0, end - self.now))

    def within(self, life: Life, action: Callable[[], None]) -> None:
        """Call ``action`` as part of a life, which it may kill."""
        before, self.acting = self.acting, life
        try:
            action()
        except Killed:
            self.acting = before
            self.end(life, "killed")
        finally:
            self.acting = before

    # -- fibers --

    def spawn(self, life: Life, work: Callable[[], None]) -> None:
        """Start blocking work as part of a life."""
        fiber = Fiber(work)
        life.fibers[fiber] = None
        self._resume(fiber, life)

    def wait(self, life: Life, seconds: float, register: Callable[[Callable[[], None]], None] | None = None) -> bool:
        """Called in a fiber: wait. True when the function given to ``register`` was called before the time was over."""
        fiber = self.fiber
        assert fiber is not None, "only a fiber may wait"
        if not life.alive:
            raise Killed
        number = fiber.waits
        woken: list[bool] = []

        def wake(by_call: bool) -> None:
            if fiber.waits == number + 1 and not fiber.done and not woken:
                woken.append(by_call)
                self._resume(fiber, life)

        self.later(seconds, lambda: wake(False), life)
        if register is not None:
            register(lambda: self.later(0.0, lambda: wake(True), life))
        fiber.park()
        return woken[0]

    def _resume(self, fiber: Fiber, life: Life, throw: BaseException | None = None) -> None:
        before, self.fiber = self.fiber, fiber
        acting, self.acting = self.acting, life
        try:
            fiber.resume(throw)
        except Killed:
            if life.alive:
                life.fibers.pop(fiber, None)
                self.fiber, self.acting = before, acting
                self.end(life, "killed")
        finally:
            self.fiber, self.acting = before, acting
            if fiber.done:
                life.fibers.pop(fiber, None)
