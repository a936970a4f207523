"""The series that a PromQL expression reads, with the labels that it matches."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

OPERATORS = {"and", "or", "unless", "bool", "offset"}

# Each alternative takes what the ones behind it would mistake for a series.
_TOKEN = re.compile(
    r"""
    \b(?:by|without|on|ignoring|group_left|group_right)\s*\((?P<grouping>[^)]*)\)
    | \[[^\]]*\]                                                # a range
    | [a-z_]\w*\s*(?=\(|by\b|without\b)                         # a function
    | (?P<name>[a-z_:][\w:]*)\s*(?P<matchers>\{[^}]*\})?        # a series
    | \d[\w.]*                                                  # a number or a duration
    | .
    """,
    re.VERBOSE | re.DOTALL,
)
_MATCHER = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"')


@dataclass(frozen=True, slots=True)
class Selector:
    """One series of an expression. ``equals`` are the labels that are matched by ``=``."""

    name: str
    labels: frozenset[str]
    equals: tuple[tuple[str, str], ...]


def selectors(expression: str) -> Iterator[Selector]:
    """The series that the expression names."""
    for token in _TOKEN.finditer(expression):
        if token["name"] and token["name"] not in OPERATORS:
            matchers = _MATCHER.findall(token["matchers"] or "")
            equals = tuple((label, value) for label, operator, value in matchers if operator == "=")
            yield Selector(token["name"], frozenset(label for label, _, _ in matchers), equals)


def grouped_by(expression: str) -> set[str]:
    """The labels that the expression groups by."""
    groupings = (token["grouping"] or "" for token in _TOKEN.finditer(expression))
    return {label.strip() for labels in groupings for label in labels.split(",") if label.strip()}
