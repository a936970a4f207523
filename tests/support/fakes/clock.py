"""A clock that moves only when a test moves it."""

import threading


class FakeClock:
    """Both clocks of ``runtime.clock.Clock``; each moves on its own."""

    def __init__(self, monotonic: float = 1_000.0, wall: float = 1_700_000_000.0) -> None:
        self._lock = threading.Lock()
        self._monotonic = monotonic
        self._wall = wall

    def monotonic(self) -> float:
        with self._lock:
            return self._monotonic

    def wall(self) -> float:
        with self._lock:
            return self._wall

    def advance(self, seconds: float) -> None:
        with self._lock:
            self._monotonic += seconds
            self._wall += seconds

    def jump_wall(self, seconds: float) -> None:
        """What an administrator's ``date -s`` does: only the wall clock moves."""
        with self._lock:
            self._wall += seconds
