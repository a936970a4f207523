"""When a change is sent again, by plain values."""

from __future__ import annotations

import math

import pytest

from sutra_grid.client.retry import Decision, FailedTry, RetryPolicy, TryResult, decide, next_pause_seconds

PATIENT = RetryPolicy()
IMPATIENT = RetryPolicy(never_reached_seconds=0, not_applied_seconds=0, uncertain_seconds=5)

NOT_SENT, LOST, FINAL = TryResult.NOT_SENT, TryResult.LOST, TryResult.FINAL
REGISTRY_UNAVAILABLE = TryResult.REGISTRY_UNAVAILABLE
REPEAT, FAIL, FAIL_UNCERTAIN = Decision.REPEAT, Decision.FAIL, Decision.FAIL_UNCERTAIN


@pytest.mark.parametrize("lost_before", [True, False])
def test_a_final_answer_is_never_asked_for_again(lost_before: bool) -> None:
    assert decide(FailedTry(FINAL, lost_before=lost_before), PATIENT) is FAIL


def test_a_first_try_that_the_registry_refused_has_changed_nothing() -> None:
    assert decide(FailedTry(REGISTRY_UNAVAILABLE), PATIENT) is FAIL


def test_a_repetition_that_the_registry_could_not_look_up_is_repeated_and_then_uncertain() -> None:
    failed = FailedTry(REGISTRY_UNAVAILABLE, lost_before=True)
    assert decide(failed, PATIENT) is REPEAT
    ended = FailedTry(REGISTRY_UNAVAILABLE, lost_before=True, left_seconds=0.1, pause_seconds=0.2)
    assert decide(ended, PATIENT) is FAIL_UNCERTAIN


@pytest.mark.parametrize("result", [NOT_SENT, LOST])
def test_a_master_that_is_away_is_waited_for_until_the_timeout(result: TryResult) -> None:
    assert decide(FailedTry(result, outage_seconds=600), PATIENT) is REPEAT
    ended = FailedTry(result, outage_seconds=600, left_seconds=1, pause_seconds=1)
    assert decide(ended, PATIENT) is (FAIL_UNCERTAIN if result is LOST else FAIL)


@pytest.mark.parametrize(("outage_seconds", "decision"), [(0, REPEAT), (4.8, REPEAT), (4.9, FAIL), (600, FAIL)])
def test_a_master_that_never_answered_is_given_up_soon(outage_seconds: float, decision: Decision) -> None:
    failed = FailedTry(NOT_SENT, master_has_answered=False, outage_seconds=outage_seconds, pause_seconds=0.2)
    assert decide(failed, PATIENT) is decision


def test_a_lost_change_is_waited_for_even_if_the_master_never_answered() -> None:
    assert decide(FailedTry(LOST, master_has_answered=False, outage_seconds=60), PATIENT) is REPEAT
    later = FailedTry(NOT_SENT, lost_before=True, master_has_answered=False, outage_seconds=60)
    assert decide(later, PATIENT) is REPEAT


def test_a_policy_may_give_up_at_once_what_is_certainly_not_applied() -> None:
    failed = FailedTry(NOT_SENT, pause_seconds=0.2)
    assert decide(failed, IMPATIENT) is FAIL
    assert decide(FailedTry(NOT_SENT, master_has_answered=False, pause_seconds=0.2), IMPATIENT) is FAIL


@pytest.mark.parametrize(("outage_seconds", "decision"), [(0, REPEAT), (4.8, REPEAT), (4.9, FAIL_UNCERTAIN)])
def test_a_policy_bounds_the_wait_for_what_may_be_applied(outage_seconds: float, decision: Decision) -> None:
    for failed in (
        FailedTry(LOST, outage_seconds=outage_seconds, pause_seconds=0.2),
        FailedTry(NOT_SENT, lost_before=True, outage_seconds=outage_seconds, pause_seconds=0.2),
    ):
        assert decide(failed, IMPATIENT) is decision


def test_what_may_be_applied_is_never_reported_as_simply_failed() -> None:
    for result in (NOT_SENT, LOST, REGISTRY_UNAVAILABLE):
        for left_seconds in (0.0, math.inf):
            failed = FailedTry(result, lost_before=True, left_seconds=left_seconds, pause_seconds=1)
            assert decide(failed, PATIENT) is not FAIL


def test_pauses_double_up_to_a_bound() -> None:
    pauses = [PATIENT.first_pause_seconds]
    for _ in range(5):
        pauses.append(next_pause_seconds(pauses[-1], PATIENT))
    assert pauses == [0.2, 0.4, 0.8, 1.6, 2.0, 2.0]
