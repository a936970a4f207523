"""One request to end the process, from a signal or from the program itself."""

from __future__ import annotations

import math
import queue
import signal
import time
from types import FrameType, TracebackType
from typing import Any, Final, Self

SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)
WAKE_SECONDS: Final = 0.5


class Shutdown:
    """Set once, seen by everybody who waits.

    Made of a ``SimpleQueue``, whose ``put`` is reentrant, and not of a ``threading.Event``: a
    signal handler runs inside whatever the main thread was doing, and ``Event.set`` there
    deadlocks when that was ``Event.wait`` with the event's lock in hand.

    As a context manager it installs the handlers and puts the former ones back.
    """

    def __init__(self) -> None:
        self._token: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._reason: str | None = None
        self._former: dict[signal.Signals, Any] = {}

    def install(self) -> None:
        """Take SIGTERM and SIGINT. Main thread only. A second signal changes nothing."""
        for number in SIGNALS:
            self._former[number] = signal.signal(number, self._on_signal)

    def uninstall(self) -> None:
        """Put back the handlers that ``install`` found. Main thread only."""
        while self._former:
            number, handler = self._former.popitem()
            signal.signal(number, handler)

    def request(self, reason: str) -> None:
        """End the process because of ``reason``. Any thread; the first reason stays."""
        if self._reason is None:
            self._reason = reason
            self._token.put(None)

    def wait(self, timeout_seconds: float | None = None) -> bool:
        """Block until a request or the timeout; true when there was a request. Any thread, any number of them."""
        deadline = math.inf if timeout_seconds is None else time.monotonic() + timeout_seconds
        while not self._took_token(deadline - time.monotonic()):
            if time.monotonic() >= deadline:
                return False
        self._token.put(None)  # for the next one who waits
        return True

    def _took_token(self, seconds: float) -> bool:
        # The kernel may give a signal to any thread, also to one of gRPC's. Python notes it there and handles it
        # when the main thread runs again, which a wait without an end would put off for ever.
        try:
            self._token.get(timeout=max(0.0, min(seconds, WAKE_SECONDS)))
        except queue.Empty:
            return False
        return True

    @property
    def requested(self) -> bool:
        """Whether the process is asked to end."""
        return self._reason is not None

    @property
    def reason(self) -> str:
        """Why, for the log: the signal's name or what ``request`` was told. Empty before."""
        return self._reason or ""

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        self.request(signal.Signals(number).name)

    def __enter__(self) -> Self:
        self.install()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.uninstall()
