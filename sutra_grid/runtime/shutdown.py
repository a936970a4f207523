"""The request to end the process, from a signal or from the program itself."""

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
    """A request that is set once and seen by every waiting thread.

    It uses a ``SimpleQueue``, whose ``put`` is reentrant, instead of a ``threading.Event``. A signal
    handler interrupts the main thread anywhere: if that is inside ``Event.wait`` while it holds the
    event's lock, ``Event.set`` deadlocks.

    As a context manager it installs the handlers and restores the former ones.
    """

    def __init__(self) -> None:
        self._token: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._reason: str | None = None
        self._former: dict[signal.Signals, Any] = {}

    def install(self) -> None:
        """Handle SIGTERM and SIGINT. Main thread only. A second signal has no effect."""
        for number in SIGNALS:
            self._former[number] = signal.signal(number, self._on_signal)

    def uninstall(self) -> None:
        """Restore the handlers that ``install`` replaced. Main thread only."""
        while self._former:
            number, handler = self._former.popitem()
            signal.signal(number, handler)

    def request(self, reason: str) -> None:
        """Ask the process to end because of ``reason``. Any thread; the first reason stays."""
        if self._reason is None:
            self._reason = reason
            self._token.put(None)

    def wait(self, timeout_seconds: float | None = None) -> bool:
        """Block until a request or the timeout; true after a request. Any number of threads may wait."""
        deadline = math.inf if timeout_seconds is None else time.monotonic() + timeout_seconds
        while not self._took_token(deadline - time.monotonic()):
            if time.monotonic() >= deadline:
                return False
        self._token.put(None)  # for the next thread that waits
        return True

    def _took_token(self, seconds: float) -> bool:
        # The kernel may deliver a signal to any thread, such as one of gRPC's. Python handles it when the main
        # thread runs again, which an endless wait would prevent.
        try:
            self._token.get(timeout=max(0.0, min(seconds, WAKE_SECONDS)))
        except queue.Empty:
            return False
        return True

    @property
    def requested(self) -> bool:
        """Whether the process was asked to end."""
        return self._reason is not None

    @property
    def reason(self) -> str:
        """The reason for the log: the signal's name, or the text given to ``request``. Empty before."""
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
