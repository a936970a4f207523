import time

from support.fakes.clock import FakeClock

from sutra_grid.runtime.clock import Clock, RetentionClock, SystemClock, wall_ms


def test_the_system_clock_reads_both_clocks_of_the_operating_system() -> None:
    clock: Clock = SystemClock()
    before = time.monotonic()
    assert before <= clock.monotonic() <= time.monotonic()
    assert abs(clock.wall() - time.time()) < 5


def test_wall_time_is_shown_in_whole_milliseconds() -> None:
    assert wall_ms(FakeClock(wall=1_700_000_000.1239)) == 1_700_000_000_123


def test_the_unhurried_wall_goes_with_the_clock_and_follows_a_jump_slowly() -> None:
    clock = FakeClock(wall=1_700_000_000.0)
    unhurried = RetentionClock(clock)
    clock.advance(3600)
    assert unhurried.wall_ms() == 1_700_003_600_000
    clock.jump_wall(5 * 3600)
    assert unhurried.wall_ms() == 1_700_003_600_000
    clock.advance(3600)
    assert unhurried.wall_ms() == 1_700_010_800_000  # two hours in one
    clock.advance(4 * 3600)
    assert unhurried.wall_ms() == wall_ms(clock)


def test_the_unhurried_wall_goes_back_at_once() -> None:
    clock = FakeClock()
    unhurried = RetentionClock(clock)
    clock.jump_wall(-5 * 3600)
    assert unhurried.wall_ms() == wall_ms(clock)
