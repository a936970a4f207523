"""The CPU time that the processes of a launch use between two looks. Pure.

Processes begin and end between two looks. What an ended process used is known when its parent has reaped it: the
kernel adds it to the parent's ``reaped_cpu_ticks``, together with what an earlier look has counted already. It is not
known, from the last look on, when the parent is no member or ignores SIGCHLD.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from sutra_grid.agent.processes.process_table import ProcessEntry

_Key = tuple[int, int]  # pid and start ticks


@dataclass(frozen=True, slots=True)
class CpuAccount:
    """The members of a launch at one look, ``at_ticks`` after the boot.

    ``debts``: CPU time that was counted of processes that ended, and that their reaper will show once more.
    """

    at_ticks: float = 0.0
    members: Mapping[_Key, ProcessEntry] = field(default_factory=dict)
    debts: Mapping[_Key, int] = field(default_factory=dict)

    def advance(self, members: Collection[ProcessEntry], at_ticks: float) -> tuple[CpuAccount, int]:
        """The account at the next look, and the clock ticks that the launch used since this one."""
        now = {_key(entry): entry for entry in members}
        debts = Counter(self.debts)
        for key, entry in self.members.items():
            reaper = None if key in now else self._reaper(entry, now)
            if reaper is not None:
                debts[reaper] += entry.cpu_ticks + entry.reaped_cpu_ticks
        used = 0
        for key, entry in now.items():
            before = self.members.get(key)
            if before is None and entry.start_ticks < self.at_ticks:
                continue  # it lived at the last look and was not known as a member: its use since then is unknown
            used += max(0, entry.cpu_ticks - (before.cpu_ticks if before else 0))
            reaped = max(0, entry.reaped_cpu_ticks - (before.reaped_cpu_ticks if before else 0))
            paid = min(reaped, debts[key])
            debts[key] -= paid
            used += reaped - paid
        return CpuAccount(at_ticks, now, {key: debt for key, debt in debts.items() if debt and key in now}), used

    def _reaper(self, entry: ProcessEntry, now: Collection[_Key]) -> _Key | None:
        """The living member that has reaped a process or an ancestor of it; None without one."""
        by_pid = {known.pid: known for known in self.members.values()}
        parent = by_pid.get(entry.parent)
        while parent is not None and _key(parent) not in now:
            parent = by_pid.get(parent.parent)
        return _key(parent) if parent is not None else None


def _key(entry: ProcessEntry) -> _Key:
    return entry.pid, entry.start_ticks
