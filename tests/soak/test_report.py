"""The report of a soak, from plain values."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from soak.faults import FAULTS, Deck
from soak.ledger import Violation
from soak.report import FaultRecord, Report

REPORT = Report(
    version="1.2.3",
    started="2026-01-02 03:04:05 UTC",
    seed=7,
    minutes=1.5,
    agents=3,
    nodes=9,
    heartbeat_seconds=1.0,
    operations_per_second=60.0,
    writes=100,
    writes_in_doubt=2,
    reads=90,
    faults=[
        FaultRecord("node killed", 1.0, "node-1", 0.5),
        FaultRecord("node killed", 5.0, "node-2", 1.5),
        FaultRecord("node killed", 7.0, "node-3", 0.7),
        FaultRecord("master killed", 9.0, "", None),
    ],
    violations=[],
)


def test_a_report_has_its_numbers_and_recovery_times_by_kind() -> None:
    text = REPORT.markdown()

    assert "passed" in text.splitlines()[0]
    assert "seed 7" in text
    assert "| node killed | 3 | 0.50 s | 0.70 s | 1.50 s |" in text
    assert "| master killed | 1 | never | never | never |" in text
    assert "100 writes acknowledged, 2 with an unknown outcome" in text


def test_a_report_with_a_violation_has_failed_and_shows_it() -> None:
    failed = replace(REPORT, violations=[Violation("lost write", "node-1 slot 3")])

    assert not failed.passed
    assert "FAILED: 1 violation" in failed.markdown().splitlines()[0]
    assert "- **lost write**: node-1 slot 3" in failed.markdown()


def test_a_deck_draws_every_fault_once_before_any_again_and_the_same_way_for_a_seed() -> None:
    first, again = (Deck(Random(5)) for _ in range(2))
    drawn = [first.draw() for _ in range(2 * len(FAULTS))]

    assert sorted(drawn[: len(FAULTS)]) == sorted(drawn[len(FAULTS) :]) == sorted(FAULTS)
    assert drawn == [again.draw() for _ in drawn]
