"""How much memory nodes use, and which of them use more than they may.

A launched node leads a session of its own, so its memory is that of all processes of
the session. Two steps keep this cheap and fair: the resident memory of all is read at
once and is an upper bound (a page that processes share counts for each); only a node
above its limit is then measured exactly, without what the kernel can take back, such
as mapped files. Linux only: elsewhere nothing is measured.

What the control group of a node counts is looked at beside that: it sees processes that
have left the session, but not what a process held before it came into the group.
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
_KEPT: Final = ("Pss_Anon", "Pss_Shmem", "SwapPss")


class MemoryMonitor:
    """Tells ``exceeded`` (node id, launch, words) of each node over its limit. Used by one thread.

    ``group_bytes`` (node id, launch): what the control group of that launch holds; 0 where there is none.
    """

    def __init__(self, exceeded: Exceeded, group_bytes: GroupBytes = lambda node_id, launch: 0) -> None:
        self._exceeded = exceeded
        self._group_bytes = group_bytes

    def check(self, views: Iterable[NodeView]) -> None:
        """Measure all nodes once."""
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
                words = f"uses {used // _MIB} MiB of memory, its limit is {limit // _MIB} MiB"
                self._exceeded(view.runtime.node_id, process.launch, words)


def _used_bytes(process: ProcessIdentity, members: Mapping[int, int], limit_bytes: int) -> int:
    """What the processes of a session keep; 0 when they can't be over the limit."""
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
            continue  # it has ended
        fields = stat[stat.rindex(b")") + 2 :].split()  # from the third on: a name may hold spaces
        sessions[int(fields[_SESSION_FIELD - 3])][int(name)] = int(fields[_RSS_FIELD - 3]) * page
    return sessions


def unreclaimable_bytes(pid: int, resident: int) -> int:
    """What a process holds that the kernel can't take back, shared pages by its share.

    ``resident`` where the kernel does not tell, or not us.
    """
    try:
        lines = (_PROC / str(pid) / "smaps_rollup").read_text().splitlines()[1:]
    except OSError:
        return resident
    kib = {name: int(value.split()[0]) for name, _, value in (line.partition(":") for line in lines)}
    if "Pss_Anon" not in kib:
        return resident
    return sum(kib.get(name, 0) for name in _KEPT) * _KIB
