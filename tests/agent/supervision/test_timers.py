from sutra_grid.agent.supervision.timers import TimerQueue


def test_timers_run_out_in_the_order_they_are_due() -> None:
    timers: TimerQueue[str] = TimerQueue()
    timers.arm("a", "late", 3.0)
    timers.arm("b", "early", 1.0)
    assert timers.seconds_until_next(0.5) == 0.5
    assert timers.pop_due(0.9) is None
    assert timers.pop_due(3.0) == ("b", "early")
    assert timers.pop_due(3.0) == ("a", "late")
    assert timers.pop_due(9.0) is None
    assert timers.seconds_until_next(9.0) is None


def test_arming_again_replaces_the_timer() -> None:
    timers: TimerQueue[str] = TimerQueue()
    timers.arm("a", "x", 1.0)
    timers.arm("a", "x", 5.0)
    assert timers.pop_due(4.0) is None
    assert timers.pop_due(5.0) == ("a", "x")


def test_cancelling_ends_all_timers_of_one_key_and_no_other() -> None:
    timers: TimerQueue[str] = TimerQueue()
    timers.arm("a", "x", 1.0)
    timers.arm("a", "y", 1.0)
    timers.arm("b", "x", 2.0)
    timers.cancel("a")
    timers.cancel("nobody")
    assert timers.pop_due(9.0) == ("b", "x")
    assert timers.pop_due(9.0) is None
