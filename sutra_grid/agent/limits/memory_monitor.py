"""Measures the memory of all nodes and reports those over their limit.

A launched node is a session leader, so its memory is that of all processes of its session. There are
two steps. The resident memory of all processes is read first: it is cheap and an upper bound, because
shared pages count for each process. Only a node above its limit is then measured exactly, without what
the kernel can take back, such as mapped files. On systems other than Linux nothing is measured.

The count of the node's control group is read too. It has processes that left the session, but not the
memory that a process had before it entered the group.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Final

from sutra_grid.agent.processes.identity import start_ticks
from sutra_grid.agent.report import NodeView
from sutra_grid.core.node.record import ProcessIdentity

Exceeded = Callable[[str, int, str], object]
GroupBytes = Callable[[str, int], int]

_PROC: Final = Path("/proc")
_MIB: Final = 1024 * 1024
_KIB: Final = 1024
_SESSION_FIELD: Final = 6  # of /proc/PID/stat, counted from 1
_RSS_FIELD: Final = 24  # in pages
_UNRECLAIMABLE: Final = ("Pss_Anon", "Pss_Shmem", "SwapPss")  # of /proc/PID/smaps_rollup


class MemoryMonitor:
    """Calls ``exceeded`` (node id, launch, message) for each node over its limit. Used by one thread.

    ``group_bytes`` (node id, launch) returns the count of the control group of a launch; 0 without a group.
    """

    def __init__(self, exceeded: Exceeded, group_bytes: GroupBytes = lambda node_id, launch: 0) -> None:
        self._exceeded = exceeded
        self._group_bytes = group_bytes

    def check(self, views: Iterable[NodeView]) -> None:
        """Measure all nodes once, and report those over their limit."""
        sessions = resident_bytes_by_session()
        for view in views:
            record = view.runtime.record
            limit = record.assignment.spec.memory_limit_mb * _MIB
            process = record.process
            if process is None or not limit:
                continue
            used = max(
                self._group_bytes(view.runtime.node_id, process.launch),
                _used_bytes(process, sessions.get(process.pid, {}), limit),
            )
            if used > limit:
                message = f"uses {used // _MIB} MiB of memory; its limit is {limit // _MIB} MiB"
                self._exceeded(view.runtime.node_id, process.launch, message)


def _used_bytes(process: ProcessIdentity, members: Mapping[int, int], limit_bytes: int) -> int:
    """The memory of a session that the kernel can't take back; 0 when it can't be over the limit."""
    bound = sum(members.values())
    if bound <= limit_bytes or start_ticks(process.pid) != process.start_ticks:
        return 0
    return sum(unreclaimable_bytes(pid, resident) for pid, resident in members.items())


def resident_bytes_by_session() -> Mapping[int, Mapping[int, int]]:
    """Resident bytes of each process, by session id and pid."""
    sessions: defaultdict[int, dict[int, int]] = defaultdict(dict)
    page = os.sysconf("SC_PAGE_SIZE")
    for name in os.listdir(_PROC) if _PROC.is_dir() else ():
        if not name.isdigit():
            continue
        try:
            stat = (_PROC / name / "stat").read_bytes()
        except OSError:
            continue  # the process has ended
        fields = stat[stat.rindex(b")") + 2 :].split()  # from the third field on: the name before it may contain spaces
        sessions[int(fields[_SESSION_FIELD - 3])][int(name)] = int(fields[_RSS_FIELD - 3]) * page
    return sessions


def unreclaimable_bytes(pid: int, resident: int) -> int:
    """The memory that the kernel can't take back from a process, with its share of shared pages.

    Returns ``resident`` when the kernel does not report this, or not to this user.
    """
    try:
        lines = (_PROC / str(pid) / "smaps_rollup").read_text().splitlines()[1:]
    except OSError:
        return resident
    kib = {name: int(value.split()[0]) for name, _, value in (line.partition(":") for line in lines)}
    if "Pss_Anon" not in kib:
        return resident
    return sum(kib.get(name, 0) for name in _UNRECLAIMABLE) * _KIB
