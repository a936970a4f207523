"""A snapshot of all processes of this host: one look at ``/proc``, without any decision.

The format of ``/proc/PID/stat`` is in proc(5). Fields are counted from 1, as there. A process that ends while the
snapshot is taken may be missing. On systems without ``/proc`` the snapshot is empty.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sutra_grid.runtime.shortage import shortage_of

_PROC: Final = Path("/proc")
_DEAD_STATES: Final = frozenset("ZXx")
_STAT_BYTES: Final = 2048  # 52 numbers of at most 20 digits, and a name of at most 64 bytes


@dataclass(frozen=True, slots=True)
class ProcessEntry:
    """One process. ``start_ticks``, ``cpu_ticks`` (user and system time): clock ticks; ``resident_bytes``: bytes.

    ``terminal``: the device number of its controlling terminal; 0 when it has none.
    ``reaped_cpu_ticks``: CPU time of its children that have ended and that it has waited for, and of theirs.
    """

    pid: int
    name: str
    state: str
    parent: int
    group: int
    session: int
    start_ticks: int
    terminal: int = 0
    cpu_ticks: int = 0
    reaped_cpu_ticks: int = 0
    threads: int = 1
    resident_bytes: int = 0

    @property
    def is_alive(self) -> bool:
        """False for a zombie: it has ended and only waits to be reaped."""
        return self.state not in _DEAD_STATES

    @property
    def is_in_the_kernel(self) -> bool:
        """Whether it waits in the kernel, usually for a disk; no signal reaches it until that ends."""
        return self.state == "D"


class ProcessTable:
    """The processes of one snapshot, by pid. Zombies are included. Immutable."""

    def __init__(self, entries: Iterable[ProcessEntry]) -> None:
        self._entries: Mapping[int, ProcessEntry] = {entry.pid: entry for entry in entries}
        self._related: defaultdict[int, list[ProcessEntry]] = defaultdict(list)
        for entry in self._entries.values():
            for pid in {entry.parent, entry.session, entry.group}:
                self._related[pid].append(entry)

    @classmethod
    def read(cls, proc: Path = _PROC) -> ProcessTable:
        """Take a snapshot. Blocks for about 15 milliseconds per thousand processes.

        Raises ``OSError`` when descriptors or memory ran out: a snapshot without some processes would say that they
        have ended.
        """
        return cls(_read_entries(proc))

    def find(self, pid: int) -> ProcessEntry | None:
        """The process with that pid; None when there is none."""
        return self._entries.get(pid)

    def alive(self) -> Iterator[ProcessEntry]:
        """All processes that have not ended."""
        return (entry for entry in self._entries.values() if entry.is_alive)

    def children(self, pid: int) -> Iterator[ProcessEntry]:
        """The children of a process, with those that have ended and wait to be reaped."""
        return (entry for entry in self.related(pid) if entry.parent == pid)

    def related(self, pid: int) -> Sequence[ProcessEntry]:
        """The children of a process, and the processes in the session and in the group that it leads."""
        return self._related.get(pid, ())

    def ancestors(self, pid: int) -> frozenset[int]:
        """The pids of the process itself, its parent, and so on up to the first process."""
        found: set[int] = set()
        entry = self._entries.get(pid)
        while entry is not None and entry.pid not in found:
            found.add(entry.pid)
            entry = self._entries.get(entry.parent)
        return frozenset(found)


def _read_entries(proc: Path) -> Iterator[ProcessEntry]:
    page = os.sysconf("SC_PAGE_SIZE")
    try:
        names = os.listdir(proc)
    except OSError as error:
        if shortage_of(error):
            raise
        return
    for name in names:
        if not name.isdigit():
            continue
        try:
            stat = _read_file(f"{proc}/{name}/stat")
        except OSError as error:
            if shortage_of(error):
                raise
            continue  # the process has ended, or this user must not see it
        yield parse_stat(stat, page)


def _read_file(path: str) -> bytes:
    """Read a small file by three system calls: a snapshot reads one per process of the host."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(descriptor, _STAT_BYTES)
    finally:
        os.close(descriptor)


def parse_stat(stat: bytes, page_bytes: int) -> ProcessEntry:
    """Read one ``/proc/PID/stat``. The name is in brackets, and may contain spaces and brackets itself."""
    opening, closing = stat.index(b"("), stat.rindex(b")")
    fields = stat[closing + 2 :].split()

    def number(field: int) -> int:
        return int(fields[field - 3])

    return ProcessEntry(
        pid=int(stat[:opening]),
        name=stat[opening + 1 : closing].decode(errors="replace"),
        state=fields[0].decode(),
        parent=number(4),
        group=number(5),
        session=number(6),
        start_ticks=number(22),
        terminal=number(7),
        cpu_ticks=number(14) + number(15),
        reaped_cpu_ticks=number(16) + number(17),
        threads=number(20),
        resident_bytes=number(24) * page_bytes,
    )
