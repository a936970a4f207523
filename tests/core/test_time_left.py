"""What is left of a time that was reported a while ago."""

from dataclasses import replace

import pytest

from sutra_grid.core.time_left import seen_at, stamped
from sutra_grid.core.types import Desired, Node, NodeReport, NodeSpec, NodeState

REPORT = NodeReport("node-1", 1, Desired.RUNNING, NodeState.STARTING, backoff_ms=60_000, stable_in_ms=30_000)
NODE = Node("node-1", "agent-1", NodeSpec(), Desired.RUNNING, 1, 0, 0, stamped(REPORT, 1_000))


@pytest.mark.parametrize(
    ("now_ms", "backoff_ms", "stable_in_ms"),
    [
        (1_000, 60_000, 30_000),
        (21_000, 40_000, 10_000),
        (31_000, 30_000, 1),  # no report says that it is over
        (99_000, 1, 1),
        (500, 60_000, 30_000),  # the clocks differ
        (0, 60_000, 30_000),
    ],
)
def test_what_is_left_shrinks_and_does_not_end_by_itself(now_ms: int, backoff_ms: int, stable_in_ms: int) -> None:
    report = seen_at(NODE, now_ms).report
    assert report is not None
    assert (report.backoff_ms, report.stable_in_ms) == (backoff_ms, stable_in_ms)


def test_only_a_report_with_a_time_that_is_left_gets_the_time() -> None:
    plain = replace(REPORT, backoff_ms=0, stable_in_ms=0)
    assert stamped(plain, 5) is plain
    assert stamped(stamped(REPORT, 5), 9).reported_at_ms == 5
    assert seen_at(replace(NODE, report=REPORT), 99_000) == replace(NODE, report=REPORT), "written by an older master"


def test_looked_at_twice_it_shrinks_by_what_has_passed_once() -> None:
    once = seen_at(NODE, 21_000)
    assert seen_at(once, 21_000) == once
    again = seen_at(once, 26_000).report
    assert again is not None
    assert (again.backoff_ms, again.stable_in_ms) == (35_000, 5_000)
