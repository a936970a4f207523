"""Rows of counters, which only rise."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection, bindparam, select, update

from sutra_grid.registry.rows.statements import COUNTERS, insert_new

_ADD = update(COUNTERS).where(COUNTERS.c.name == bindparam("key")).values(value=COUNTERS.c.value + bindparam("added"))


def add(connection: Connection, numbers: Mapping[str, int]) -> None:
    """Add to each counter; one that is new begins at 0."""
    for name, number in sorted(numbers.items()):
        insert_new(connection, COUNTERS, {"name": name, "value": 0})
        connection.execute(_ADD, {"key": name, "added": number})


def select_with_prefix(connection: Connection, prefix: str) -> dict[str, int]:
    """The counters whose names begin with ``prefix``."""
    found = select(COUNTERS).where(COUNTERS.c.name.startswith(prefix, autoescape=True))
    return {row.name: row.value for row in connection.execute(found)}
