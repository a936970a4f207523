"""What a page's address chooses: read leniently, so that an old link still leads somewhere."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import TypeVar

from flask import request

E = TypeVar("E", bound=StrEnum)


def text_parameters(names: Iterable[str]) -> dict[str, str]:
    """The parameters of these names; empty ones that are not there. Within a request."""
    return {name: request.args.get(name, "").strip() for name in names}


def enum_or_none(kind: type[E], text: str) -> E | None:
    """The member that ``text`` names; None for none."""
    return kind(text) if text in {member.value for member in kind} else None


def flag_or_none(text: str) -> bool | None:
    """``true`` or ``false``; None for neither."""
    return {"true": True, "false": False}.get(text)
