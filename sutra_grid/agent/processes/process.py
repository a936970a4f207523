"""The handle of one process of a node: signal it, reap it.

A signal goes through the pidfd of the process, which never refers to another process. Without
pidfds a child is safe to signal because it is not reaped yet, and an adopted process is proved
again before each signal.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
from typing import Protocol

from sutra_grid.agent.processes.identity import Presence
from sutra_grid.agent.processes.proof import look_for
from sutra_grid.core.node.record import ExitStatus, ProcessIdentity, signal_name
from sutra_grid.runtime.logging import get_logger
from sutra_grid.runtime.steps import Step, reached

log = get_logger(__name__)


class ProcessHandle(Protocol):
    """A process of the agent. Its owner closes it after the process has ended."""

    @property
    def identity(self) -> ProcessIdentity:
        """The identity of the process."""
        ...

    @property
    def pidfd(self) -> int | None:
        """A descriptor that becomes readable when the process ends; None when the kernel has no pidfds."""
        ...

    def send_signal(self, number: int) -> None:
        """Send a signal. Does nothing when the process is gone."""
        ...

    def poll(self) -> ExitStatus | None:
        """Reap the process if it has ended; None while it is alive. Never blocks."""
        ...

    def close(self) -> None:
        """Release the descriptor."""
        ...


class OsProcessHandle:
    """A process of this host, referred to by its pidfd where there is one."""

    def __init__(self, identity: ProcessIdentity, pidfd: int | None, child: subprocess.Popen[bytes] | None) -> None:
        self._identity = identity
        self._pidfd = pidfd
        self._child = child

    @property
    def identity(self) -> ProcessIdentity:
        """The identity of the process."""
        return self._identity

    @property
    def pidfd(self) -> int | None:
        """A descriptor that becomes readable when the process ends."""
        return self._pidfd

    def send_signal(self, number: int) -> None:
        """Signal the process. Does nothing when the process is gone."""
        try:
            self._send(number)
        except ProcessLookupError:
            return
        except PermissionError as error:  # the program has changed its user
            log.error("signal not permitted", pid=self._identity.pid, signal=number, error=error)
            return
        reached(Step.SIGNAL_SENT, signal_name(number))

    def _send(self, number: int) -> None:
        if self._pidfd is not None:
            signal.pidfd_send_signal(self._pidfd, number)
        elif self._child is not None:
            self._child.send_signal(number)
        elif look_for(self._identity).presence is Presence.ALIVE:
            os.kill(self._identity.pid, number)

    def poll(self) -> ExitStatus | None:
        """Reap a child. Of an adopted process only the end is known, because the exit code goes to its parent."""
        if self._child is not None:
            returncode = self._child.poll()
            if returncode is None:
                return None
            return ExitStatus(code=returncode) if returncode >= 0 else ExitStatus(signal=-returncode)
        return ExitStatus() if self._has_ended() else None

    def _has_ended(self) -> bool:
        if self._pidfd is not None:
            return self._pidfd_readable()
        return look_for(self._identity).presence is Presence.ENDED

    def _pidfd_readable(self) -> bool:
        poller = select.poll()
        poller.register(self._pidfd if self._pidfd is not None else -1, select.POLLIN)
        return bool(poller.poll(0))

    def close(self) -> None:
        """Close the pidfd. Only after the watchdog has stopped using it."""
        if self._pidfd is not None:
            os.close(self._pidfd)
            self._pidfd = None
