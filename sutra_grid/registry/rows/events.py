"""Queries about events."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, delete, func, insert, or_, select, text

from sutra_grid.core.event_kinds import event_kind
from sutra_grid.core.types import Actor, Event
from sutra_grid.registry.lists.queries import EventQuery
from sutra_grid.registry.rows.codec import clean, decoding, reason_of
from sutra_grid.registry.rows.statements import EVENTS, chunks

PRUNE_ROWS = 10_000


def append(connection: Connection, events: Sequence[Event]) -> None:
    """Insert events under new ids; the last thing that a transaction does.

    A reader follows events by their ids, so an id must not become visible after a
    higher one. SQLite has one writer at a time; on PostgreSQL the lock makes it so. It
    is taken last, so that nobody who holds it waits for a row.
    """
    if not events:
        return
    if connection.dialect.name == "postgresql":
        connection.execute(text("LOCK TABLE events IN SHARE ROW EXCLUSIVE MODE"))
    for chunk in chunks(events):
        connection.execute(insert(EVENTS), [_columns(event) for event in chunk])


def append_unwritten(connection: Connection, events: Sequence[Event]) -> None:
    """Insert those of ``events`` that are not there yet: a batch whose commit was lost is sent again."""
    if not events:
        return
    newest = max(event.at_ms for event in events)
    oldest = min(event.at_ms for event in events)
    written = select(*(EVENTS.c[name] for name in _IDENTITY)).where(EVENTS.c.at_ms.between(oldest, newest))
    known = {tuple(row) for row in connection.execute(written)}
    append(connection, [event for event in events if _identity(event) not in known])


def select_some(connection: Connection, query: EventQuery) -> list[Event]:
    """Oldest first: the first after the query's id, or, after 0, the newest."""
    statement = select(EVENTS).where(*_conditions(query)).limit(query.limit)
    with decoding("events"):
        if query.after_event_id:
            return _events(connection.execute(statement.order_by(EVENTS.c.event_id)))
        newest_first = connection.execute(statement.order_by(EVENTS.c.event_id.desc())).all()
        return _events(reversed(newest_first))


def last_id(connection: Connection) -> int:
    """The newest event's id; 0 if there is none."""
    return connection.execute(select(func.max(EVENTS.c.event_id))).scalar() or 0


def prune(connection: Connection, *, before_ms: int, max_events: int) -> None:
    """Delete events older than ``before_ms`` or beyond the newest ``max_events``, oldest first."""
    ids = select(EVENTS.c.event_id)
    surplus = connection.execute(ids.order_by(EVENTS.c.event_id.desc()).limit(1).offset(max(max_events, 0))).scalar()
    too_many = EVENTS.c.event_id <= (surplus or 0)
    doomed = ids.where(or_(EVENTS.c.at_ms < before_ms, too_many)).order_by(EVENTS.c.event_id).limit(PRUNE_ROWS)
    connection.execute(delete(EVENTS).where(EVENTS.c.event_id.in_(doomed.scalar_subquery())))


def _conditions(query: EventQuery) -> list[ColumnElement[bool]]:
    columns = EVENTS.c
    conditions = [
        columns[name] == value for name, value in (("agent_id", query.agent_id), ("node_id", query.node_id)) if value
    ]
    conditions += [
        columns[name] == value.value
        for name, value in (("reason", query.reason), ("actor", query.actor))
        if value is not None
    ]
    if query.kind:
        first_part = query.kind + "."
        same_start = func.substr(columns.kind, 1, len(first_part)) == first_part
        conditions.append(or_(columns.kind == query.kind, same_start))
    if query.after_event_id:
        conditions.append(columns.event_id > query.after_event_id)
    if query.before_event_id:
        conditions.append(columns.event_id < query.before_event_id)
    if query.since_ms:
        conditions.append(columns.at_ms >= query.since_ms)
    if query.until_ms:
        conditions.append(columns.at_ms <= query.until_ms)
    return conditions


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
    }


def _events(rows: Iterable[Row[Any]]) -> list[Event]:
    return [
        Event(
            event_id=row.event_id,
            at_ms=row.at_ms,
            kind=event_kind(row.kind),
            agent_id=row.agent_id,
            node_id=row.node_id,
            reason=reason_of(row.reason),
            message=row.message,
            actor=Actor(row.actor),
        )
        for row in rows
    ]
