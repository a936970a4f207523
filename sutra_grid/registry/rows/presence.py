"""The row of the master: when it last wrote, so that every reader tells the same age of what it reads."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, bindparam, select

from sutra_grid.registry.rows.statements import MASTERS, upsert

#: A grid has one master.
_MASTER: Final = "master"
_LAST_SEEN = select(MASTERS.c.last_seen_ms).where(MASTERS.c.name == bindparam("key"))


def save(connection: Connection, at_ms: int) -> None:
    """Record that the master runs at ``at_ms``, wall-clock milliseconds."""
    upsert(connection, MASTERS, {"name": _MASTER, "last_seen_ms": at_ms})


def last_seen_ms(connection: Connection) -> int:
    """When the master last wrote; 0 if it never did."""
    return connection.execute(_LAST_SEEN, {"key": _MASTER}).scalar() or 0
