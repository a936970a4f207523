import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.waiting import eventually

from sutra_grid.runtime.ticker import Ticker, next_due


@pytest.mark.parametrize(
    ("now", "due"),
    [(100.0, 105.0), (104.9, 105.0), (105.0, 110.0), (105.3, 110.0), (131.0, 135.0)],
)
def test_the_next_tick_is_the_first_point_of_the_grid_that_is_still_to_come(now: float, due: float) -> None:
    assert next_due(100.0, 5.0, now) == due


@given(st.floats(0, 1e6), st.floats(0.01, 1e4), st.floats(0, 1e6).filter(lambda delay: delay > 1e-3))
def test_a_late_tick_neither_bunches_nor_shifts_the_grid(started: float, interval: float, delay: float) -> None:
    now = started + delay
    due = next_due(started, interval, now)
    assert now - interval * 1e-6 <= due <= now + interval * (1 + 1e-6)


def test_it_ticks_again_and_again_until_it_is_stopped() -> None:
    ticks: list[str] = []
    with Ticker("beat", 0.01, lambda: ticks.append(threading.current_thread().name)) as ticker:
        eventually(lambda: len(ticks) >= 3)
    assert not ticker.is_alive()
    assert set(ticks) == {"beat"}


def test_no_exception_ends_it_and_failures_are_counted() -> None:
    calls = threading.Semaphore(0)

    def tick() -> None:
        calls.release()
        raise SystemExit(1)

    with Ticker("failing", 0.01, tick) as ticker:
        for _ in range(3):
            assert calls.acquire(timeout=10)
        eventually(lambda: ticker.failures >= 3)
        assert ticker.is_alive()


def test_a_trigger_ticks_at_once() -> None:
    ticked = threading.Event()
    with Ticker("slow", 3600, ticked.set) as ticker:
        assert not ticked.is_set()
        ticker.trigger()
        assert ticked.wait(10)


def test_a_trigger_during_a_tick_is_not_lost() -> None:
    running, go_on = threading.Semaphore(0), threading.Event()

    def tick() -> None:
        running.release()
        go_on.wait(10)

    with Ticker("busy", 3600, tick) as ticker:
        ticker.trigger()
        assert running.acquire(timeout=10)
        ticker.trigger()
        go_on.set()
        assert running.acquire(timeout=10)


def test_stopping_does_not_wait_for_the_next_tick() -> None:
    ticker = Ticker("slow", 3600, lambda: None)
    ticker.start()
    assert ticker.stop(10)
    assert ticker.stop(10)


def test_stopping_gives_up_on_a_tick_that_hangs() -> None:
    hanging, end = threading.Event(), threading.Event()

    def tick() -> None:
        hanging.set()
        end.wait(10)

    ticker = Ticker("hanging", 3600, tick)
    ticker.start()
    ticker.trigger()
    assert hanging.wait(10)
    assert not ticker.stop(0.01)
    end.set()
    assert ticker.stop(10)


def test_a_tick_may_stop_its_own_ticker() -> None:
    stopped: list[bool] = []
    ticker = Ticker("once", 3600, lambda: stopped.append(ticker.stop()))
    ticker.start()
    ticker.trigger()
    eventually(lambda: not ticker.is_alive())
    assert stopped == [True]


def test_a_ticker_that_was_never_started_stops_as_well() -> None:
    assert Ticker("idle", 1, lambda: None).stop()


@pytest.mark.parametrize(("interval", "jitter"), [(0, 0.1), (-1, 0.1), (1, 1.0), (1, -0.1)])
def test_senseless_intervals_are_refused(interval: float, jitter: float) -> None:
    with pytest.raises(ValueError, match="ticker odd"):
        Ticker("odd", interval, lambda: None, jitter=jitter)
