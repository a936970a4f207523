"""Rows of idempotency keys with the answers to their calls, kept for retries; ``retention`` deletes old ones."""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, select, update

from sutra_grid.core.errors import AlreadyExists
from sutra_grid.core.types import Reason
from sutra_grid.registry.rows.statements import IDEMPOTENCY_RECORDS, insert_new
from sutra_grid.registry.values import IdempotencyRecord

_BY_KEY = IDEMPOTENCY_RECORDS.c.request_id == bindparam("key")
_ONE = select(IDEMPOTENCY_RECORDS).where(_BY_KEY)
_UPDATE = update(IDEMPOTENCY_RECORDS).where(_BY_KEY)


def select_one(connection: Connection, key: str) -> IdempotencyRecord | None:
    """The record of an idempotency key, or None."""
    row = connection.execute(_ONE, {"key": key}).one_or_none()
    if row is None:
        return None
    return IdempotencyRecord(row.request_id, row.method, row.fingerprint, row.node_id, row.created_at_ms, row.outcome)


def insert(connection: Connection, record: IdempotencyRecord | None) -> None:
    """Store a record, if there is one. ``AlreadyExists`` for a key that was used before."""
    if record is None:
        return
    values = {
        "request_id": record.idempotency_key,
        "method": record.method,
        "fingerprint": record.fingerprint,
        "node_id": record.node_id,
        "created_at_ms": record.created_at_ms,
        "outcome": record.outcome,
    }
    if not insert_new(connection, IDEMPOTENCY_RECORDS, values):
        raise AlreadyExists(
            f"idempotency key {record.idempotency_key} was used before",
            reason=Reason.REQUEST_ID_REUSED,
            hint="Send the same request again for a retry, or use a new key for another request",
        )


def save_outcome(connection: Connection, key: str, outcome: bytes) -> None:
    """Store the answer of a call beside its key."""
    connection.execute(_UPDATE, {"key": key, "outcome": outcome})
