"""Words of the wire -> members of enumerations, and texts that protobuf accepts."""

from __future__ import annotations

from enum import StrEnum
from typing import TypeVar

from sutra_grid.core.errors import InvalidArgument
from sutra_grid.core.types import Reason

E = TypeVar("E", bound=StrEnum)


def member(enum: type[E], word: str, field: str) -> E:
    """The member of that value. Raises ``InvalidArgument`` that names the field and what is allowed."""
    try:
        return enum(word)
    except ValueError:
        allowed = " | ".join(enum)
        raise InvalidArgument(
            f"{field} is {word!r}, which is none of {allowed}",
            reason=Reason.INVALID_ARGUMENT,
            hint="The sender may be of a newer version; upgrade this side",
        ) from None


def reason_or_none(word: str) -> Reason:
    """The reason of that value; one of a newer version explains nothing here and becomes ``NONE``."""
    try:
        return Reason(word)
    except ValueError:
        return Reason.NONE


def utf8(text: str) -> str:
    """The text with whatever is not UTF-8 (undecodable bytes of file names, of logs) as question marks."""
    return text if text.isascii() else text.encode(errors="replace").decode()
