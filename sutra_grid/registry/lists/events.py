"""Pages of events, by filters and ids."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Connection, func, or_, select

from sutra_grid.core.types import Event
from sutra_grid.registry.lists.queries import EventQuery
from sutra_grid.registry.lists.text_search import events_with
from sutra_grid.registry.rows.codec import decoding
from sutra_grid.registry.rows.events import from_row
from sutra_grid.registry.rows.statements import EVENTS


def select_page(connection: Connection, query: EventQuery) -> list[Event]:
    """Events, oldest first: the first after the query's id, or the newest when it has no such id."""
    statement = select(EVENTS).where(*_conditions(query)).limit(query.limit)
    with decoding("events"):
        if query.after_event_id:
            return [from_row(row) for row in connection.execute(statement.order_by(EVENTS.c.event_id))]
        newest_first = connection.execute(statement.order_by(EVENTS.c.event_id.desc())).all()
        return [from_row(row) for row in reversed(newest_first)]


def count_up_to(connection: Connection, query: EventQuery, most: int) -> int:
    """How many events match the query, or ``most`` when there are more. Its limit does not count."""
    matching = select(EVENTS.c.event_id).where(*_conditions(query)).limit(most).subquery()
    return connection.execute(select(func.count()).select_from(matching)).scalar_one()


def _conditions(query: EventQuery) -> list[ColumnElement[bool]]:
    columns = EVENTS.c
    conditions = [
        columns[name] == value for name, value in (("agent_id", query.agent_id), ("node_id", query.node_id)) if value
    ]
    if query.reason is not None:
        conditions.append(columns.reason == query.reason.value)
    if query.actor:
        conditions.append(_caused_by(query.actor))
    if query.kind:
        first_part = query.kind + "."
        same_start = func.substr(columns.kind, 1, len(first_part)) == first_part
        conditions.append(or_(columns.kind == query.kind, same_start))
    if query.after_event_id:
        conditions.append(columns.event_id > query.after_event_id)
    if query.before_event_id:
        conditions.append(columns.event_id < query.before_event_id)
    if query.text:
        conditions.append(events_with(query.text))
    if query.since_ms:
        conditions.append(columns.at_ms >= query.since_ms)
    if query.until_ms:
        conditions.append(columns.at_ms <= query.until_ms)
    return conditions


def _caused_by(wanted: str) -> ColumnElement[bool]:
    """The condition of ``core.actor_names.matches_actor``."""
    columns = EVENTS.c
    by_name = columns.actor_name.endswith(f" {wanted}", autoescape=True)
    return or_(columns.actor == wanted, columns.actor_name == wanted, by_name)
