"""The words that lists show, and what each finds as a filter."""

import pytest
from support.values.grid_values import a_node, a_report

from sutra_grid.core.listed_status import ListedStatus, is_listed_as, listed_status
from sutra_grid.core.types import Health, NodeState, NodeStatus

HUNG = a_report(a_node(), health=Health.UNHEALTHY)
WAITING = a_report(a_node(), state=NodeState.STARTING, pid=0, backoff_ms=9_000)


def test_every_status_is_a_word_and_a_filter_for_itself() -> None:
    assert {word.status for word in ListedStatus} == set(NodeStatus)
    for status in NodeStatus:
        assert is_listed_as(ListedStatus(status), status, None)


def test_an_unhealthy_node_is_found_as_running_too() -> None:
    assert is_listed_as(ListedStatus.UNHEALTHY, NodeStatus.RUNNING, HUNG)
    assert is_listed_as(ListedStatus.RUNNING, NodeStatus.RUNNING, HUNG)


def test_a_node_in_back_off_is_found_as_starting_too() -> None:
    assert is_listed_as(ListedStatus.BACK_OFF, NodeStatus.STARTING, WAITING)
    assert is_listed_as(ListedStatus.STARTING, NodeStatus.STARTING, WAITING)


@pytest.mark.parametrize("word", [ListedStatus.BACK_OFF, ListedStatus.UNHEALTHY])
def test_nobody_sees_a_back_off_or_a_probe_of_an_offline_agent(word: ListedStatus) -> None:
    assert not is_listed_as(word, NodeStatus.UNKNOWN, WAITING)
    assert not is_listed_as(word, NodeStatus.UNKNOWN, HUNG)
    assert listed_status("unknown", "unhealthy", 9_000, 0) == "unknown"


def test_a_status_of_a_newer_version_is_shown_as_it_came() -> None:
    assert listed_status("hibernating", "", 0, 0) == "hibernating"
