"""Statements that every subject needs: tables as Core sees them, upsert, pages of rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar, cast

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite

from sutra_grid.registry.tables import AgentRow, Base, EventRow, NodeRow, RequestRow, TombstoneRow

T = TypeVar("T")

# Rows of one executemany: short enough that other threads get their turn between two.
CHUNK_ROWS = 250


def table_of(row: type[Base]) -> Table:
    """The table that a mapping describes."""
    return cast(Table, row.__table__)


AGENTS = table_of(AgentRow)
NODES = table_of(NodeRow)
TOMBSTONES = table_of(TombstoneRow)
EVENTS = table_of(EventRow)
REQUESTS = table_of(RequestRow)


def upsert(connection: Connection, table: Table, values: Mapping[str, Any]) -> None:
    """Insert a row, or overwrite all given columns of the one with its key."""
    key = [column.name for column in table.primary_key]
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    statement = insert(table).values(**values)
    others = {name: statement.excluded[name] for name in values if name not in key}
    connection.execute(statement.on_conflict_do_update(index_elements=key, set_=others))


def insert_new(connection: Connection, table: Table, values: Mapping[str, Any]) -> bool:
    """Insert a row unless one with its key is there; tells whether it was inserted."""
    key = [column.name for column in table.primary_key]
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    statement = insert(table).values(**values).on_conflict_do_nothing(index_elements=key)
    return connection.execute(statement, execution_options={"preserve_rowcount": True}).rowcount == 1


def chunks(rows: Sequence[T], size: int = CHUNK_ROWS) -> Iterator[Sequence[T]]:
    """``rows`` in pieces of at most ``size``."""
    for start in range(0, len(rows), size):
        yield rows[start : start + size]
