"""Colours of statuses, on a terminal only."""

from __future__ import annotations

import os
import sys
from typing import IO, Any, Final

import click

_COLORS: Final = {
    "healthy": "green",
    "running": "green",
    "degraded": "yellow",
    "starting": "yellow",
    "stopping": "yellow",
    "unhealthy": "yellow",
    "back-off": "yellow",
    "critical": "red",
    "offline": "red",
    "failed": "red",
    "stopped": "bright_black",
    "unknown": "magenta",
}


def is_terminal(stream: IO[Any]) -> bool:
    """Whether ``stream`` is a terminal; False for a closed or replaced stream."""
    try:
        return stream.isatty()
    except (AttributeError, ValueError):
        return False


def colors_wanted(no_color: bool, stream: IO[Any] | None = None) -> bool:
    """Whether to print colours: on a terminal that has them, unless NO_COLOR is set."""
    if no_color or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return is_terminal(sys.stdout if stream is None else stream)


def paint(text: str, word: str) -> str:
    """``text`` in the colour of the status that ``word`` starts with, or unchanged."""
    color = _COLORS.get(word.replace(",", " ").partition(" ")[0])
    return click.style(text, fg=color) if color else text
