"""Lengths of time on the command line: ``90s``, ``30m``, ``12h``, ``90d``."""

from __future__ import annotations

import re
from typing import Any, Final

import click

_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}
_SPAN: Final = re.compile(r"(?:\d{1,9}[smhdw])+")
_PART: Final = re.compile(r"(\d+)([smhdw])")


class SpanType(click.ParamType):  # type: ignore[type-arg]  # generic in the stubs alone
    """A positive length of time, as whole seconds."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The seconds of ``1h30m``."""
        if isinstance(value, int):
            return value
        text = str(value).strip()
        seconds = (
            sum(int(count) * _SECONDS[unit] for count, unit in _PART.findall(text)) if _SPAN.fullmatch(text) else 0
        )
        if seconds <= 0:
            self.fail(
                f"{value!r} is not a length of time. Write a number with s, m, h, d or w, such as 90d.", param, ctx
            )
        return seconds


SPAN: Final = SpanType()
