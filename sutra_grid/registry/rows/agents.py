"""Rows of agents."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, select, update

from sutra_grid.core.errors import NotFound
from sutra_grid.core.types import Agent, AgentStatus, Reachability, ReachState, Reason
from sutra_grid.registry.rows.codec import clean, decoding, host_from_document, host_to_document, reason_of
from sutra_grid.registry.rows.statements import AGENTS, upsert

_ALL = select(AGENTS).order_by(AGENTS.c.agent_id)
_ONE = select(AGENTS).where(AGENTS.c.agent_id == bindparam("key"))
_KEY = select(AGENTS.c.agent_id).where(AGENTS.c.agent_id == bindparam("key"))
_LOCKED = _KEY.with_for_update()
_LOCKED_SHARED = _KEY.with_for_update(read=True)
_UPDATE = update(AGENTS).where(AGENTS.c.agent_id == bindparam("key"))
_DELETE = delete(AGENTS).where(AGENTS.c.agent_id == bindparam("key"))


def select_all(connection: Connection) -> list[Agent]:
    """All agents by id."""
    with decoding("agents"):
        return [from_row(row) for row in connection.execute(_ALL)]


def select_one(connection: Connection, agent_id: str) -> Agent | None:
    """The agent, or None."""
    with decoding("agents"):
        row = connection.execute(_ONE, {"key": agent_id}).one_or_none()
        return None if row is None else from_row(row)


def save(connection: Connection, agent: Agent) -> None:
    """Insert the agent, or overwrite all of its columns."""
    upsert(connection, AGENTS, columns(agent))


def set_drained(connection: Connection, agent_id: str, drained: bool) -> Agent:
    """Change only this flag, so that a status written at the same time is kept."""
    if connection.execute(_UPDATE, {"key": agent_id, "drained": drained}).rowcount == 0:
        raise unknown(agent_id)
    agent = select_one(connection, agent_id)
    assert agent is not None  # the update locked its row
    return agent


def lock(connection: Connection, agent_id: str, *, shared: bool = False) -> None:
    """Lock the agent's row until the commit; ``shared`` locks do not exclude each other."""
    if connection.execute(_LOCKED_SHARED if shared else _LOCKED, {"key": agent_id}).one_or_none() is None:
        raise unknown(agent_id)


def remove(connection: Connection, agent_id: str) -> None:
    """Delete the agent; its nodes are tombstones already."""
    connection.execute(_DELETE, {"key": agent_id})


def unknown(agent_id: str) -> NotFound:
    """The error for an agent that is not registered."""
    return NotFound(
        f"agent {agent_id} is not registered",
        reason=Reason.UNKNOWN_AGENT,
        hint="List the agents: sutra-grid-cli agents list",
    )


def status_columns(agent: Agent) -> dict[str, Any]:
    """The columns of what the master decides or finds: the status, and whether it reaches the agent."""
    return {
        "status": agent.status.value,
        "reason": agent.reason.value,
        "message": clean(agent.message),
        "status_since_ms": agent.status_since_ms,
        "reachability": agent.reachability.state.value,
        "reachability_reason": agent.reachability.reason.value,
        "reachability_message": clean(agent.reachability.message),
        "reachability_since_ms": agent.reachability.since_ms,
    }


def columns(agent: Agent) -> dict[str, Any]:
    """The whole row of an agent."""
    return {
        "agent_id": agent.agent_id,
        "hostname": clean(agent.hostname),
        "platform": clean(agent.platform),
        "max_storage_nodes": agent.max_storage_nodes,
        "version": clean(agent.version),
        "endpoint": clean(agent.endpoint),
        "host_id": clean(agent.host_id),
        "instance_id": clean(agent.instance_id),
        "session_id": agent.session_id,
        "heartbeat_interval_ms": agent.heartbeat_interval_ms,
        "engines": [clean(engine) for engine in agent.engines],
        "labels": {clean(name): clean(value) for name, value in agent.labels.items()},
        "data_path": clean(agent.data_path),
        "state_path": clean(agent.state_path),
        "insecure": " ".join(agent.insecure),
        "drained": agent.drained,
        "registered_at_ms": agent.registered_at_ms,
        "last_heartbeat_ms": agent.last_heartbeat_ms,
        "host": None if agent.host is None else host_to_document(agent.host),
        **status_columns(agent),
    }


def from_row(row: Row[Any]) -> Agent:
    """The agent of a whole row."""
    return Agent(
        agent_id=row.agent_id,
        hostname=row.hostname,
        platform=row.platform,
        max_storage_nodes=row.max_storage_nodes,
        version=row.version,
        endpoint=row.endpoint,
        host_id=row.host_id,
        instance_id=row.instance_id,
        session_id=row.session_id,
        heartbeat_interval_ms=row.heartbeat_interval_ms,
        engines=tuple(row.engines),
        labels=row.labels,
        data_path=row.data_path,
        state_path=row.state_path,
        insecure=tuple(row.insecure.split()),
        status=AgentStatus(row.status),
        reason=reason_of(row.reason),
        message=row.message,
        status_since_ms=row.status_since_ms,
        drained=row.drained,
        registered_at_ms=row.registered_at_ms,
        last_heartbeat_ms=row.last_heartbeat_ms,
        host=None if row.host is None else host_from_document(row.host),
        reachability=Reachability(
            ReachState(row.reachability),
            reason_of(row.reachability_reason),
            row.reachability_message,
            row.reachability_since_ms,
        ),
    )
