"""Rows of events: appended, never changed; ``retention`` deletes old ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, text

from sutra_grid.core.event_kinds import event_kind
from sutra_grid.core.types import Actor, Event
from sutra_grid.registry.rows.codec import clean, reason_of
from sutra_grid.registry.rows.statements import EVENTS, chunks


def append(connection: Connection, events: Sequence[Event]) -> None:
    """Insert events under new ids, as the last step of a transaction.

    Readers follow events by their ids, so an id must not become visible after a higher one. SQLite
    has one writer at a time; on PostgreSQL the lock has the same effect. It is taken last, so that no
    transaction waits for a row while it holds the lock.
    """
    if not events:
        return
    if connection.dialect.name == "postgresql":
        connection.execute(text("LOCK TABLE events IN SHARE ROW EXCLUSIVE MODE"))
    for chunk in chunks(events):
        connection.execute(insert(EVENTS), [_columns(event) for event in chunk])


def append_unwritten(connection: Connection, events: Sequence[Event]) -> None:
    """Insert the events that are not stored yet: a batch is sent again when its commit was not confirmed."""
    if not events:
        return
    newest = max(event.at_ms for event in events)
    oldest = min(event.at_ms for event in events)
    written = select(*(EVENTS.c[name] for name in _IDENTITY)).where(EVENTS.c.at_ms.between(oldest, newest))
    known = {tuple(row) for row in connection.execute(written)}
    append(connection, [event for event in events if _identity(event) not in known])


def last_id(connection: Connection) -> int:
    """The newest event's id; 0 if there is none."""
    return connection.execute(select(func.max(EVENTS.c.event_id))).scalar() or 0


_IDENTITY = ("at_ms", "kind", "agent_id", "node_id", "reason", "message", "actor")


def _identity(event: Event) -> tuple[Any, ...]:
    columns = _columns(event)
    return tuple(columns[name] for name in _IDENTITY)


def _columns(event: Event) -> dict[str, Any]:
    return {
        "at_ms": event.at_ms,
        "kind": str(event.kind),
        "agent_id": clean(event.agent_id),
        "node_id": clean(event.node_id),
        "reason": event.reason.value,
        "message": clean(event.message),
        "actor": event.actor.value,
        "actor_name": clean(event.actor_name),
        "actor_address": clean(event.actor_address),
    }


def from_row(row: Row[Any]) -> Event:
    """The event of a whole row."""
    return Event(
        event_id=row.event_id,
        at_ms=row.at_ms,
        kind=event_kind(row.kind),
        agent_id=row.agent_id,
        node_id=row.node_id,
        reason=reason_of(row.reason),
        message=row.message,
        actor=Actor(row.actor),
        actor_name=row.actor_name,
        actor_address=row.actor_address,
    )
