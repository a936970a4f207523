import time

from support.clock import FakeClock

from sutra_grid.runtime.clock import Clock, SystemClock, wall_ms


def test_the_system_clock_reads_both_clocks_of_the_operating_system() -> None:
    clock: Clock = SystemClock()
    before = time.monotonic()
    assert before <= clock.monotonic() <= time.monotonic()
    assert abs(clock.wall() - time.time()) < 5


def test_wall_time_is_shown_in_whole_milliseconds() -> None:
    assert wall_ms(FakeClock(wall=1_700_000_000.1239)) == 1_700_000_000_123
