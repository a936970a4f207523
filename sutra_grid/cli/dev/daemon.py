"""One daemon of a dev grid as a child process."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Sequence
from typing import Final

from sutra_grid.cli.dev.layout import Layout
from sutra_grid.cli.dev.tagged import DIRECTORY_TAG, NAME_TAG
from sutra_grid.cli.scripts import daemon_command
from sutra_grid.core.redaction import is_secret_name
from sutra_grid.runtime.start_environment import start_environment

LOG_LINES: Final = 15
_LOG_BYTES: Final = 64 * 1024


class Daemon:
    """A daemon that dev starts, and may start again after its end. Used by one thread."""

    def __init__(self, name: str, role: str, layout: Layout) -> None:
        self.name = name
        self.starts = 0
        self._command = [*daemon_command(role), "--config", str(layout.config(name))]
        self._layout = layout
        self._log_path = layout.log(name)
        self._log_offset = 0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def started(self) -> bool:
        """Whether a process was started that ``await_end`` has not waited for."""
        return self._process is not None

    @property
    def pid(self) -> int:
        """The pid of the last process; 0 before the first start."""
        return self._process.pid if self._process else 0

    def start(self) -> None:
        """Start the process in a session of its own, so that a Ctrl-C of the terminal reaches dev alone."""
        with open(self._log_path, "ab") as log:
            self._log_offset = log.tell()
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._layout.directory,
                env=self._environment(),
                start_new_session=True,
            )
        self.starts += 1

    def ended(self) -> str:
        """A description of how the process ended; empty while it runs."""
        returncode = self._process.poll() if self._process else None
        if returncode is None:
            return ""
        if returncode < 0:
            return f"was ended by {signal.Signals(-returncode).name}"
        return f"ended with exit code {returncode}"

    def exit_code(self) -> int | None:
        """The exit code, negative for a signal; None while it runs."""
        return self._process.poll() if self._process else None

    def terminate(self) -> None:
        """Send SIGTERM."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()

    def await_end(self, timeout_seconds: float) -> bool:
        """Wait for its end, and kill it after the timeout. Returns whether it ended without that."""
        if self._process is None:
            return True
        try:
            self._process.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            return False
        finally:
            self._process = None
        return True

    def log_tail(self) -> list[str]:
        """The last lines that the current process wrote."""
        try:
            with open(self._log_path, "rb") as log:
                end = log.seek(0, os.SEEK_END)
                log.seek(max(self._log_offset, end - _LOG_BYTES))
                return log.read().decode("utf-8", "replace").splitlines()[-LOG_LINES:]
        except OSError:
            return []

    def _environment(self) -> dict[str, str]:
        """What this process was started with, without settings and secrets of a grid, tagged with this grid."""
        kept = {name: value for name, value in start_environment().items() if not _is_of_a_grid(name)}
        return {**kept, DIRECTORY_TAG: str(self._layout.directory), NAME_TAG: self.name}


def _is_of_a_grid(name: str) -> bool:
    """Whether a variable would override a daemon's configuration, or is a secret of the person who runs dev."""
    return name.startswith("SUTRA_GRID_") and ("__" in name or is_secret_name(name))


def end_daemons(daemons: Sequence[Daemon], grace_seconds: float) -> list[str]:
    """Send SIGTERM to all, wait for each, and return the names of those that had to be killed."""
    for daemon in daemons:
        daemon.terminate()
    return [daemon.name for daemon in daemons if not daemon.await_end(grace_seconds)]
