"""The write-behind batch: heartbeats, statuses, host samples, reports and events in one commit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Update, bindparam, update

from sutra_grid.registry.rows import presence
from sutra_grid.registry.rows.agents import status_columns
from sutra_grid.registry.rows.codec import host_to_document
from sutra_grid.registry.rows.events import append_unwritten
from sutra_grid.registry.rows.facts import AS_REPORTED, report_parameters
from sutra_grid.registry.rows.nodes import report_columns
from sutra_grid.registry.rows.statements import AGENTS, NODES, chunks
from sutra_grid.registry.values import Observations

_UPDATE_AGENT = update(AGENTS).where(AGENTS.c.agent_id == bindparam("key"))
_UPDATE_NODE = update(NODES).where(NODES.c.node_id == bindparam("key")).values(facts=AS_REPORTED)


def write(connection: Connection, seen: Observations) -> None:
    """Write the batch: agents before nodes, each in the order of keys, as in every transaction, against deadlocks."""
    heartbeats = [{"key": agent_id, "last_heartbeat_ms": at_ms} for agent_id, at_ms in sorted(seen.heartbeats.items())]
    statuses = [{"key": agent.agent_id} | status_columns(agent) for agent in seen.agents]
    hosts = [{"key": agent_id, "host": host_to_document(host)} for agent_id, host in sorted(seen.hosts.items())]
    reports = [{"key": report.node_id} | report_columns(report) | report_parameters(report) for report in seen.reports]
    _execute(connection, _UPDATE_AGENT, heartbeats)
    _execute(connection, _UPDATE_AGENT, sorted(statuses, key=_key))
    _execute(connection, _UPDATE_AGENT, hosts)
    _execute(connection, _UPDATE_NODE, sorted(reports, key=_key))
    if seen.master_at_ms is not None:
        presence.save(connection, seen.master_at_ms)
    append_unwritten(connection, seen.events)


def _execute(connection: Connection, statement: Update, rows: Sequence[dict[str, Any]]) -> None:
    for chunk in chunks(rows):
        connection.execute(statement, chunk)


def _key(row: dict[str, Any]) -> str:
    key: str = row["key"]
    return key
