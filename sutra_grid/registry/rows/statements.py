"""Tables and statements that all rows share: upsert, insert of new rows, chunks.

Statements are built once, and values are passed as parameters: building a statement with its
values takes ten times as long as executing it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any, TypeVar, cast

from sqlalchemy import Connection, Insert, Table
from sqlalchemy.dialects import postgresql, sqlite

from sutra_grid.registry.tables import (
    AgentRow,
    Base,
    CertificateRow,
    CounterRow,
    EventRow,
    IdempotencyRow,
    MasterRow,
    NodeRow,
    RevocationRow,
    TokenRow,
    TombstoneRow,
)

T = TypeVar("T")

# Rows of one executemany: few enough that other threads get a turn between two chunks.
CHUNK_ROWS = 250


def table_of(row: type[Base]) -> Table:
    """The table that a mapping describes."""
    return cast(Table, row.__table__)


AGENTS = table_of(AgentRow)
NODES = table_of(NodeRow)
TOMBSTONES = table_of(TombstoneRow)
EVENTS = table_of(EventRow)
MASTERS = table_of(MasterRow)
IDEMPOTENCY_RECORDS = table_of(IdempotencyRow)
TOKENS = table_of(TokenRow)
CERTIFICATES = table_of(CertificateRow)
REVOCATIONS = table_of(RevocationRow)
COUNTERS = table_of(CounterRow)


def upsert(connection: Connection, table: Table, values: Mapping[str, Any]) -> None:
    """Insert a row, or overwrite the one with its key. ``values`` has every column of the table."""
    connection.execute(_upsert(table, connection.dialect.name), values)


def insert_new(connection: Connection, table: Table, values: Mapping[str, Any]) -> bool:
    """Insert a row unless its key exists; returns whether it was inserted."""
    return insert_new_on(connection, table, tuple(column.name for column in table.primary_key), values)


def insert_new_on(connection: Connection, table: Table, key: tuple[str, ...], values: Mapping[str, Any]) -> bool:
    """Insert a row unless one has the same values in ``key``, which is unique; returns whether it was inserted."""
    statement = _insert_new(table, connection.dialect.name, key)
    return connection.execute(statement, values, execution_options={"preserve_rowcount": True}).rowcount == 1


def chunks(rows: Sequence[T], size: int = CHUNK_ROWS) -> Iterator[Sequence[T]]:
    """``rows`` in pieces of at most ``size``."""
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


@cache
def _upsert(table: Table, dialect_name: str) -> Insert:
    statement = _INSERTS[dialect_name](table)
    key = [column.name for column in table.primary_key]
    others = {column.name: statement.excluded[column.name] for column in table.columns if column.name not in key}
    insert: Insert = statement.on_conflict_do_update(index_elements=key, set_=others)
    return insert


@cache
def _insert_new(table: Table, dialect_name: str, key: tuple[str, ...]) -> Insert:
    insert: Insert = _INSERTS[dialect_name](table).on_conflict_do_nothing(index_elements=list(key))
    return insert


_INSERTS: dict[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}
