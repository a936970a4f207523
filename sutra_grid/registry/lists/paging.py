"""Pages of a list that stay right while its rows change: a cursor says after which row the next page begins.

A page is found by the values of the row before it, not by counting rows, so that no row that
is there throughout is left out or comes twice because others were inserted, removed or
changed. Only a row whose own sort value changes between two pages may move across the
cursor; by id, agent and creation none does.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, NoReturn, TypeVar

from sqlalchemy import ColumnElement, Label, Select, tuple_

from sutra_grid.core.errors import InvalidArgument
from sutra_grid.core.types import Reason

T = TypeVar("T")

DEFAULT_LIMIT = 100
MAX_LIMIT = 1000


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some rows of a list; ``next_cursor`` is empty on the last page."""

    items: Sequence[T]
    next_cursor: str = ""


@dataclass(frozen=True, slots=True)
class Order:
    """How a list is sorted: by ``key``, which is never null, and rows of the same key by their id."""

    key: Label[Any]
    key_type: type[str] | type[int] | type[float]
    row_id: ColumnElement[str]
    descending: bool

    def page_of(self, rows: Select[Any], fingerprint: str, cursor: str, limit: int) -> Select[Any]:
        """``rows`` of the page that begins at ``cursor``, and one more if there is a page after it."""
        if cursor:
            last = read_cursor(cursor, fingerprint, self.key_type)
            place, bound = tuple_(self.key.element, self.row_id), tuple_(*last)
            rows = rows.where(place < bound if self.descending else place > bound)
        return rows.order_by(*self.sorted_by(self.key, self.row_id)).limit(limit + 1)

    def sorted_by(self, *columns: ColumnElement[Any]) -> Iterable[ColumnElement[Any]]:
        """Each column in this direction."""
        return [column.desc() if self.descending else column.asc() for column in columns]


def limit_of(limit: int) -> int:
    """A page's size, held in its bounds."""
    return max(1, min(limit, MAX_LIMIT))


def fingerprint_of(*parts: object) -> str:
    """What a cursor is bound to: filter and sort of its list."""
    return hashlib.blake2s(repr(parts).encode(), digest_size=6).hexdigest()


def write_cursor(fingerprint: str, key: str | float, row_id: str) -> str:
    """The cursor after the row with this sort key and id."""
    written = json.dumps([fingerprint, key, row_id], separators=(",", ":"))
    return base64.urlsafe_b64encode(written.encode()).decode().rstrip("=")


def read_cursor(cursor: str, fingerprint: str, key_type: type) -> tuple[Any, str]:
    """Sort key and id of the row before the page. ``InvalidArgument`` for a cursor that is not of this list."""
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        parts = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (ValueError, binascii.Error, RecursionError):
        _refuse("is none that was given out")
    if not isinstance(parts, list) or len(parts) != 3 or not isinstance(parts[2], str):
        _refuse("is none that was given out")
    written_for, key, row_id = parts
    if written_for != fingerprint:
        _refuse("belongs to a list with another filter or sort")
    if type(key) is not key_type or (isinstance(key, float) and not math.isfinite(key)):
        _refuse("is none that was given out")
    return key, row_id


def _refuse(words: str) -> NoReturn:
    raise InvalidArgument(
        f"the cursor {words}",
        reason=Reason.INVALID_ARGUMENT,
        hint="Send next_cursor of the answer before, with the same filter and sort; leave it out to begin anew",
    )
