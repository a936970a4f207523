"""Links of a list: sorting by column and paging. They keep the filters of the form."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple
from urllib.parse import urlencode


class Heading(NamedTuple):
    """A column heading with its link. ``sorted`` is the value of ``aria-sort``, empty when not sorted."""

    url: str
    sorted: str


def link(path: str, chosen: Mapping[str, str], **changes: str) -> str:
    """``path`` with the chosen parameters and the changes. Omits empty ones."""
    query = {name: value for name, value in {**chosen, **changes}.items() if value}
    return f"{path}?{urlencode(query)}" if query else path


def headings(path: str, chosen: Mapping[str, str], keys: Iterable[str], default: str) -> dict[str, Heading]:
    """The headings of sortable columns. A ``-`` before the key in ``chosen["sort"]`` sorts descending."""
    sort = chosen.get("sort") or default
    key_in_use, descending = sort.removeprefix("-"), sort.startswith("-")
    result = {}
    for key in keys:
        is_sorted = key == key_in_use
        order = ("descending" if descending else "ascending") if is_sorted else ""
        next_sort = f"-{key}" if is_sorted and not descending else key
        result[key] = Heading(link(path, chosen, sort=next_sort, cursor=""), order)
    return result
