"""One operating-system process of a node: started or adopted, signalled, reaped.

A process is held by its pidfd, which can never come to mean another process; a
signal goes only through it. Where the kernel has no pidfd, a child is protected by
not being reaped yet, and an adopted process is proved again before each signal.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
from typing import Protocol

from sutra_grid.agent.processes.proof import LaunchMark, is_proved
from sutra_grid.core.node.record import ExitStatus, ProcessIdentity, signal_name
from sutra_grid.runtime.logging import get_logger
from sutra_grid.runtime.steps import Step, reached

log = get_logger(__name__)

_PIDFD_SIGNAL_PROCESS_GROUP = 4  # linux/pidfd.h, since Linux 6.9


class ProcessHandle(Protocol):
    """A process that is ours. The owner closes it after its end, and nobody else uses it then."""

    @property
    def identity(self) -> ProcessIdentity:
        """Who it is."""
        ...

    @property
    def pidfd(self) -> int | None:
        """Becomes readable at the process's end; None where the kernel has none."""
        ...

    def send_signal(self, number: int, *, whole_group: bool = False) -> None:
        """Signal it; nothing happens when it is gone."""
        ...

    def poll(self) -> ExitStatus | None:
        """Reap it if it has ended; None while it lives. Never blocks."""
        ...

    def close(self) -> None:
        """Release the descriptor."""
        ...


class OsProcessHandle:
    """A process of this host, held by its pidfd where there is one."""

    def __init__(
        self, identity: ProcessIdentity, mark: LaunchMark, pidfd: int | None, child: subprocess.Popen[bytes] | None
    ) -> None:
        self._identity = identity
        self._mark = mark
        self._pidfd = pidfd
        self._child = child

    @property
    def identity(self) -> ProcessIdentity:
        """Who it is."""
        return self._identity

    @property
    def pidfd(self) -> int | None:
        """The descriptor that becomes readable at its end."""
        return self._pidfd

    def send_signal(self, number: int, *, whole_group: bool = False) -> None:
        """Signal the process, or all of its process group; one that is gone is left in peace."""
        try:
            self._send(number, whole_group)
        except ProcessLookupError:
            return
        except PermissionError as error:  # a program that has become another user
            log.error("may not signal", pid=self._identity.pid, signal=number, error=error)
            return
        reached(Step.SIGNAL_SENT, signal_name(number))

    def _send(self, number: int, whole_group: bool) -> None:
        if self._pidfd is not None:
            if not (whole_group and self._signal_group(self._pidfd, number)):
                signal.pidfd_send_signal(self._pidfd, number)
        elif self._child is not None:
            self._child.send_signal(number)
        elif is_proved(self._identity, self._mark):
            os.kill(self._identity.pid, number)

    def _signal_group(self, pidfd: int, number: int) -> bool:
        """True when the kernel could signal the group that the process leads, by its pidfd."""
        try:
            signal.pidfd_send_signal(pidfd, number, None, _PIDFD_SIGNAL_PROCESS_GROUP)
        except ProcessLookupError:
            return True
        except OSError:
            return False  # an older kernel: only the process itself can be signalled safely
        return True

    def poll(self) -> ExitStatus | None:
        """Reap a child; of an adopted process only the end can be known, not the code."""
        if self._child is not None:
            returncode = self._child.poll()
            if returncode is None:
                return None
            return ExitStatus(code=returncode) if returncode >= 0 else ExitStatus(signal=-returncode)
        ended = self._pidfd_readable() if self._pidfd is not None else not is_proved(self._identity, self._mark)
        return ExitStatus() if ended else None

    def _pidfd_readable(self) -> bool:
        poller = select.poll()
        poller.register(self._pidfd if self._pidfd is not None else -1, select.POLLIN)
        return bool(poller.poll(0))

    def close(self) -> None:
        """Release the pidfd. Only after the watchdog has let go of it."""
        if self._pidfd is not None:
            os.close(self._pidfd)
            self._pidfd = None
