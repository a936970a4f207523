"""Whether a process has nearly used up its file descriptors. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

DESCRIPTORS_OPEN: Final = "file descriptors open"
"""Ends a problem that names how many descriptors a process has open; ``explain`` advises by it."""

_FEW: Final = 4  # a connection and a file or two come and go between the failure and the look
_FEW_PERCENT: Final = 1  # of a large limit: more come and go there


def descriptor_problem(numbers: Iterable[int], soft_limit: int | None) -> str:
    """How many descriptors a process has open, if it is at its soft limit or within a few of it; else empty.

    ``numbers``: its open descriptors. The kernel bounds the numbers, so those at the limit or above, from before the
    limit was lowered, are not counted. ``soft_limit``: None for no limit.
    """
    if soft_limit is None:
        return ""
    used = sum(number < soft_limit for number in numbers)
    few = max(_FEW, soft_limit * _FEW_PERCENT // 100)
    return f"its process has {used} of {soft_limit} {DESCRIPTORS_OPEN}" if used + few >= soft_limit else ""
