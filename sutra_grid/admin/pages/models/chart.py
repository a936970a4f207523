"""Measurements over time as an SVG chart with a scale and a time axis."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from statistics import median
from typing import Final, NamedTuple

from sutra_grid.core.age import duration

WIDTH: Final = 300
HEIGHT: Final = 60
_MARGIN: Final = 2
#: Two measurements that are further apart than this many usual distances are not joined by a line.
_GAP: Final = 3.0
_ROUND: Final = (1, 2, 3, 4, 5, 6, 8, 10, 20, 30, 40, 50, 60, 80, 100, 200, 300, 400, 500, 600, 800, 1000)


class Measure(NamedTuple):
    """A quantity: its title, the least top of its scale, how it is written, and the base of its prefixes."""

    title: str
    min_top: float
    text: Callable[[float], str]
    prefix: int = 1000


class Line(NamedTuple):
    """Measurements without a gap: ``line`` and ``area`` are SVG points."""

    line: str
    area: str


class Chart(NamedTuple):
    """``scale`` is written from top to bottom, ``times_ms`` from left to right. ``label`` describes it as text."""

    title: str
    lines: Sequence[Line]
    now: str
    peak: str
    scale: Sequence[str]
    times_ms: Sequence[int]
    label: str


def chart(measure: Measure, samples: Iterable[tuple[int, float]]) -> Chart | None:
    """A chart of ``samples`` (milliseconds, value), oldest first, from 0 to a round value. None for fewer than two."""
    points = list(samples)
    if len(points) < 2 or points[-1][0] <= points[0][0]:
        return None
    values = [value for _, value in points]
    first, last = points[0][0], points[-1][0]
    top = round_top(max(*values, measure.min_top), measure.prefix)
    text = measure.text
    span = duration((last - first) / 1000)
    return Chart(
        measure.title,
        [_line(run, first, last, top) for run in _runs(points)],
        text(values[-1]),
        text(max(values)),
        (text(top), text(top / 2), text(0)),
        (first, (first + last) // 2, last),
        f"{measure.title} over {span}: latest {text(values[-1])}, lowest {text(min(values))}, peak {text(max(values))}",
    )


def round_top(value: float, prefix: int) -> float:
    """The least round number that is not below ``value``: 1 to 10 times a power of ten, within its prefix."""
    unit = 1.0
    while value / unit > _ROUND[-1]:
        unit *= prefix
    return next((each for each in _ROUND if each * unit >= value), _ROUND[-1]) * unit


def _runs(points: Sequence[tuple[int, float]]) -> list[list[tuple[int, float]]]:
    """The points, parted where measurements are missing."""
    usual = median(after[0] - before[0] for before, after in pairwise(points))
    runs = [[points[0]]]
    for before, after in pairwise(points):
        if after[0] - before[0] > _GAP * usual:
            runs.append([])
        runs[-1].append(after)
    return runs


def _line(run: Sequence[tuple[int, float]], first: int, last: int, top: float) -> Line:
    xs = [(at - first) * WIDTH / (last - first) for at, _ in run]
    points = [f"{x:.1f},{_height(value / top)}" for x, (_, value) in zip(xs, run, strict=True)]
    return Line(" ".join(points), " ".join([f"{xs[0]:.1f},{HEIGHT}", *points, f"{xs[-1]:.1f},{HEIGHT}"]))


def _height(share: float) -> str:
    return f"{HEIGHT - _MARGIN - share * (HEIGHT - 2 * _MARGIN):.1f}"
