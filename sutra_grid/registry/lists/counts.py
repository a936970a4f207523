"""The grid in numbers, counted by the database: a few rows, however many nodes there are."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, bindparam, func, select

from sutra_grid.core.types import AgentStatus
from sutra_grid.registry.rows import presence
from sutra_grid.registry.rows.facts import FACTS
from sutra_grid.registry.rows.statements import AGENTS, EVENTS, NODES
from sutra_grid.registry.values import AgentPulse, GridCounts, NodeCount

_PULSE = ("status", "drained", "max_storage_nodes", "last_heartbeat_ms", "reachability")
_AGENTS = select(*(AGENTS.c[name] for name in _PULSE))

# The engine that runs, once its agent has reported it. All these columns are in the index for lists.
_ENGINE = func.coalesce(func.nullif(NODES.c.reported_engine, ""), NODES.c.engine).label("engine_name")
_KINDS = (AGENTS.c.status, _ENGINE, NODES.c.facts)
_NODES = (
    select(*_KINDS, func.count().label("nodes"), func.sum(NODES.c.restarts).label("restarts"))
    .select_from(NODES.join(AGENTS, NODES.c.agent_id == AGENTS.c.agent_id))
    .group_by(*_KINDS)
)

_INSECURE = select(func.count()).select_from(AGENTS).where(AGENTS.c.insecure != "")

_LAST_EVENT = select(func.max(EVENTS.c.event_id))
_EVENTS = (
    select(EVENTS.c.kind, func.count().label("events"))
    .where(EVENTS.c.at_ms >= bindparam("since_ms"))
    .group_by(EVENTS.c.kind)
)


def count(connection: Connection, events_since_ms: int) -> GridCounts:
    """Count everything, in one transaction."""
    return GridCounts(
        agents=[AgentPulse(AgentStatus(row[0]), *row[1:]) for row in connection.execute(_AGENTS)],
        nodes=[_node_count(row) for row in connection.execute(_NODES)],
        last_event_id=connection.execute(_LAST_EVENT).scalar() or 0,
        master_last_seen_ms=presence.last_seen_ms(connection),
        events={row.kind: row.events for row in connection.execute(_EVENTS, {"since_ms": events_since_ms})},
    )


def insecure_agents(connection: Connection) -> int:
    """How many agents say that others reach them or their nodes without TLS."""
    return connection.execute(_INSECURE).scalar() or 0


def _node_count(row: Row[Any]) -> NodeCount:
    return NodeCount(FACTS[row.facts], AgentStatus(row.status), row.engine_name, row.nodes, int(row.restarts))
