"""One thread that waits for the end of every process, whether started or adopted.

It polls their pidfds, which become readable when a process ends. Processes without a pidfd are
checked several times a second. It reaps a process, reports its end once, and then no longer uses
it; the owner of the process closes it.
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

_POLL_SECONDS = 0.2  # between two checks of processes without a pidfd
_IDLE_SECONDS = 30.0  # between two wake-ups without any event; a pidfd or the pipe wakes the thread earlier
_JOIN_SECONDS = 5.0  # a thread that is stuck longer is left to end with the process


class Watchdog:
    """Calls ``on_exit(node_id, process, status)`` from its own thread, once per process."""

    def __init__(self, on_exit: OnExit) -> None:
        self._on_exit = on_exit
        self._lock = threading.Lock()  # guards _added and _stopping
        self._added: list[tuple[str, ProcessHandle]] = []
        self._stopping = False
        self._wake_reader, self._wake_writer = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._thread = threading.Thread(target=self._run, name="watchdog", daemon=True)
        self._poller = select.poll()
        self._watched: dict[int, tuple[str, ProcessHandle]] = {}  # by pidfd; used by the thread only
        self._polled: list[tuple[str, ProcessHandle]] = []  # without a pidfd; used by the thread only

    def watch(self, node_id: str, process: ProcessHandle) -> None:
        """Also wait for the end of ``process``. Any thread; never blocks."""
        with self._lock:
            self._added.append((node_id, process))
        self._wake()

    def stop(self) -> None:
        """End the thread. The processes run on, and their ends are no longer reported."""
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
        with contextlib.suppress(BlockingIOError):  # the pipe is full of wake-ups already
            os.write(self._wake_writer, b"\0")

    def _run(self) -> None:
        self._poller.register(self._wake_reader, select.POLLIN)
        while self._take_added():
            timeout_seconds = _POLL_SECONDS if self._polled else _IDLE_SECONDS
            ready = [fd for fd, _ in self._poller.poll(timeout_seconds * 1000)]
            try:
                self._handle(ready)
            except Exception:  # top of the thread: the other processes must still be watched
                log.exception("the end of a process could not be handled")

    def _take_added(self) -> bool:
        """Start to watch the added processes; False when the thread must end."""
        with self._lock:
            added, self._added = self._added, []
            stopping = self._stopping
        for node_id, process in added:
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
