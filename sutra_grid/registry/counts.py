"""The grid in numbers, counted by the database: a handful of rows however many nodes there are."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, bindparam, case, func, select

from sutra_grid.core.status import Facts
from sutra_grid.core.types import AgentStatus, Desired, Health, NodeState
from sutra_grid.registry.statements import AGENTS, EVENTS, NODES
from sutra_grid.registry.values import AgentPulse, GridCounts, NodeCount

_AGENTS = select(AGENTS.c.status, AGENTS.c.drained, AGENTS.c.max_storage_nodes, AGENTS.c.last_heartbeat_ms)

_CONFIRMED = case((NODES.c.report["generation"].as_integer() >= NODES.c.generation, 1), else_=0).label("confirmed")
_HAS_PROCESS = case((NODES.c.pid > 0, 1), else_=0).label("has_process")
_UNHEALTHY = case((NODES.c.health == Health.UNHEALTHY.value, 1), else_=0).label("unhealthy")
_KINDS = (AGENTS.c.status, NODES.c.engine, NODES.c.desired, NODES.c.state, _CONFIRMED, _HAS_PROCESS, _UNHEALTHY)
_NODES = (
    select(*_KINDS, func.count().label("nodes"), func.sum(NODES.c.report["restarts"].as_integer()).label("restarts"))
    .select_from(NODES.join(AGENTS, NODES.c.agent_id == AGENTS.c.agent_id))
    .group_by(*_KINDS)
)

_LAST_EVENT = select(func.max(EVENTS.c.event_id))
_EVENTS = (
    select(EVENTS.c.kind, func.count().label("events"))
    .where(EVENTS.c.at_ms >= bindparam("since_ms"))
    .group_by(EVENTS.c.kind)
)


def count(connection: Connection, events_since_ms: int) -> GridCounts:
    """Count everything, in one transaction."""
    return GridCounts(
        agents=[AgentPulse(AgentStatus(row[0]), row[1], row[2], row[3]) for row in connection.execute(_AGENTS)],
        nodes=[_node_count(row) for row in connection.execute(_NODES)],
        last_event_id=connection.execute(_LAST_EVENT).scalar() or 0,
        events={row.kind: row.events for row in connection.execute(_EVENTS, {"since_ms": events_since_ms})},
    )


def _node_count(row: Row[Any]) -> NodeCount:
    facts = Facts(
        desired=Desired(row.desired),
        state=None if row.state is None else NodeState(row.state),
        is_confirmed=bool(row.confirmed),
        has_process=bool(row.has_process),
        is_unhealthy=bool(row.unhealthy),
    )
    return NodeCount(facts, AgentStatus(row.status), row.engine, row.nodes, int(row.restarts or 0))
