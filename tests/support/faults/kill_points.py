"""Kill points: a daemon ends itself with SIGKILL, or stops, at a named step of its work."""

from __future__ import annotations

import itertools
import json
import signal
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.faults.killable import TRACE_SUFFIX
from support.harness.daemons import Daemon
from support.harness.processes import is_stopped
from support.waiting import eventually
from sutra_grid.runtime.steps import Step

LAUNCHER = Path(__file__).with_name("killable.py")

_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class KillPoint:
    """The ``times``-th time that a step is reached, counted from the order."""

    step: Step
    about: str = ""
    times: int = 1

    def __str__(self) -> str:
        words = f"{self.step}: {self.about}" if self.about else str(self.step)
        return f"{words} {self.times}" if self.times > 1 else words


def kill_points(*steps: Step | tuple[Step, str]) -> tuple[KillPoint, ...]:
    """A kill point at each step of a path, in its order; one that comes again counts on."""
    seen: Counter[tuple[Step, str]] = Counter()
    points = []
    for entry in steps:
        step, about = entry if isinstance(entry, tuple) else (entry, "")
        seen[step, about] += 1
        points.append(KillPoint(step, about, seen[step, about]))
    return tuple(points)


def at(points: Sequence[KillPoint], *, nth: int = 1) -> pytest.MarkDecorator:
    """A test at each of the points. Every ``nth`` belongs to the suite, the others to the slow tests."""
    marked = [
        pytest.param(point, marks=[] if number % nth == 0 else [pytest.mark.soak])
        for number, point in enumerate(points)
    ]
    return pytest.mark.parametrize("point", marked, ids=str)


def times_of(points: Iterable[KillPoint]) -> Counter[tuple[str, str]]:
    """How often a path comes to each of its steps."""
    return Counter((str(point.step), point.about) for point in points)


class Orders:
    """Tell a daemon that was started through the launcher when to end or stand still, and see what it has reached."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._trace = path.with_name(path.name + TRACE_SUFFIX)

    @property
    def run_in(self) -> tuple[str, ...]:
        """The arguments before the daemon's command. ``-P``: the launcher's directory is not for imports."""
        return (sys.executable, "-P", str(LAUNCHER), str(self._path))

    def kill_at(self, point: KillPoint) -> None:
        """From now on count, and end at ``point``. Also before the start of the daemon."""
        self._give(point, signal.SIGKILL)

    def pause_at(self, point: KillPoint) -> None:
        """From now on count, and stand still at ``point`` until a SIGCONT comes."""
        self._give(point, signal.SIGSTOP)

    def _give(self, point: KillPoint, number: signal.Signals) -> None:
        order = {
            "step": point.step,
            "about": point.about,
            "times": point.times,
            "signal": number,
            "number": next(_numbers),
        }
        fresh = self._path.with_name(self._path.name + ".new")
        fresh.write_text(json.dumps(order))
        fresh.replace(self._path)

    def mark(self) -> int:
        """Where the trace ends now, for ``reached``."""
        return self._trace.stat().st_size if self._trace.exists() else 0

    def reached(self, since: int, besides: Iterable[Step] = ()) -> Counter[tuple[str, str]]:
        """How often each step was reached since a mark."""
        ignored = set(besides)
        with self._trace.open() as stream:
            stream.seek(since)
            reached = [json.loads(line) for line in stream if line.endswith("\n")]
        return Counter((step, about) for step, about in reached if step not in ignored)

    def wait_until_killed(self, daemon: Daemon) -> None:
        """The daemon has ended at the step it was told. Raises ``AssertionError`` when it has not, or otherwise."""
        assert daemon.exit_code() == -signal.SIGKILL, f"{daemon.name} ended otherwise:\n{daemon.log_tail()}"
        assert not self._path.exists(), f"{daemon.name} was killed by somebody else"

    def wait_until_paused(self, daemon: Daemon) -> None:
        """The daemon stands still at the step it was told."""
        eventually(lambda: not self._path.exists() and is_stopped(daemon.pid), message=f"{daemon.name} stands still")
