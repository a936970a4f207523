"""Groups the errors of one command for many things, so that equal ones are told once. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from sutra_grid.core.errors import GridError

SHOWN_NAMES: Final = 5

#: What differs in errors that are equal otherwise: ids that the grid makes, process ids, and how long it took.
_VARIABLE: Final = re.compile(r"node-[0-9a-f]{8}|(?<=pid )\d+|(?<=process )\d+|\d+(\.\d+)? s\b")


@dataclass
class ErrorGroup:
    """Equal errors: the first of them, and the names of what they happened to."""

    error: GridError
    names: list[str] = field(default_factory=list)

    def count_text(self) -> str:
        """How many they are, and of what: ``15 (a, b and 13 more)``."""
        more = f" and {len(self.names) - SHOWN_NAMES} more" if len(self.names) > SHOWN_NAMES else ""
        return f"{len(self.names)} ({', '.join(self.names[:SHOWN_NAMES])}{more})"

    def text(self) -> str:
        """How many they are, of what, and the first message: ``15 (a, b and 13 more): no slot is free``."""
        return f"{self.count_text()}: {self.error.message}"


def group_errors(failures: Sequence[tuple[str, GridError]]) -> list[ErrorGroup]:
    """The groups of equal errors, in the order of their first ones. ``failures`` are names with their errors."""
    groups: dict[tuple[str, ...], ErrorGroup] = {}
    for name, error in failures:
        groups.setdefault(_key(name, error), ErrorGroup(error)).names.append(name)
    return list(groups.values())


def summary_of(failures: Sequence[tuple[str, GridError]], total: int, things: str, done: str) -> GridError:
    """One error for all ``failures`` of ``total``: ``15 of 30 nodes started; 15 failed: no slot is free``.

    It has the kind, the reason and the hint of the first one.
    """
    groups = group_errors(failures)
    first = groups[0].error
    if total == 1:
        return first
    count = f"{total - len(failures)} of {total} {things} {done}; {len(failures)} failed: "
    why = first.message if len(groups) == 1 else "; ".join(group.text() for group in groups)
    return type(first)(count + why, reason=first.reason, hint=first.hint)


def _key(name: str, error: GridError) -> tuple[str, ...]:
    return error.code, str(error.reason), *(_alike(name, text) for text in (error.message, error.hint))


def _alike(name: str, text: str) -> str:
    """The text without what differs from one thing to the next."""
    return _VARIABLE.sub("…", re.sub(rf"(?<![\w-]){re.escape(name)}(?![\w-])", "…", text))
