"""Watches that the agent's directories are those it started with, on a disk that is mounted.

An agent that starts while its data disk is not mounted would find an empty directory and become a new host. One whose
disk is unmounted later would start nodes in the empty directory beneath. Both are refused here, in words.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from sutra_grid.agent.os_errors import os_errors_as
from sutra_grid.agent.state.host_id import read_host_id
from sutra_grid.core.errors import FailedPrecondition
from sutra_grid.core.types import Reason
from sutra_grid.runtime.mounts import is_mounted, missing_mount
from sutra_grid.runtime.shortage import shortage_of

_HINT: Final = "Mount the data disk"


class DataDisk:
    """The directories of one agent. Thread-safe after ``started``; reads some files of the kernel for each check."""

    def __init__(self, data_path: Path, state_path: Path, require_mount: Path | None) -> None:
        self._data_path = data_path
        self._state_path = state_path
        self._require_mount = require_mount
        self._host_id = ""
        self._device = 0

    def check_mounted(self) -> None:
        """Before anything is created: the disk must be mounted. Raises ``FailedPrecondition``.

        Without ``require_mount``, a disk of ``/etc/fstab`` is missed only where a new host id would be made.
        """
        point = self._require_mount
        if point is not None:
            if not is_mounted(point):
                raise _not_mounted(f"nothing is mounted at {point}, which [storage] require_mount names")
            return
        missing = missing_mount(self._state_path)
        if missing is not None and not read_host_id(self._state_path):
            raise _not_mounted(
                f"/etc/fstab lists a disk at {missing}, nothing is mounted there, and {self._state_path} has no host "
                "id: with a new one this agent would become another host"
            )

    def started(self, host_id: str) -> None:
        """Remember what the directories are now. Raises ``OSError``."""
        self._host_id = host_id
        self._device = os.stat(self._data_path).st_dev

    def problem(self) -> str:
        """What is wrong with the directories now; empty when they are those of the start.

        Raises ``OSError`` for a shortage, such as no free descriptor: it says nothing about the disk.
        """
        point = self._require_mount
        try:
            if point is not None and not is_mounted(point):
                return f"nothing is mounted at {point}, which [storage] require_mount names"
            found = read_host_id(self._state_path)
            if found != self._host_id:
                has = f"the host id {found}" if found else "no host id"
                return f"state_path {self._state_path} has {has}; this agent started there with {self._host_id}"
            if os.stat(self._data_path).st_dev != self._device:
                return f"data_path {self._data_path} is on another file system than at the agent's start"
        except OSError as error:
            if shortage_of(error):
                raise
            return f"{self._data_path} can't be read: {error.strerror}"
        return ""

    def check(self) -> None:
        """Raise ``FailedPrecondition`` if a directory is not that of the start, ``ResourceExhausted`` in a shortage."""
        with os_errors_as(f"{self._data_path} can't be read", Reason.PATH_NOT_WRITABLE):
            problem = self.problem()
        if problem:
            raise FailedPrecondition(
                f"{problem}: is the data disk mounted?",
                reason=Reason.DISK_NOT_MOUNTED,
                hint=f"{_HINT} where it was, or restart the agent if the change is intended",
            )


def _not_mounted(what: str) -> FailedPrecondition:
    return FailedPrecondition(
        what,
        reason=Reason.DISK_NOT_MOUNTED,
        hint=f"{_HINT}, then start the agent again (systemd does so by itself). Nodes that run are not touched",
    )
