"""Resident memory of launches of several processes, in which a shared page counts once.

The sum of resident sizes counts a shared page once for each process: the shared buffers of a database with 50
processes would count 50 times. The proportional size does not, but the kernel needs long to compute it for large
processes. So the time for it is bounded: processes take turns, and between two turns a size changes by as much as the
resident size does.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Final

from sutra_grid.agent.processes.memory_map import memory_map
from sutra_grid.agent.processes.process_table import ProcessEntry

BUDGET_SECONDS: Final = 0.1  # per round of all nodes: 2 % of one CPU at a round every 5 s

_Key = tuple[int, int]  # pid and start ticks


@dataclass(frozen=True, slots=True)
class _Measured:
    """A proportional size (None: it can't be read), the resident size then, and the round."""

    proportional_bytes: int | None
    resident_bytes: int
    round_number: int


def proportional_bytes(pid: int) -> int | None:
    """The resident memory of a process with its share of shared pages; None when it can't be read."""
    found = memory_map(pid)
    return found.proportional_bytes if found is not None else None


class ResidentMemory:
    """Measures launches, round by round. Used by one thread."""

    def __init__(
        self,
        proportional: Callable[[int], int | None] = proportional_bytes,
        seconds: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._proportional = proportional
        self._seconds = seconds
        self._round = 0
        self._overspent = 0.0
        self._measured: dict[_Key, _Measured] = {}

    def start_round(self, launches: Iterable[Collection[ProcessEntry]]) -> None:
        """Measure the processes of all ``launches`` whose turn it is, as long as ``BUDGET_SECONDS`` allow.

        A process that takes longer is paid for by the next rounds, which measure nothing.
        """
        entries = {_key(entry): entry for members in launches if len(members) > 1 for entry in members}
        self._measured = {key: known for key, known in self._measured.items() if key in entries}
        self._round += 1
        start, left = self._seconds(), BUDGET_SECONDS - self._overspent
        turns = sorted(entries, key=self._last_round) if left > 0 else []
        for key in turns:
            self._measured[key] = _Measured(self._proportional(key[0]), entries[key].resident_bytes, self._round)
            if self._seconds() - start >= left:
                break
        self._overspent = max(0.0, self._seconds() - start - left)

    def resident_bytes(self, members: Collection[ProcessEntry]) -> int | None:
        """The resident memory of a launch of this round. None when a process of several can't be measured."""
        if len(members) == 1:
            return sum(entry.resident_bytes for entry in members)
        total = 0
        for entry in members:
            known = self._measured.get(_key(entry))
            if known is None:
                continue  # its turn comes within a few rounds
            if known.proportional_bytes is None:
                return None
            total += max(0, known.proportional_bytes + entry.resident_bytes - known.resident_bytes)
        return total

    def _last_round(self, key: _Key) -> int:
        known = self._measured.get(key)
        return known.round_number if known is not None else 0


def _key(entry: ProcessEntry) -> _Key:
    return entry.pid, entry.start_ticks
