import pytest

from sutra_grid.core.restart import RestartDecision, RestartPolicy, decide_restart, delay_seconds
from sutra_grid.core.types import Reason

POLICY = RestartPolicy(stable_seconds=30, max_crashes=8, window_seconds=600, jitter=0.1)


def decide(
    crashes: tuple[float, ...] = (), *, ready: float = 0.0, now: float = 1000.0, policy: RestartPolicy = POLICY
) -> RestartDecision:
    return decide_restart(policy, crashes, ready_seconds=ready, now=now, chance=0.5)


def test_after_a_stable_run_it_starts_again_at_once_and_the_history_is_forgotten() -> None:
    assert decide((990.0, 995.0), ready=30.0) == RestartDecision(0.0, (), Reason.CRASHED)


def test_what_never_was_ready_waits_even_where_every_run_counts_as_stable() -> None:
    eager = RestartPolicy(stable_seconds=0, jitter=0.0)
    assert decide(ready=0.0, policy=eager).delay_seconds == 1.0
    assert decide(ready=0.001, policy=eager).delay_seconds == 0.0


def test_the_delay_doubles_from_one_second_to_a_minute() -> None:
    assert [delay_seconds(POLICY, count, 0.5) for count in range(1, 9)] == [1, 2, 4, 8, 16, 32, 60, 60]


def test_chance_spreads_a_delay_to_both_sides() -> None:
    assert delay_seconds(POLICY, 1, 0.0) == pytest.approx(0.9)
    assert delay_seconds(POLICY, 1, 0.999) == pytest.approx(1.1, abs=0.01)


def test_the_first_end_without_a_stable_run_waits_a_second() -> None:
    assert decide() == RestartDecision(1.0, (1000.0,), Reason.BACK_OFF)


def test_too_many_ends_in_the_window_are_a_crash_loop() -> None:
    decision = decide(tuple(990.0 + n for n in range(7)))
    assert decision.delay_seconds is None
    assert decision.reason is Reason.CRASH_LOOP


def test_ends_before_the_window_do_not_count() -> None:
    decision = decide(tuple(100.0 + n for n in range(7)))
    assert decision.crashes == (1000.0,)
    assert decision.delay_seconds == 1.0


def test_with_restarts_off_it_stays_down() -> None:
    decision = decide(ready=1e6, policy=RestartPolicy(enabled=False))
    assert decision.delay_seconds is None
    assert decision.reason is Reason.RESTARTS_DISABLED
