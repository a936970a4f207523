"""Which of two reports of one node is the newer."""

from __future__ import annotations

import pytest

from sutra_grid.master.state.report_version import NO_REPORT, SETTLE_SECONDS, ReportSource, ReportVersion

ANSWER, HEARTBEAT, REGISTRATION = ReportSource.ANSWER, ReportSource.HEARTBEAT, ReportSource.REGISTRATION
NOW = 100.0
NUMBERED = ReportVersion("s1", 5, answered_at=NOW)


@pytest.mark.parametrize("source", list(ReportSource))
@pytest.mark.parametrize("sequence", [0, 1])
def test_the_first_report_of_a_node_is_never_too_old(source: ReportSource, sequence: int) -> None:
    assert not NO_REPORT.is_newer_than("s1", sequence, source, NOW)


@pytest.mark.parametrize("source", list(ReportSource))
def test_numbers_of_one_session_decide_whatever_the_source_and_the_time(source: ReportSource) -> None:
    assert NUMBERED.is_newer_than("s1", 4, source, NOW + 1_000)
    assert not NUMBERED.is_newer_than("s1", 5, source, NOW)
    assert not NUMBERED.is_newer_than("s1", 6, source, NOW)


@pytest.mark.parametrize(("session", "sequence"), [("s1", 0), ("s2", 1)])
def test_where_no_number_decides_an_answer_stands_against_heartbeats_for_a_while(session: str, sequence: int) -> None:
    assert NUMBERED.is_newer_than(session, sequence, HEARTBEAT, NOW + SETTLE_SECONDS - 0.01)
    assert not NUMBERED.is_newer_than(session, sequence, HEARTBEAT, NOW + SETTLE_SECONDS)
    assert not NUMBERED.is_newer_than(session, sequence, ANSWER, NOW)
    assert not NUMBERED.is_newer_than(session, sequence, REGISTRATION, NOW)


def test_a_report_without_a_number_keeps_the_number_of_its_session_only() -> None:
    assert NUMBERED.followed_by("s1", 0, HEARTBEAT, NOW + 9) == NUMBERED
    assert NUMBERED.followed_by("s2", 0, HEARTBEAT, NOW + 9) == ReportVersion("s2", 0, NOW)


def test_only_an_answer_counts_as_an_answer() -> None:
    assert NUMBERED.followed_by("s1", 6, HEARTBEAT, NOW + 9) == ReportVersion("s1", 6, NOW)
    assert NUMBERED.followed_by("s1", 6, ANSWER, NOW + 9) == ReportVersion("s1", 6, NOW + 9)
