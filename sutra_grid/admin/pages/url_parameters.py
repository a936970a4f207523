"""Reads the parameters of a page's URL. Invalid values are ignored, so that old links keep working."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import TypeVar

from flask import request

E = TypeVar("E", bound=StrEnum)


def text_parameters(names: Iterable[str]) -> dict[str, str]:
    """The parameters with these names, empty when absent. Needs a request context."""
    return {name: request.args.get(name, "").strip() for name in names}


def enum_or_none(kind: type[E], text: str) -> E | None:
    """The member with this value, or None."""
    return kind(text) if text in {member.value for member in kind} else None


def flag_or_none(text: str) -> bool | None:
    """True for ``true``, False for ``false``, None otherwise."""
    return {"true": True, "false": False}.get(text)
