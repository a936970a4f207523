"""Pages of nodes. A narrow index finds the page; whole rows are read only for that page."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, Subquery, case, or_, select

from sutra_grid.core.listed_status import ListedStatus
from sutra_grid.core.status import Facts, needs_attention, shown_status, status_of
from sutra_grid.core.time_left import seen_at
from sutra_grid.core.types import AgentStatus, Health, NodeStatus
from sutra_grid.registry.lists.paging import Order, Page, count_rows, fingerprint_of, limit_of, write_cursor
from sutra_grid.registry.lists.queries import ListedNode, NodeQuery, NodeSort
from sutra_grid.registry.lists.text_search import nodes_with
from sutra_grid.registry.rows.facts import judged, numbers_in_use, rank
from sutra_grid.registry.rows.nodes import from_row
from sutra_grid.registry.rows.statements import AGENTS, NODES

#: Worst first.
STATUS_ORDER = (
    NodeStatus.FAILED,
    NodeStatus.UNKNOWN,
    NodeStatus.STARTING,
    NodeStatus.STOPPING,
    NodeStatus.STOPPED,
    NodeStatus.RUNNING,
)

_ENGINE = case((NODES.c.reported_engine != "", NODES.c.reported_engine), else_=NODES.c.engine)
_KEYS: dict[NodeSort, tuple[ColumnElement[Any], type[str] | type[int] | type[float]]] = {
    NodeSort.ID: (NODES.c.node_id, str),
    NodeSort.AGENT: (NODES.c.agent_id, str),
    NodeSort.RESTARTS: (NODES.c.restarts, int),
    NodeSort.STARTED: (NODES.c.started_at_ms, int),
    NodeSort.MEMORY: (NODES.c.rss_bytes, int),
    NodeSort.CPU: (NODES.c.cpu_percent, float),
    NodeSort.CREATED: (NODES.c.created_at_ms, int),
}

#: Each measurement changes these columns, so no index has them: sorting by them reads all rows in order.
_MEASURED = {NodeSort.MEMORY, NodeSort.CPU}
_FACTS_OF_ROWS = NODES.c.facts + 0  # no planner uses an index for it, so rows are read in order


def select_page(connection: Connection, query: NodeQuery, now_ms: int, *, counted: bool) -> Page[ListedNode]:
    """The page of the query at ``now_ms``; ``counted``: with the number of all matching rows."""
    fingerprint = fingerprint_of(replace(query, cursor="", limit=0))
    limit = limit_of(query.limit)
    numbers = numbers_in_use(connection)
    order = _order(query, numbers)
    matching = select(NODES.c.node_id, order.key).where(*_conditions(query, numbers))
    found = order.page_of(matching, fingerprint, query.cursor, limit).subquery("page")
    rows = connection.execute(_whole_rows(found).order_by(*order.sorted_by(found.c.sort_key, NODES.c.node_id))).all()
    page = [_listed(row, now_ms) for row in rows[:limit]]
    is_last = len(rows) <= limit
    cursor = "" if is_last else write_cursor(fingerprint, rows[limit - 1].sort_key, rows[limit - 1].node_id)
    if not counted or (is_last and not query.cursor):  # a list of one page needs no count
        return Page(page, cursor, len(page) if counted else -1)
    # Whatever it is sorted by, the narrow index counts it.
    by_index = replace(query, sort=NodeSort.STATUS)
    return Page(page, cursor, count_rows(connection, NODES, _conditions(by_index, numbers)))


def _order(query: NodeQuery, numbers: Collection[int]) -> Order:
    key, key_type = (rank(STATUS_ORDER, numbers), int) if query.sort is NodeSort.STATUS else _KEYS[query.sort]
    return Order(key.label("sort_key"), key_type, NODES.c.node_id, query.descending)


def _conditions(query: NodeQuery, numbers: Collection[int]) -> list[ColumnElement[bool]]:
    facts = _FACTS_OF_ROWS if query.sort in _MEASURED else NODES.c.facts
    conditions: list[ColumnElement[bool]] = []
    if query.agent_id:
        conditions.append(NODES.c.agent_id == query.agent_id)
    elif query.is_filtered or query.sort is not NodeSort.ID:
        conditions.append(facts.in_(numbers))  # all of them: leads planners to the narrow index, see ``facts.judged``
    if query.status is not None:
        conditions += _listed_as(query.status, numbers, facts)
    if query.engine:
        conditions.append(_ENGINE.in_([query.engine]))
    if query.health is not None:
        unreported = [NODES.c.health.is_(None)] if query.health is Health.UNKNOWN else []
        conditions.append(or_(NODES.c.health == query.health.value, *unreported))
    if query.text:
        conditions.append(nodes_with(query.text))
    if query.attention is not None:
        wants = query.attention
        conditions.append(
            judged(lambda facts, agent_status: needs_attention(facts, agent_status) is wants, numbers, facts)
        )
    return conditions


def _listed_as(wanted: ListedStatus, numbers: Collection[int], facts: ColumnElement[int]) -> list[ColumnElement[bool]]:
    """Conditions for ``core.listed_status.is_listed_as``. No index has the back-off: of few rows the report is read."""

    def may_be(facts: Facts, agent_status: AgentStatus | None) -> bool:
        if status_of(facts, agent_status) is not wanted.status:
            return False
        if wanted is ListedStatus.UNHEALTHY:
            return facts.is_unhealthy
        return not (wanted is ListedStatus.BACK_OFF and facts.has_process)

    waits = [NODES.c.report["backoff_ms"].as_integer() > 0] if wanted is ListedStatus.BACK_OFF else []
    return [judged(may_be, numbers, facts), *waits]


def _listed(row: Row[Any], now_ms: int) -> ListedNode:
    node = seen_at(from_row(row), now_ms)
    return ListedNode(node, shown_status(node, AgentStatus(row.agent_status), row.agent_since_ms))


def _whole_rows(found: Subquery) -> Select[Any]:
    of_agent = (AGENTS.c.status.label("agent_status"), AGENTS.c.status_since_ms.label("agent_since_ms"))
    columns = select(NODES, *of_agent, found.c.sort_key)
    return (
        columns.select_from(found)
        .join(NODES, NODES.c.node_id == found.c.node_id)
        .join(AGENTS, AGENTS.c.agent_id == NODES.c.agent_id)
    )
