"""What a text is searched in, for each list. Case does not matter, and a character of a pattern stands for itself."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import ColumnElement, and_, or_

from sutra_grid.registry.rows.statements import AGENTS, EVENTS, NODES

MAX_PORT_DIGITS = 5


def agents_with(text: str) -> ColumnElement[bool]:
    """Condition on an agent's row: id, host name or endpoint contains ``text``."""
    return or_(*_each_contains((AGENTS.c.agent_id, AGENTS.c.hostname, AGENTS.c.endpoint), text))


def nodes_with(text: str) -> ColumnElement[bool]:
    """Condition on a node's row: id or engine contains ``text``, or it is the node's port or a part of its endpoint.

    The index for lists has id and engine. Rows are read only for a text that ends in a port.
    """
    ways = _each_contains((NODES.c.node_id, NODES.c.reported_engine, NODES.c.engine), text)
    host, _, port = text.rpartition(":")
    if port.isascii() and port.isdecimal() and port[0] != "0" and len(port) <= MAX_PORT_DIGITS:
        has_port = NODES.c.port == int(port)
        endpoint: ColumnElement[Any] = NODES.c.report["endpoint"].as_string()
        ways.append(and_(has_port, endpoint.icontains(text, autoescape=True)) if host else has_port)
    return or_(*ways)


def events_with(text: str) -> ColumnElement[bool]:
    """Condition on an event's row: message, kind, reason or an id contains ``text``."""
    columns = EVENTS.c
    return or_(
        *_each_contains((columns.message, columns.kind, columns.reason, columns.agent_id, columns.node_id), text)
    )


def _each_contains(columns: Iterable[ColumnElement[str]], text: str) -> list[ColumnElement[bool]]:
    return [column.icontains(text, autoescape=True) for column in columns]
