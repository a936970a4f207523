"""The cluster's status with its reasons, counted in the database; ``core.status`` has the rules."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, func, select

from sutra_grid.core.status import (
    SHOWN_REASONS,
    AgentTrouble,
    Facts,
    NodeTrouble,
    Tally,
    is_missing,
    is_troubled,
    summarize,
)
from sutra_grid.core.types import AgentStatus, ClusterSummary
from sutra_grid.registry.rows import agents, nodes
from sutra_grid.registry.rows.facts import FACTS, judged, number_of
from sutra_grid.registry.rows.statements import AGENTS, NODES

_OF_AGENT = AGENTS.c.agent_id == NODES.c.agent_id
_AGENTS = select(AGENTS.c.status, func.count()).group_by(AGENTS.c.status)
_NODES = select(NODES.c.facts, func.count()).group_by(NODES.c.facts)
_NODES_OF = (
    select(AGENTS.c.status, NODES.c.facts, func.count())
    .join_from(AGENTS, NODES, _OF_AGENT)
    .where(AGENTS.c.status.in_(bindparam("statuses", expanding=True)))
    .group_by(AGENTS.c.status, NODES.c.facts)
)
_UNHEALTHY_IDS = (
    select(AGENTS.c.agent_id)
    .where(AGENTS.c.status.in_([status.value for status in AgentStatus if status is not AgentStatus.HEALTHY]))
    .order_by(AGENTS.c.agent_id)
    .limit(SHOWN_REASONS)
)
_UNHEALTHY = select(AGENTS).where(AGENTS.c.agent_id.in_(bindparam("ids", expanding=True))).order_by(AGENTS.c.agent_id)
_LOST = (
    select(NODES.c.agent_id, func.count().label("lost"))
    .where(NODES.c.agent_id.in_(bindparam("ids", expanding=True)))
    .where(NODES.c.facts.in_([number for number, facts in FACTS.items() if is_missing(facts, AgentStatus.OFFLINE)]))
    .group_by(NODES.c.agent_id)
)
_TROUBLED = (
    select(NODES, AGENTS.c.status.label("agent_status"))
    .join_from(NODES, AGENTS, _OF_AGENT)
    .order_by(NODES.c.node_id)
    .limit(SHOWN_REASONS)
)


def summary(connection: Connection, now_ms: int) -> ClusterSummary:
    """At ``now_ms``, the summary that ``core.status.cluster_summary`` gives for all rows, without reading them."""
    counted = tally(connection)
    return summarize(counted, _unhealthy_agents(connection), _troubled_nodes(connection, counted, now_ms))


def tally(connection: Connection) -> Tally:
    """Agents by status; nodes by facts and agent's status.

    The nodes of agents with the most frequent status are found by subtraction from all nodes. So only
    few rows are joined in a grid where most agents have the same status.
    """
    by_status = {AgentStatus(status): count for status, count in connection.execute(_AGENTS)}
    left = Counter({FACTS[number]: count for number, count in connection.execute(_NODES)})
    most_frequent = max(by_status, key=by_status.__getitem__, default=AgentStatus.HEALTHY)
    others = [status.value for status in by_status if status is not most_frequent]
    counts: dict[tuple[Facts, AgentStatus | None], int] = {}
    if others:
        for status, number, count in connection.execute(_NODES_OF, {"statuses": others}):
            counts[FACTS[number], AgentStatus(status)] = count
            left[FACTS[number]] -= count
    return Tally(by_status, counts | {(facts, most_frequent): count for facts, count in left.items() if count > 0})


def _unhealthy_agents(connection: Connection) -> list[AgentTrouble]:
    ids = connection.execute(_UNHEALTHY_IDS).scalars().all()
    if not ids:
        return []
    unhealthy = [agents.from_row(row) for row in connection.execute(_UNHEALTHY, {"ids": ids})]
    offline = [agent.agent_id for agent in unhealthy if agent.status is AgentStatus.OFFLINE]
    lost = {row.agent_id: row.lost for row in connection.execute(_LOST, {"ids": offline})}
    return [AgentTrouble(agent, lost.get(agent.agent_id, 0)) for agent in unhealthy]


def _troubled_nodes(connection: Connection, counted: Tally, now_ms: int) -> Sequence[NodeTrouble]:
    numbers = {number_of(facts) for facts, agent_status in counted.nodes if is_troubled(facts, agent_status)}
    if not numbers:
        return []
    rows = connection.execute(_TROUBLED.where(judged(is_troubled, numbers)))
    return [NodeTrouble(nodes.from_row(row), AgentStatus(row.agent_status), now_ms) for row in rows]
