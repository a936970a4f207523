"""What SIGHUP, SIGUSR1 and SIGUSR2 do to a daemon. By default they would end it without a word.

    SIGHUP     opens the log again, reads the configuration again and takes up ``[logging]``; other keys need a restart
    SIGUSR1    opens the log again
    SIGUSR2    nothing; it is logged

A daemon that was started from a terminal stops in order when the terminal is closed, unless ``nohup`` protects it.
"""

from __future__ import annotations

import os
import queue
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, Final, Self

from sutra_grid.core.errors import GridError
from sutra_grid.runtime.inherited_signals import is_ignored
from sutra_grid.runtime.logging import get_logger
from sutra_grid.runtime.output_files import OutputFiles

log = get_logger(__name__)

_SIGNALS: Final = (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)


class HangupHandler:
    """Handles the signals on a thread of its own, because a signal handler must not log.

    ``reload`` reads the configuration again; it raises ``GridError`` or ``OSError`` with everything as before. As a
    context manager it installs the handlers and restores the former ones. Main thread only.
    """

    def __init__(self, reload: Callable[[], object], output: OutputFiles | None = None) -> None:
        self._reload = reload
        self._output = output or OutputFiles.of_this_process()
        self._signals: queue.SimpleQueue[int] = queue.SimpleQueue()  # its put is reentrant
        self._former: dict[signal.Signals, Any] = {}
        self._ends_with_terminal = sys.stdin is not None and sys.stdin.isatty()

    def reopen(self) -> None:
        """Open the log again. Any thread; a failure is logged to the former file."""
        try:
            paths = self._output.reopen()
        except OSError as error:
            log.error("log not opened again; the former file stays in use", error=error)
        else:
            log.info("log opened again", paths=",".join(paths) or "none: standard error is no file")

    def reload(self) -> None:
        """Open the log and read the configuration again. Any thread; failures are logged, nothing ends."""
        self.reopen()
        try:
            self._reload()
        except (GridError, OSError, ValueError) as error:
            log.error("configuration not read again; all settings stay as they were", error=error)

    def _run(self) -> None:
        while number := self._signals.get():
            name = signal.Signals(number).name
            try:
                if number == signal.SIGHUP:
                    log.info("signal received: log and configuration are read again", signal=name)
                    self.reload()
                elif number == signal.SIGUSR1:
                    self.reopen()
                else:
                    log.info("signal ignored", signal=name)
            except Exception:  # top of the thread: the next signal must be handled all the same
                log.exception("signal could not be handled", signal=name)

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        if number == signal.SIGHUP and self._ends_with_terminal:
            os.kill(os.getpid(), signal.SIGTERM)
        else:
            self._signals.put(number)

    def __enter__(self) -> Self:
        if is_ignored(signal.SIGHUP):  # nohup
            self._ends_with_terminal = False
        threading.Thread(target=self._run, name="signals", daemon=True).start()
        for number in _SIGNALS:
            self._former[number] = signal.signal(number, self._on_signal)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        while self._former:
            number, handler = self._former.popitem()
            signal.signal(number, handler)
        self._signals.put(0)


_current: list[HangupHandler] = []


def current() -> HangupHandler | None:
    """The handler of this process: for a server with signal handlers of its own, as gunicorn has."""
    return _current[-1] if _current else None


def set_current(handler: HangupHandler | None) -> None:
    """Set or clear the handler of this process."""
    _current[:] = [] if handler is None else [handler]
