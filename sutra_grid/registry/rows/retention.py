"""Deletes old rows: events that are too old or too many, idempotency records after a day, others after 90 days.

The others are tombstones, and tokens and certificates after their end.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, and_, delete, or_, select

from sutra_grid.registry.rows.statements import (
    CERTIFICATES,
    EVENTS,
    IDEMPOTENCY_RECORDS,
    REVOCATIONS,
    TOKENS,
    TOMBSTONES,
)
from sutra_grid.registry.rows.users import SESSIONS

_DAY_MS: Final = 24 * 3600 * 1000

IDEMPOTENCY_MAX_AGE_MS: Final = _DAY_MS
"""A client that retries later than this gets a second node for a spawn."""

TOMBSTONE_MAX_AGE_MS: Final = 90 * _DAY_MS
"""An agent that was away for longer may report a removed node, which is then taken over as a new one.

``core.agent.removal`` tells operators this number."""

ENDED_ACCESS_MAX_AGE_MS: Final = 90 * _DAY_MS
"""How long a token or a certificate is listed after its end, for those who look into what has happened."""

MAX_EVENTS_DELETED: Final = 10_000
"""Of one call, so that it holds the write lock for a short time only."""


def delete_old_rows(connection: Connection, now_ms: int, events_max_age_ms: int, max_events: int) -> None:
    """Delete what is older than its limit at ``now_ms``, and events beyond the newest ``max_events``."""
    _delete_events(connection, now_ms - events_max_age_ms, max_events)
    created_at_ms = IDEMPOTENCY_RECORDS.c.created_at_ms
    connection.execute(delete(IDEMPOTENCY_RECORDS).where(created_at_ms < now_ms - IDEMPOTENCY_MAX_AGE_MS))
    removed_at_ms = TOMBSTONES.c.removed_at_ms
    connection.execute(delete(TOMBSTONES).where(removed_at_ms < now_ms - TOMBSTONE_MAX_AGE_MS))
    connection.execute(delete(SESSIONS).where(SESSIONS.c.ends_at_ms <= now_ms))
    _delete_ended_access(connection, now_ms - ENDED_ACCESS_MAX_AGE_MS)


def _delete_ended_access(connection: Connection, before_ms: int) -> None:
    """Delete tokens and certificates that ended before ``before_ms``, and the revocations of those certificates."""
    token = TOKENS.c
    ended = or_(
        and_(token.expires_at_ms > 0, token.expires_at_ms < before_ms),
        and_(token.revoked_at_ms > 0, token.revoked_at_ms < before_ms),
        and_(token.uses_left == 0, token.last_used_at_ms < before_ms),
    )
    connection.execute(delete(TOKENS).where(ended))
    expired = CERTIFICATES.c.not_after_ms < before_ms
    serials = select(CERTIFICATES.c.serial).where(expired).scalar_subquery()
    connection.execute(delete(REVOCATIONS).where(REVOCATIONS.c.serial.in_(serials)))
    connection.execute(delete(CERTIFICATES).where(expired))


def _delete_events(connection: Connection, before_ms: int, max_events: int) -> None:
    """Delete the oldest events: those from before ``before_ms``, and those beyond the newest ``max_events``."""
    ids = select(EVENTS.c.event_id)
    surplus = connection.execute(ids.order_by(EVENTS.c.event_id.desc()).limit(1).offset(max(max_events, 0))).scalar()
    too_many = EVENTS.c.event_id <= (surplus or 0)
    old = ids.where(or_(EVENTS.c.at_ms < before_ms, too_many)).order_by(EVENTS.c.event_id).limit(MAX_EVENTS_DELETED)
    connection.execute(delete(EVENTS).where(EVENTS.c.event_id.in_(old.scalar_subquery())))
