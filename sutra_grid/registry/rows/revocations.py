"""Rows of revocations, and the version of their list, which rises with every change."""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, delete, func, select

from sutra_grid.core.access.revocations import Revocation, Revoked
from sutra_grid.registry.rows.codec import clean
from sutra_grid.registry.rows.statements import COUNTERS, REVOCATIONS, insert_new_on, upsert

COUNTER = "revocations"

_C = REVOCATIONS.c
_SUBJECT = ("serial", "role", "name")
_ALL = select(REVOCATIONS).order_by(_C.at_ms, _C.revocation_id)
_DELETE = delete(REVOCATIONS).where(*(_C[name] == bindparam(f"of_{name}") for name in _SUBJECT))
_VERSION = select(COUNTERS.c.value).where(COUNTERS.c.name == COUNTER)
_COUNT = select(func.count()).select_from(REVOCATIONS)


def select_all(connection: Connection) -> list[Revocation]:
    """All revocations, the oldest first."""
    return [
        Revocation(Revoked(row.serial, row.role, row.name), row.at_ms, row.by, row.reason)
        for row in connection.execute(_ALL)
    ]


def version(connection: Connection) -> int:
    """The version of the list; 0 before the first change."""
    return connection.execute(_VERSION).scalar() or 0


def count(connection: Connection) -> int:
    """How many there are."""
    return connection.execute(_COUNT).scalar() or 0


def insert(connection: Connection, revocation: Revocation, at_ms: int) -> bool:
    """Store a revocation and raise the version at ``at_ms``; False, without effect, when there is one already."""
    revoked = revocation.revoked
    values = {
        "serial": revoked.serial,
        "role": revoked.role,
        "name": revoked.name,
        "at_ms": revocation.at_ms,
        "by": clean(revocation.by),
        "reason": clean(revocation.reason),
    }
    if not insert_new_on(connection, REVOCATIONS, _SUBJECT, values):
        return False
    _raise_version(connection, at_ms)
    return True


def remove(connection: Connection, revoked: Revoked, at_ms: int) -> bool:
    """Delete a revocation and raise the version; False when there is none."""
    values = {"of_serial": revoked.serial, "of_role": revoked.role, "of_name": revoked.name}
    deleted = connection.execute(_DELETE, values, execution_options={"preserve_rowcount": True}).rowcount
    if deleted:
        _raise_version(connection, at_ms)
    return bool(deleted)


def _raise_version(connection: Connection, at_ms: int) -> None:
    """The new version is the time, if that is higher: a registry restored from a copy never repeats a version."""
    upsert(connection, COUNTERS, {"name": COUNTER, "value": max(version(connection) + 1, at_ms)})
