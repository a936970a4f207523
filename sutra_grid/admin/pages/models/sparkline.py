"""Measurements as an SVG line chart."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

WIDTH: Final = 300
HEIGHT: Final = 40
_MARGIN: Final = 2


class Sparkline(NamedTuple):
    """``line`` and ``area`` are SVG points. ``label`` describes the chart as text."""

    line: str
    area: str
    now: str
    peak: str
    label: str


def sparkline(title: str, values: Sequence[float], min_top: float, text: Callable[[float], str]) -> Sparkline | None:
    """A chart of ``values``, oldest first, from 0 to their peak, at least to ``min_top``. None for fewer than two."""
    if len(values) < 2:
        return None
    top = max(*values, min_top)
    step = WIDTH / (len(values) - 1)
    points = [f"{index * step:.1f},{_height(value / top)}" for index, value in enumerate(values)]
    now, peak = text(values[-1]), text(max(values))
    return Sparkline(
        " ".join(points),
        " ".join([f"0,{HEIGHT}", *points, f"{WIDTH},{HEIGHT}"]),
        now,
        peak,
        f"{title}: {now}, peak {peak}",
    )


def _height(share: float) -> str:
    return f"{HEIGHT - _MARGIN - share * (HEIGHT - 2 * _MARGIN):.1f}"
