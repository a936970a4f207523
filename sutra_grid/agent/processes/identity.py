"""What identifies a process of this host: facts that stay true when the clock changes or a pid is reused.

Reads ``/proc``, or asks psutil on systems without it. Sends no signals.
"""

from __future__ import annotations

import errno
import functools
import os
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import psutil

from sutra_grid.core.node.record import ProcessIdentity
from sutra_grid.runtime.shortage import shortage_of

_PROC = Path("/proc")
_START_TICKS_FIELD = 22
_DEAD_STATES = frozenset("ZXx")
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


class Presence(StrEnum):
    """What a look at one process can find. ``UNKNOWN`` is never taken for ``ENDED``."""

    ALIVE = "alive"
    ENDED = "ended"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Look:
    """The result of a look at one pid. ``why`` says how it ended, or why that is not known."""

    presence: Presence
    start_ticks: int = 0
    why: str = ""


@functools.cache
def boot_id() -> str:
    """The id of this boot of the host. It changes with every boot."""
    try:
        return (_PROC / "sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return f"boot-{int(psutil.boot_time())}"


def start_ticks(pid: int, *, zombies: bool = False) -> int | None:
    """The kernel's start time of a live process, in clock ticks since the boot; None when there is no such process.

    A zombie is not live: it has ended and only waits to be reaped. With ``zombies`` it counts too.
    """
    if not _PROC.joinpath("self/stat").exists():
        return _start_ticks_by_psutil(pid)
    try:
        stat = (_PROC / str(pid) / "stat").read_bytes()
    except OSError:
        return None
    # The command name is in brackets and may contain spaces and brackets: count from the last one.
    fields = stat[stat.rindex(b")") + 2 :].split()
    if not zombies and fields[0].decode() in _DEAD_STATES:
        return None
    return int(fields[_START_TICKS_FIELD - 3])


def look_at(pid: int) -> Look:
    """Look whether a process with that pid lives, and when it started.

    ``/proc/PID`` may be hidden from this user, as the mount option hidepid does. Then the kernel still
    says whether the pid is in use.
    """
    ticks = start_ticks(pid)
    if ticks is not None:
        return Look(Presence.ALIVE, ticks)
    if start_ticks(pid, zombies=True) is not None or not _is_in_use(pid):
        return Look(Presence.ENDED, why="there is no process with this pid")
    return Look(Presence.UNKNOWN, why=f"/proc/{pid} can't be read{_why_unreadable(pid)}")


def _why_unreadable(pid: int) -> str:
    try:
        (_PROC / str(pid) / "stat").read_bytes()
    except OSError as error:
        if shortage := shortage_of(error):
            return f": {shortage.problem}"
    return " by the agent's user"


def _is_in_use(pid: int) -> bool:
    """Whether any process has the pid. The kernel answers this for processes that ``/proc`` hides, too."""
    if not hasattr(os, "pidfd_open"):
        return psutil.pid_exists(pid)
    try:
        os.close(os.pidfd_open(pid))
    except OSError as error:
        # EINVAL and ENOENT: a thread has the number, so no process does
        return error.errno not in (errno.ESRCH, errno.EINVAL, errno.ENOENT)
    return True


def _start_ticks_by_psutil(pid: int) -> int | None:
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        return int(process.create_time() * 100)
    except psutil.Error:
        return None


def environment(pid: int) -> Mapping[str, str] | None:
    """The environment that a process was started with; None when this user can't read it, or it has ended.

    It is empty when the program has cleaned it, as ``env -i`` does, or has overwritten it, as redis does to show a
    title in ``ps``.
    """
    try:
        if not _PROC.joinpath("self/environ").exists():
            return psutil.Process(pid).environ()
        pairs = [entry.partition("=") for entry in _read_text(pid, "environ").split("\0")]
        return {name: value for name, found, value in pairs if found and _VARIABLE.match(name)}
    except (OSError, psutil.Error):
        return None


def children(pid: int) -> list[int]:
    """The pids of the children of a process; empty when the kernel does not list them."""
    try:
        tasks = [path.read_text() for path in (_PROC / str(pid) / "task").glob("*/children")]
    except OSError:
        return []
    return [int(child) for text in tasks for child in text.split()]


def file_of_descriptor(pid: int, descriptor: int) -> tuple[int, int] | None:
    """Device and inode of the file behind a descriptor of a process; None when it can't be read."""
    try:
        status = os.stat(_PROC / str(pid) / "fd" / str(descriptor))
    except OSError:
        return None
    return status.st_dev, status.st_ino


def working_directory(pid: int) -> Path | None:
    """The working directory of a process; None when it can't be read."""
    try:
        return Path(os.readlink(_PROC / str(pid) / "cwd"))
    except OSError:
        return None


def open_files(pid: int) -> int:
    """How many file descriptors a process has open; 0 when that can't be read."""
    path = _PROC / str(pid) / "fd"
    try:
        return os.stat(path).st_size or len(os.listdir(path))  # the size is their number since Linux 6.2
    except OSError:
        return 0


def ticks_since_boot() -> float:
    """The time of this moment on the clock of ``start_ticks``."""
    clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return time.clock_gettime(clock) * TICKS_PER_SECOND


def identify(pid: int, launch: int, *, zombies: bool = False) -> ProcessIdentity | None:
    """The identity of the process that has ``pid`` now; None when there is none. ``zombies`` as in ``start_ticks``."""
    ticks = start_ticks(pid, zombies=zombies)
    return None if ticks is None else ProcessIdentity(boot_id(), pid, ticks, launch)


def _read_text(pid: int, name: str) -> str:
    return os.fsdecode((_PROC / str(pid) / name).read_bytes())
