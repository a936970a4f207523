"""Runs an agent's heartbeat in simulated time instead of a thread."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from model.simulation import Life, Simulation
from sutra_grid.agent.heartbeat import Heartbeat


class HeartbeatThread:
    """The thread of a heartbeat and its stop event, in simulated time."""

    def __init__(self, sim: Simulation, life: Life, heartbeat: Heartbeat, interval_seconds: float) -> None:
        self._sim = sim
        self._life = life
        self._heartbeat = heartbeat
        self._interval_seconds = interval_seconds
        self._triggered = True
        self._stopped = False
        self._wake: Callable[[], None] | None = None
        parts: Any = heartbeat  # simulated ones replace its thread and its event
        parts._ticker = self
        parts._stopping = _SimEvent(sim, life)

    def run(self) -> None:
        while not self._stopped:
            if not self._triggered:
                self._sim.wait(self._life, self._interval_seconds, self._register)
                self._wake = None
            self._triggered = False
            if not self._stopped:
                self._heartbeat.tick()

    def _register(self, wake: Callable[[], None]) -> None:
        self._wake = wake

    def trigger(self) -> None:
        self._triggered = True
        if self._wake is not None:
            self._wake()

    def stop(self, _timeout_seconds: float = 0.0) -> None:
        self._stopped = True
        self.trigger()


@dataclass
class _SimEvent:
    """The event that a heartbeat waits for between its attempts."""

    sim: Simulation
    life: Life
    _set: bool = field(default=False)

    def is_set(self) -> bool:
        return self._set

    def set(self) -> None:
        self._set = True

    def wait(self, seconds: float) -> bool:
        if not self._set:
            self.sim.wait(self.life, seconds)
        return self._set
