"""Queries about clients' requests, kept for their retries."""

from __future__ import annotations

from sqlalchemy import Connection, delete, select, update

from sutra_grid.core.errors import AlreadyExists
from sutra_grid.core.types import Reason
from sutra_grid.registry.rows.statements import REQUESTS, insert_new
from sutra_grid.registry.values import Request

MAX_AGE_MS = 24 * 3600 * 1000


def select_one(connection: Connection, request_id: str) -> Request | None:
    """The request, or None."""
    row = connection.execute(select(REQUESTS).where(REQUESTS.c.request_id == request_id)).one_or_none()
    if row is None:
        return None
    return Request(row.request_id, row.method, row.fingerprint, row.node_id, row.created_at_ms, row.outcome)


def insert(connection: Connection, request: Request | None) -> None:
    """Record a request, if there is one, under an id that was not used."""
    if request is None:
        return
    values = {
        "request_id": request.request_id,
        "method": request.method,
        "fingerprint": request.fingerprint,
        "node_id": request.node_id,
        "created_at_ms": request.created_at_ms,
        "outcome": request.outcome,
    }
    if not insert_new(connection, REQUESTS, values):
        raise AlreadyExists(
            f"request id {request.request_id} was used before",
            reason=Reason.REQUEST_ID_REUSED,
            hint="A retry sends the very same request; another one takes another id",
        )


def finish(connection: Connection, request_id: str, outcome: bytes) -> None:
    """Keep the answer."""
    connection.execute(update(REQUESTS).where(REQUESTS.c.request_id == request_id).values(outcome=outcome))


def prune(connection: Connection, *, before_ms: int) -> None:
    """Delete requests that came before ``before_ms``."""
    connection.execute(delete(REQUESTS).where(REQUESTS.c.created_at_ms < before_ms))
