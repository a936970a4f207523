"""A row of measurements as the points of an SVG line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

WIDTH: Final = 300
HEIGHT: Final = 40
_MARGIN: Final = 2


class Sparkline(NamedTuple):
    """``line`` and ``area`` are points of SVG; ``label`` says the same in words."""

    line: str
    area: str
    now: str
    peak: str
    label: str


def sparkline(title: str, values: Sequence[float], least_top: float, words: Callable[[float], str]) -> Sparkline | None:
    """Of ``values``, oldest first, from zero to their peak, or to ``least_top`` if that is higher; None without two."""
    if len(values) < 2:
        return None
    top = max(*values, least_top)
    step = WIDTH / (len(values) - 1)
    points = [f"{index * step:.1f},{_height(value / top)}" for index, value in enumerate(values)]
    now, peak = words(values[-1]), words(max(values))
    return Sparkline(
        " ".join(points),
        " ".join([f"0,{HEIGHT}", *points, f"{WIDTH},{HEIGHT}"]),
        now,
        peak,
        f"{title}: {now}, peak {peak}",
    )


def _height(share: float) -> str:
    return f"{HEIGHT - _MARGIN - share * (HEIGHT - 2 * _MARGIN):.1f}"
