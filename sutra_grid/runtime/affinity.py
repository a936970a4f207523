"""One CPU for a process of many Python threads.

Threads that share one interpreter lock gain nothing from a second CPU, and lose when the lock
travels between two: a blocking gRPC server does 6,700 small calls a second pinned and 4,000
unpinned.
"""

from __future__ import annotations

import os
from typing import Final

BEFORE_PIN: Final = "SUTRA_GRID_CPUS_BEFORE_PIN"
"""Environment variable that tells a child which CPUs its parent had; ``1,2,5``."""


def pin_to_one_cpu() -> int | None:
    """Keep all threads of this process on one of the CPUs that it may use; returns which.

    The pid decides which one, so that several daemons of a host spread. Threads started later
    inherit it, and so do child processes: those undo it with ``reset_affinity``. None, and
    nothing is changed, where the platform or its policy does not allow it.
    """
    if not hasattr(os, "sched_setaffinity"):
        return None
    allowed = sorted(os.sched_getaffinity(0))
    cpu = allowed[os.getpid() % len(allowed)]
    try:
        _set_for_all_threads({cpu})
    except PermissionError:
        return None
    os.environ.setdefault(BEFORE_PIN, ",".join(map(str, allowed)))
    return cpu


def reset_affinity() -> None:
    """Give this process back the CPUs that its pinned parent had. Call it first thing in a child.

    Nothing happens when no parent was pinned: what ``taskset`` or an init system set stays.
    """
    text = os.environ.pop(BEFORE_PIN, "")
    cpus = {int(cpu) for cpu in text.split(",") if cpu.isdecimal()}
    if not cpus or not hasattr(os, "sched_setaffinity"):
        return
    try:
        _set_for_all_threads(cpus)
    except OSError:
        return  # the host's CPUs have changed since; what is inherited works as well


def _set_for_all_threads(cpus: set[int]) -> None:
    for thread in os.listdir("/proc/self/task"):
        try:
            os.sched_setaffinity(int(thread), cpus)
        except ProcessLookupError:
            continue  # that thread ended in between
