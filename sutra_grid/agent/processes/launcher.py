"""Starts a node's process, or attaches to one that an earlier agent started."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from sutra_grid.agent.processes.identity import Presence, boot_id, start_ticks
from sutra_grid.agent.processes.launch_plan import LaunchPlan
from sutra_grid.agent.processes.process import OsProcessHandle, ProcessHandle
from sutra_grid.agent.processes.proof import look_for
from sutra_grid.core.node.record import ProcessIdentity
from sutra_grid.runtime.logging import get_logger
from sutra_grid.runtime.steps import Step, reached

log = get_logger(__name__)

_PROC: Final = Path("/proc")


@dataclass(frozen=True, slots=True)
class NotAttached:
    """Why there is no handle of a process.

    ``is_ended``: its end was seen. Else something has its pid, and it is not known whether that is the process.
    """

    is_ended: bool
    why: str


class ProcessLauncher(Protocol):
    """Where processes come from: the operating system, or a fake of the tests."""

    def launch(self, plan: LaunchPlan) -> ProcessHandle:
        """Start a process. Raises ``OSError``."""
        ...

    def attach(self, identity: ProcessIdentity) -> ProcessHandle | NotAttached:
        """A handle of a process that runs already, if it is proved to be the one of ``identity``."""
        ...

    def has_ended(self, identity: ProcessIdentity) -> bool:
        """Whether the end of that process was seen. False also when it can't be seen."""
        ...


class OsProcessLauncher:
    """Starts processes of this host and attaches to them. Used by one thread."""

    def launch(self, plan: LaunchPlan) -> ProcessHandle:
        """Start the process in its own session and append its output to its log file.

        Raises ``OSError`` when the program can't be executed or a file can't be opened.
        """
        log_fd = os.open(plan.mark.log_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)
        try:
            child = subprocess.Popen(
                plan.argv,
                stdin=subprocess.DEVNULL,
                stdout=log_fd,
                stderr=log_fd,
                cwd=plan.directory,
                env=dict(plan.environment),
                close_fds=True,
                start_new_session=True,
            )
        finally:
            os.close(log_fd)
        reached(Step.PROCESS_STARTED)
        reset_oom_score(child.pid)
        # The child is not reaped before poll() is called, so its pid is not reused until then. Its start can't be
        # read where /proc hides it from this user; it runs all the same, and the launch has not failed.
        ticks = start_ticks(child.pid, zombies=True) or 0
        identity = ProcessIdentity(boot_id(), child.pid, ticks, plan.mark.tag.launch)
        return OsProcessHandle(identity, _open_pidfd(child.pid), child)

    def attach(self, identity: ProcessIdentity) -> ProcessHandle | NotAttached:
        """Attach to a process that an earlier agent started, or say why not.

        The pidfd is opened before the identity is checked. So the proof is about the process that
        the descriptor refers to, even if the pid is reused.
        """
        try:
            pidfd = _open_pidfd(identity.pid)
        except ProcessLookupError:
            pidfd = None
        look = look_for(identity)
        if look.presence is Presence.ALIVE:
            return OsProcessHandle(identity, pidfd, child=None)
        if pidfd is not None:
            os.close(pidfd)
        return NotAttached(look.presence is Presence.ENDED, look.why)

    def has_ended(self, identity: ProcessIdentity) -> bool:
        """See ``ProcessLauncher``."""
        return look_for(identity).presence is Presence.ENDED


def _open_pidfd(pid: int) -> int | None:
    """A pidfd; None when the system has no pidfds. Raises ``ProcessLookupError`` when the pid is unused."""
    if not hasattr(os, "pidfd_open"):
        return None
    try:
        return os.pidfd_open(pid)
    except ProcessLookupError:
        raise
    except OSError as error:
        log.warning("pidfd can't be opened; the process is polled", pid=pid, error=error)
        return None


def reset_oom_score(pid: int, proc: Path = _PROC) -> None:
    """Let the kernel end a node for lack of memory before the agent that an operator has protected.

    A child inherits the protection (a negative score). Any user may raise the score of its own process.
    """
    try:
        if int((proc / "self/oom_score_adj").read_text()) < 0:
            (proc / str(pid) / "oom_score_adj").write_text("0")
    except OSError as error:
        log.debug("the OOM score of a node stays as inherited", pid=pid, error=error)
