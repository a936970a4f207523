"""How many rows a list has, and how many of them a page shows."""

from __future__ import annotations

from typing import Final

#: Rows of a page of a list, unless its URL has a ``limit``: a phone shows them in less than three screens.
PAGE_ROWS: Final = 25
PAGE_SIZES: Final = (25, 50, 100, 200)


def size_text(total: int, shown: int, noun: str, *, filtered: bool, most: int = 0) -> str:
    """``24 nodes``, ``24 nodes match, 3 shown``. A total of ``most`` is not counted further."""
    count = f"more than {most - 1:,}" if most and total >= most else f"{total:,}"
    one = total == 1
    name = noun if one else f"{noun}s"
    verb = "" if not filtered else " matches" if one else " match"
    return f"{count} {name}{verb}{f', {shown:,} shown' if shown < total else ''}"


def page_sizes(limit: int) -> list[int]:
    """The choices of a page's size, ``limit`` among them."""
    return sorted({*PAGE_SIZES, limit})
