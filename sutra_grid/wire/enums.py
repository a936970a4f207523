"""Strings of the wire as members of enumerations."""

from __future__ import annotations

from enum import StrEnum
from typing import TypeVar

from sutra_grid.core.errors import InvalidArgument
from sutra_grid.core.types import Reason

E = TypeVar("E", bound=StrEnum)


def member(enum: type[E], value: str, field: str) -> E:
    """The member with that value. Raises ``InvalidArgument``, which names the field and what is allowed."""
    try:
        return enum(value)
    except ValueError:
        allowed = " | ".join(enum)
        raise InvalidArgument(
            f"{field} is {value!r}, allowed: {allowed}",
            reason=Reason.INVALID_ARGUMENT,
            hint="The sender may have a newer version; upgrade this side",
        ) from None


def reason_or_none(value: str) -> Reason:
    """The reason with that value; ``NONE`` for an unknown one: a newer version may have more, and it only explains."""
    try:
        return Reason(value)
    except ValueError:
        return Reason.NONE
