"""Looks at the open file descriptors of a node's process: ``/proc/PID/fd`` and ``/proc/PID/limits``, see proc(5)."""

from __future__ import annotations

import os
from typing import Final

from sutra_grid.agent.processes.identity import Presence
from sutra_grid.agent.processes.proof import look_for
from sutra_grid.core.node.descriptors import descriptor_problem
from sutra_grid.core.node.record import ProcessIdentity

_MAX_OPEN_FILES: Final = "Max open files"


def look_at_descriptors(process: ProcessIdentity) -> str:
    """How many descriptors the process has open, if hardly any are left to it; else empty.

    Empty also when ``/proc`` can't be read, and when the process has ended: then its pid may be another's.
    """
    path = f"/proc/{process.pid}"
    try:
        numbers = [int(name) for name in os.listdir(f"{path}/fd")]
        with open(f"{path}/limits", encoding="utf-8") as file:
            limit = parse_soft_limit(file.read())
    except (OSError, ValueError):
        return ""
    problem = descriptor_problem(numbers, limit)
    return problem if problem and look_for(process).presence is Presence.ALIVE else ""


def parse_soft_limit(limits: str) -> int | None:
    """The soft limit of open files in the text of ``/proc/PID/limits``; None for unlimited, or if it is not there."""
    for line in limits.splitlines():
        if line.startswith(_MAX_OPEN_FILES):
            soft = line.removeprefix(_MAX_OPEN_FILES).split()[0]
            return None if soft == "unlimited" else int(soft)
    return None
