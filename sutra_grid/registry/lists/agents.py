"""Pages of agents, and all agents as cells. Their nodes are counted in an index, not read."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, case, exists, func, select

from sutra_grid.core.types import AgentStatus
from sutra_grid.registry.lists.paging import Order, Page, count_rows, fingerprint_of, limit_of, write_cursor
from sutra_grid.registry.lists.queries import AgentCell, AgentQuery, AgentSort, ListedAgent
from sutra_grid.registry.lists.text_search import agents_with
from sutra_grid.registry.rows.agents import from_row
from sutra_grid.registry.rows.facts import TAKES_A_SLOT
from sutra_grid.registry.rows.statements import AGENTS, NODES

#: Worst first.
STATUS_ORDER = (AgentStatus.OFFLINE, AgentStatus.DEGRADED, AgentStatus.HEALTHY)

_USED = (
    select(func.count())
    .select_from(NODES)
    .where(NODES.c.agent_id == AGENTS.c.agent_id, TAKES_A_SLOT)
    .correlate(AGENTS)
    .scalar_subquery()
)
_RANK = case(
    *((AGENTS.c.status == status.value, rank) for rank, status in enumerate(STATUS_ORDER)), else_=len(STATUS_ORDER)
)
_KEYS: dict[AgentSort, tuple[ColumnElement[Any], type[str] | type[int]]] = {
    AgentSort.ID: (AGENTS.c.agent_id, str),
    AgentSort.STATUS: (_RANK, int),
    AgentSort.USED: (_USED, int),
    AgentSort.HEARTBEAT: (AGENTS.c.last_heartbeat_ms, int),
}
_EACH_LABEL = {"sqlite": func.json_each, "postgresql": func.json_each_text}

_CELLS = select(AGENTS.c.agent_id, AGENTS.c.status, AGENTS.c.max_storage_nodes, AGENTS.c.drained).order_by(
    AGENTS.c.agent_id
)
_USED_BY_AGENT = select(NODES.c.agent_id, func.count().label("used")).where(TAKES_A_SLOT).group_by(NODES.c.agent_id)


def select_page(connection: Connection, query: AgentQuery, *, counted: bool) -> Page[ListedAgent]:
    """The page of the query; ``counted``: with the number of all matching rows."""
    fingerprint = fingerprint_of(replace(query, cursor="", limit=0))
    limit = limit_of(query.limit)
    key, key_type = _KEYS[query.sort]
    order = Order(key.label("sort_key"), key_type, AGENTS.c.agent_id, query.descending)
    conditions = _conditions(query, connection.dialect.name)
    matching = select(AGENTS.c.agent_id, order.key).where(*conditions)
    found = order.page_of(matching, fingerprint, query.cursor, limit).subquery("page")
    whole = select(AGENTS, _USED.label("used_slots"), found.c.sort_key).join_from(
        found, AGENTS, AGENTS.c.agent_id == found.c.agent_id
    )
    rows = connection.execute(whole.order_by(*order.sorted_by(found.c.sort_key, AGENTS.c.agent_id))).all()
    page = [ListedAgent(from_row(row), row.used_slots) for row in rows[:limit]]
    is_last = len(rows) <= limit
    cursor = "" if is_last else write_cursor(fingerprint, rows[limit - 1].sort_key, rows[limit - 1].agent_id)
    if not counted or (is_last and not query.cursor):  # a list of one page needs no count
        return Page(page, cursor, len(page) if counted else -1)
    return Page(page, cursor, count_rows(connection, AGENTS, conditions))


def select_cells(connection: Connection) -> list[AgentCell]:
    """All agents by id, with only what an overview shows."""
    used = {row.agent_id: row.used for row in connection.execute(_USED_BY_AGENT)}
    statuses = {status.value: status for status in AgentStatus}
    return [
        AgentCell(agent_id, statuses[status], used.get(agent_id, 0), slots, drained)
        for agent_id, status, slots, drained in connection.execute(_CELLS)
    ]


def select_platforms(connection: Connection) -> set[str]:
    """The platforms that agents have."""
    return set(connection.execute(select(AGENTS.c.platform).distinct()).scalars()) - {""}


def _conditions(query: AgentQuery, dialect_name: str) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if query.status is not None:
        conditions.append(AGENTS.c.status == query.status.value)
    if query.drained is not None:
        conditions.append(AGENTS.c.drained == query.drained)
    if query.platform:
        conditions.append(AGENTS.c.platform == query.platform)
    if query.label:
        conditions.append(_has_label(query.label, dialect_name))
    if query.text:
        conditions.append(agents_with(query.text))
    return conditions


def _has_label(label: str, dialect_name: str) -> ColumnElement[bool]:
    name, has_value, value = label.partition("=")
    labels = _EACH_LABEL[dialect_name](AGENTS.c.labels).table_valued("key", "value")
    same_value = [labels.c.value == value] if has_value else []
    return exists(select(labels.c.key).where(and_(labels.c.key == name, *same_value)))
