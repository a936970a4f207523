"""Pages of a list that stay correct while its rows change: a cursor names the row before the next page.

A page is found by the values of the row before it, not by counting rows. So a row that exists
throughout is neither left out nor repeated when others are inserted, removed or changed. Only a row
whose own sort value changes between two pages may cross the cursor; ids, agents and creation times
never change.
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

from sqlalchemy import ColumnElement, Connection, FromClause, Label, Select, func, select, tuple_

from sutra_grid.core.errors import InvalidArgument
from sutra_grid.core.types import Reason

T = TypeVar("T")

DEFAULT_LIMIT = 100
MAX_LIMIT = 1000


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some rows of a list; ``next_cursor`` is empty on the last page. ``total`` rows are on all pages, if counted."""

    items: Sequence[T]
    next_cursor: str = ""
    total: int = -1


@dataclass(frozen=True, slots=True)
class Order:
    """How a list is sorted: by ``key``, which is never null, then by id."""

    key: Label[Any]
    key_type: type[str] | type[int] | type[float]
    row_id: ColumnElement[str]
    descending: bool

    def page_of(self, rows: Select[Any], fingerprint: str, cursor: str, limit: int) -> Select[Any]:
        """``rows`` of the page at ``cursor``, and one more row if there is a next page."""
        if cursor:
            last = read_cursor(cursor, fingerprint, self.key_type)
            place, bound = tuple_(self.key.element, self.row_id), tuple_(*last)
            rows = rows.where(place < bound if self.descending else place > bound)
        return rows.order_by(*self.sorted_by(self.key, self.row_id)).limit(limit + 1)

    def sorted_by(self, *columns: ColumnElement[Any]) -> Iterable[ColumnElement[Any]]:
        """Each column in this direction."""
        return [column.desc() if self.descending else column.asc() for column in columns]


def count_rows(connection: Connection, table: FromClause, conditions: Iterable[ColumnElement[bool]]) -> int:
    """How many rows of ``table`` match."""
    return connection.execute(select(func.count()).select_from(table).where(*conditions)).scalar_one()


def limit_of(limit: int) -> int:
    """A page's size within its bounds."""
    return max(1, min(limit, MAX_LIMIT))


def fingerprint_of(*parts: object) -> str:
    """A digest of what a cursor belongs to: filter and sort of its list."""
    return hashlib.blake2s(repr(parts).encode(), digest_size=6).hexdigest()


def write_cursor(fingerprint: str, key: str | float, row_id: str) -> str:
    """The cursor after the row with this sort key and id."""
    written = json.dumps([fingerprint, key, row_id], separators=(",", ":"))
    return base64.urlsafe_b64encode(written.encode()).decode().rstrip("=")


def read_cursor(cursor: str, fingerprint: str, key_type: type) -> tuple[Any, str]:
    """Sort key and id of the row before the page. ``InvalidArgument`` for a cursor of another list."""
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        parts = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (ValueError, binascii.Error, RecursionError):
        _refuse("is not valid")
    if not isinstance(parts, list) or len(parts) != 3 or not isinstance(parts[2], str):
        _refuse("is not valid")
    written_for, key, row_id = parts
    if written_for != fingerprint:
        _refuse("belongs to a list with another filter or sort")
    if type(key) is not key_type or (isinstance(key, float) and not math.isfinite(key)):
        _refuse("is not valid")
    return key, row_id


def _refuse(problem: str) -> NoReturn:
    raise InvalidArgument(
        f"the cursor {problem}",
        reason=Reason.INVALID_ARGUMENT,
        hint="Send next_cursor of the previous answer with the same filter and sort, or omit it to start again",
    )
