"""CPU time of launches whose processes begin and end between two looks, by plain values."""

from __future__ import annotations

from sutra_grid.agent.processes.process_table import ProcessEntry
from sutra_grid.agent.resources.cpu_account import CpuAccount


def entry(pid: int, cpu: int, *, reaped: int = 0, parent: int = 1, ticks: int = 100) -> ProcessEntry:
    return ProcessEntry(
        pid=pid,
        name="p",
        state="S",
        parent=parent,
        group=1,
        session=1,
        start_ticks=ticks,
        cpu_ticks=cpu,
        reaped_cpu_ticks=reaped,
    )


def used(*looks: list[ProcessEntry]) -> list[int]:
    """What each look after the first adds; the looks are 1000 ticks apart, the first at 1000."""
    account, found = CpuAccount(), []
    for number, members in enumerate(looks, 1):
        account, ticks = account.advance(members, number * 1000.0)
        found.append(ticks)
    return found[1:]


def test_the_use_of_all_members_is_added() -> None:
    assert used([entry(7, 10), entry(8, 20, parent=7)], [entry(7, 15), entry(8, 120, parent=7)]) == [105]


def test_a_child_that_began_since_the_last_look_counts_wholly() -> None:
    assert used([entry(7, 10)], [entry(7, 10), entry(8, 30, parent=7, ticks=1500)]) == [30]


def test_a_process_that_is_found_late_counts_from_then_on() -> None:
    late = [entry(7, 10), entry(8, 5000, ticks=50)]
    assert used([entry(7, 10)], late, [entry(7, 10), entry(8, 5040, ticks=50)]) == [0, 40]


def test_a_child_that_began_and_ended_between_two_looks_counts_when_its_parent_has_reaped_it() -> None:
    assert used([entry(7, 10)], [entry(7, 10, reaped=300)]) == [300]


def test_what_an_ended_child_had_used_before_is_not_counted_again() -> None:
    with_child = [entry(7, 10), entry(8, 250, parent=7)]
    assert used(with_child, [entry(7, 10, reaped=300)]) == [50]


def test_nor_when_its_parent_reaps_it_later() -> None:
    with_child = [entry(7, 10), entry(8, 250, parent=7)]
    waits = [entry(7, 12)]  # the child is a zombie
    assert used(with_child, waits, [entry(7, 12, reaped=300)], [entry(7, 12, reaped=340)]) == [2, 50, 40]


def test_a_grandchild_comes_through_its_parent() -> None:
    family = [entry(7, 10), entry(8, 100, parent=7), entry(9, 200, parent=8)]
    assert used(family, [entry(7, 10, reaped=330)]) == [30]


def test_what_nobody_among_the_members_reaped_is_not_known_and_takes_nothing_away() -> None:
    orphans = [entry(7, 10), entry(8, 100, parent=1)]
    assert used(orphans, [entry(7, 60)]) == [50]


def test_a_new_launch_does_not_inherit_the_account_of_the_last_one() -> None:
    assert used([entry(7, 5000)], [entry(70, 3, ticks=1900)]) == [3]
