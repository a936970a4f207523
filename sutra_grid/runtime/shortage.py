"""Errors that say that the system is out of something, and nothing about what was looked at. Pure.

A file that can't be opened for lack of descriptors may well be there, and so may a process whose ``/proc`` can't be
read for that reason. So these are never taken for "it is gone".
"""

from __future__ import annotations

import errno
from typing import Final, NamedTuple


class Shortage(NamedTuple):
    """What the system is out of, and what to do."""

    problem: str
    hint: str


_AGAIN: Final = "What needs it is tried again"

_SHORTAGES: Final = {
    errno.EMFILE: Shortage(
        "the limit of open files of this process is reached",
        f"Raise it where the process is started (nofile). {_AGAIN}",
    ),
    errno.ENFILE: Shortage("the limit of open files of the host is reached", f"Raise fs.file-max. {_AGAIN}"),
    errno.ENOMEM: Shortage("the system has no memory left", f"Free memory on the host. {_AGAIN}"),
    errno.EAGAIN: Shortage(
        "the limit of processes is reached", f"Raise it (nproc, TasksMax, pids.max), or end other processes. {_AGAIN}"
    ),
}


def shortage_of(error: BaseException) -> Shortage | None:
    """The shortage that ``error`` of a system call tells; None when it tells something else.

    EAGAIN counts: use it for calls that start a process or open a file, not for reads that do not block.
    """
    return _SHORTAGES.get(error.errno or 0) if isinstance(error, OSError) else None
