"""Links of a list: each column sorted the other way, the next page, and the form's choices kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple
from urllib.parse import urlencode


class Heading(NamedTuple):
    """A column's head: where a click leads, and how it is sorted now, as ``aria-sort`` has it; empty for not."""

    url: str
    sorted: str


def link(path: str, chosen: Mapping[str, str], **changes: str) -> str:
    """``path`` with what was chosen, changed; what is empty is left out."""
    query = {name: value for name, value in {**chosen, **changes}.items() if value}
    return f"{path}?{urlencode(query)}" if query else path


def headings(path: str, chosen: Mapping[str, str], keys: Iterable[str], default: str) -> dict[str, Heading]:
    """The heads of the columns that a list can be sorted by; ``chosen`` has ``sort`` and ``desc``."""
    sort, descending = chosen.get("sort") or default, chosen.get("desc") == "true"
    found = {}
    for key in keys:
        turned = "true" if key == sort and not descending else ""
        order = ("descending" if descending else "ascending") if key == sort else ""
        found[key] = Heading(link(path, chosen, sort=key, desc=turned, cursor=""), order)
    return found
