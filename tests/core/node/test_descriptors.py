"""When a process counts as one that has hardly a descriptor left."""

import pytest

from sutra_grid.core.node.descriptors import descriptor_problem


@pytest.mark.parametrize("used", [60, 62, 64])
def test_a_process_at_its_limit_or_within_a_few_of_it_is_named_with_the_numbers(used: int) -> None:
    assert descriptor_problem(range(used), 64) == f"its process has {used} of 64 file descriptors open"


def test_a_process_with_room_and_one_without_a_limit_have_no_problem() -> None:
    assert descriptor_problem(range(59), 64) == ""
    assert descriptor_problem(range(100_000), None) == ""


def test_a_few_of_a_large_limit_are_more() -> None:
    assert descriptor_problem(range(65_000), 65_536)
    assert descriptor_problem(range(64_000), 65_536) == ""


def test_descriptors_above_a_limit_that_was_lowered_leave_room_below_it() -> None:
    assert descriptor_problem([0, 1, 2, *range(100, 200)], 64) == ""
    assert descriptor_problem(range(100), 64) == "its process has 64 of 64 file descriptors open"
