"""Resident memory in which shared pages count once, and how long the kernel is asked for it."""

from __future__ import annotations

import pytest

from sutra_grid.agent.processes.process_table import ProcessEntry
from sutra_grid.agent.resources.resident_memory import BUDGET_SECONDS, ResidentMemory


def entry(pid: int, resident: int) -> ProcessEntry:
    return ProcessEntry(
        pid=pid, name="p", state="S", parent=1, group=1, session=1, start_ticks=5, resident_bytes=resident
    )


class Kernel:
    """Answers how much memory processes have, and takes its time."""

    def __init__(self, seconds: float = 0.0, **sizes: int | None) -> None:
        self.sizes = {int(pid.removeprefix("p")): size for pid, size in sizes.items()}
        self.seconds = seconds
        self.now = 0.0
        self.asked: list[int] = []

    def proportional(self, pid: int) -> int | None:
        self.asked.append(pid)
        self.now += self.seconds
        return self.sizes[pid]

    def memory(self) -> ResidentMemory:
        return ResidentMemory(self.proportional, lambda: self.now)


def test_a_single_process_is_its_resident_memory_and_the_kernel_is_not_asked() -> None:
    kernel = Kernel()
    memory = kernel.memory()
    memory.start_round([[entry(1, 70)]])
    assert memory.resident_bytes([entry(1, 70)]) == 70
    assert kernel.asked == []


def test_of_several_processes_the_proportional_sizes_are_added() -> None:
    memory = Kernel(p1=40, p2=20).memory()
    members = [entry(1, 100), entry(2, 90)]
    memory.start_round([members])
    assert memory.resident_bytes(members) == 60


def test_nothing_is_told_where_the_kernel_does_not_answer() -> None:
    memory = Kernel(p1=40, p2=None).memory()
    members = [entry(1, 100), entry(2, 90)]
    memory.start_round([members])
    assert memory.resident_bytes(members) is None


def test_processes_take_turns_when_the_kernel_is_slow_and_grow_as_their_resident_size_meanwhile() -> None:
    kernel = Kernel(seconds=BUDGET_SECONDS, p1=40, p2=20)
    memory = kernel.memory()
    members = [entry(1, 100), entry(2, 90)]
    for expected in ([1], [1, 2], [1, 2, 1]):
        memory.start_round([members])
        assert kernel.asked == expected
    grown = [entry(1, 100), entry(2, 95)]
    memory.start_round([grown[:1], members])
    assert memory.resident_bytes(grown) == 65


@pytest.mark.parametrize("rounds", [10, 40])
def test_one_process_that_takes_long_is_paid_for_by_the_next_rounds(rounds: int) -> None:
    kernel = Kernel(seconds=10 * BUDGET_SECONDS, p1=40, p2=20)
    memory = kernel.memory()
    for _ in range(rounds):
        memory.start_round([[entry(1, 100), entry(2, 90)]])
    assert len(kernel.asked) == rounds / 10
