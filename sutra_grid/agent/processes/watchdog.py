"""One thread that waits for the ends of all processes at once, children and adopted alike.

It polls their pidfds, which become readable the moment a process ends; processes
without one are looked at several times a second. It reaps, tells the end once, and
has then let go of the process: closing it is its owner's business.
"""

from __future__ import annotations

import contextlib
import os
import select
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from sutra_grid.agent.processes.process import ProcessHandle
from sutra_grid.core.node.record import ExitStatus
from sutra_grid.runtime.logging import get_logger

log = get_logger(__name__)

OnExit = Callable[[str, ProcessHandle, ExitStatus], None]

_POLL_SECONDS = 0.2  # between two looks at processes without a pidfd
_IDLE_SECONDS = 30.0
_JOIN_SECONDS = 5.0


class Watchdog:
    """Calls ``on_exit(node_id, process, status)`` from its own thread, once a process."""

    def __init__(self, on_exit: OnExit) -> None:
        self._on_exit = on_exit
        self._lock = threading.Lock()  # guards _added and _stopping
        self._added: list[tuple[str, ProcessHandle]] = []
        self._stopping = False
        self._wake_reader, self._wake_writer = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._thread = threading.Thread(target=self._run, name="watchdog", daemon=True)
        self._poller = select.poll()
        self._watched: dict[int, tuple[str, ProcessHandle]] = {}  # by pidfd; the thread's own
        self._polled: list[tuple[str, ProcessHandle]] = []  # without a pidfd; the thread's own

    def watch(self, node_id: str, process: ProcessHandle) -> None:
        """Wait for the end of ``process`` too. Any thread; never blocks."""
        with self._lock:
            self._added.append((node_id, process))
        self._wake()

    def stop(self) -> None:
        """End the thread. The processes live on; nothing is told of them any more."""
        with self._lock:
            self._stopping = True
        self._wake()
        self._thread.join(_JOIN_SECONDS)
        if not self._thread.is_alive():
            os.close(self._wake_reader)
            os.close(self._wake_writer)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _wake(self) -> None:
        with contextlib.suppress(BlockingIOError):  # it is full of wake-ups already
            os.write(self._wake_writer, b"\0")

    def _run(self) -> None:
        self._poller.register(self._wake_reader, select.POLLIN)
        while self._take_added():
            timeout_seconds = _POLL_SECONDS if self._polled else _IDLE_SECONDS
            ready = [fd for fd, _ in self._poller.poll(timeout_seconds * 1000)]
            try:
                self._handle(ready)
            except Exception:  # the thread's top: the other processes must still be watched
                log.exception("watching failed")

    def _take_added(self) -> bool:
        """Take over what was handed in; False when it is time to end."""
        with self._lock:
            arriving, self._added = self._added, []
            stopping = self._stopping
        for node_id, process in arriving:
            if process.pidfd is None:
                self._polled.append((node_id, process))
            else:
                self._watched[process.pidfd] = (node_id, process)
                self._poller.register(process.pidfd, select.POLLIN)
        return not stopping

    def _handle(self, ready: list[int]) -> None:
        for fd in ready:
            if fd == self._wake_reader:
                os.read(self._wake_reader, 4096)
                continue
            node_id, process = self._watched[fd]
            status = process.poll()
            if status is not None:
                self._poller.unregister(fd)
                del self._watched[fd]
                self._on_exit(node_id, process, status)
        still_alive = []
        for node_id, process in self._polled:
            status = process.poll()
            if status is None:
                still_alive.append((node_id, process))
            else:
                self._on_exit(node_id, process, status)
        self._polled = still_alive
