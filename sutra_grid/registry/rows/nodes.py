"""Rows of nodes: what is desired of each, and its last report."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Row, bindparam, select, update

from sutra_grid.core.errors import AlreadyExists, NotFound
from sutra_grid.core.samples import NodeSample
from sutra_grid.core.status import facts_of
from sutra_grid.core.types import Desired, Node, NodeReport, NodeSpec, Reason
from sutra_grid.registry.rows import tombstones
from sutra_grid.registry.rows.agents import lock as lock_agent
from sutra_grid.registry.rows.codec import (
    clean,
    decoding,
    report_from_document,
    report_to_document,
    spec_to_document,
    storable,
)
from sutra_grid.registry.rows.facts import number_of
from sutra_grid.registry.rows.statements import NODES, insert_new, upsert

_BY_KEY = NODES.c.node_id == bindparam("key")
_ALL = select(NODES).order_by(NODES.c.node_id)
_OF_AGENT = _ALL.where(NODES.c.agent_id == bindparam("agent"))
_ONE = select(NODES).where(_BY_KEY)
_LOCKED = select(NODES.c.agent_id, NODES.c.generation).where(_BY_KEY).with_for_update()
_UPDATE = update(NODES).where(_BY_KEY)
_UPDATE_GENERATION = _UPDATE.where(NODES.c.generation == bindparam("expected"))
_NO_SAMPLE = NodeSample()
_UNREPORTED: dict[str, Any] = {
    **dict.fromkeys(("state", "pid", "health", "reason", "reported_generation", "report")),
    **dict.fromkeys(("restarts", "started_at_ms", "rss_bytes", "cpu_percent"), 0),
    "reported_engine": "",
}


def select_all(connection: Connection, agent_id: str | None) -> list[Node]:
    """The nodes of an agent, or all, by id."""
    with decoding("nodes"):
        rows = connection.execute(_ALL) if agent_id is None else connection.execute(_OF_AGENT, {"agent": agent_id})
        return [from_row(row) for row in rows]


def select_one(connection: Connection, node_id: str) -> Node | None:
    """The node, or None."""
    with decoding("nodes"):
        row = connection.execute(_ONE, {"key": node_id}).one_or_none()
        return None if row is None else from_row(row)


def insert(connection: Connection, node: Node) -> None:
    """Insert a node with an id that was never used."""
    lock_agent(connection, node.agent_id, shared=True)
    if tombstones.exists(connection, node.node_id) or not insert_new(connection, NODES, columns(node)):
        raise AlreadyExists(
            f"node id {node.node_id} is or was in use",
            reason=Reason.CONCURRENT_CHANGE,
            hint="Send the request again: the new node gets another id",
        )


def adopt(connection: Connection, node: Node) -> None:
    """Insert or overwrite a node as its agent reports it."""
    lock_agent(connection, node.agent_id, shared=True)
    tombstones.remove(connection, node.node_id)
    upsert(connection, NODES, columns(node))


def change_desired(
    connection: Connection, node_id: str, desired: Desired, *, restart: bool, step: int, for_drain: bool | None
) -> Node:
    """Set the desired state and raise the generation by ``step``; the row is locked until the commit."""
    current = connection.execute(_LOCKED, {"key": node_id}).one_or_none()
    if current is None:
        raise _missing(connection, node_id)
    generation = current.generation + step
    before = select_one(connection, node_id)
    assert before is not None  # its row is locked
    restart_generation = generation if restart else before.restart_generation
    stopped_by_drain = before.stopped_by_drain
    if for_drain is not None:
        stopped_by_drain = for_drain and (before.stopped_by_drain or before.desired is Desired.RUNNING)
    node = replace(
        before,
        desired=desired,
        generation=generation,
        restart_generation=restart_generation,
        stopped_by_drain=stopped_by_drain,
    )
    changes = {
        "desired": desired.value,
        "generation": generation,
        "restart_generation": restart_generation,
        "facts": number_of(facts_of(node)),
        "stopped_by_drain": stopped_by_drain,
    }
    connection.execute(_UPDATE, {"key": node_id, **changes})
    return node


def resolve_spec(connection: Connection, node_id: str, generation: int, spec: NodeSpec) -> bool:
    """Store a resolved specification if the generation is still the same."""
    changes = {"key": node_id, "expected": generation, **spec_to_document(spec)}
    return connection.execute(_UPDATE_GENERATION, changes).rowcount == 1


def report_columns(report: NodeReport) -> dict[str, Any]:
    """The columns that a report fills; ``facts`` depends on the row too."""
    sample = report.sample or _NO_SAMPLE
    return {
        "state": report.state.value,
        "pid": report.pid,
        "health": report.health.value,
        "reason": report.reason.value,
        "reported_generation": storable(report.generation),
        "reported_engine": clean(report.spec.engine),
        "restarts": storable(report.restarts),
        "started_at_ms": storable(report.started_at_ms),
        "rss_bytes": storable(sample.rss_bytes),
        "cpu_percent": sample.cpu_percent if math.isfinite(sample.cpu_percent) else 0.0,
        "report": report_to_document(report),
    }


def _missing(connection: Connection, node_id: str) -> NotFound:
    hint = "List the nodes: sutra-grid-cli nodes list"
    if tombstones.exists(connection, node_id):
        return NotFound(f"node {node_id} was removed", reason=Reason.NODE_REMOVED, hint=hint)
    return NotFound(f"node {node_id} does not exist", reason=Reason.UNKNOWN_NODE, hint=hint)


def columns(node: Node) -> dict[str, Any]:
    """The whole row of a node."""
    desired = {
        "node_id": node.node_id,
        "agent_id": node.agent_id,
        "desired": node.desired.value,
        "generation": node.generation,
        "restart_generation": node.restart_generation,
        "created_at_ms": node.created_at_ms,
        "facts": number_of(facts_of(node)),
        "stopped_by_drain": node.stopped_by_drain,
        **spec_to_document(node.spec),
    }
    return desired | (_UNREPORTED if node.report is None else report_columns(node.report))


def from_row(row: Row[Any]) -> Node:
    """The node of a whole row."""
    return Node(
        node_id=row.node_id,
        agent_id=row.agent_id,
        spec=NodeSpec(row.engine, row.port, row.storage_path, row.memory_limit_mb),
        desired=Desired(row.desired),
        generation=row.generation,
        restart_generation=row.restart_generation,
        created_at_ms=row.created_at_ms,
        report=None if row.report is None else report_from_document(row.report),
        stopped_by_drain=row.stopped_by_drain,
    )
