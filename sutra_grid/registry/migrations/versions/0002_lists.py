"""Copies from the reports what lists filter and sort by into columns, and adds indexes for lists.

The numbers of ``facts`` are those of ``registry.rows.facts``, which never change.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

CHUNK_ROWS = 250

DESIRED = {"running": 0, "stopped": 1000, "absent": 2000}
STATES = {None: 0, "starting": 10, "running": 20, "stopping": 30, "stopped": 40, "failed": 50}
PROCESS, UNHEALTHY, UNCONFIRMED = 1, 2, 100

NEW_COLUMNS: list[sa.Column[Any]] = [
    sa.Column("reported_generation", sa.BigInteger(), nullable=True),
    sa.Column("reported_engine", sa.Text(), nullable=False, server_default=""),
    sa.Column("restarts", sa.BigInteger(), nullable=False, server_default="0"),
    sa.Column("started_at_ms", sa.BigInteger(), nullable=False, server_default="0"),
    sa.Column("rss_bytes", sa.BigInteger(), nullable=False, server_default="0"),
    sa.Column("cpu_percent", sa.Double(), nullable=False, server_default="0"),
    sa.Column("facts", sa.BigInteger(), nullable=False, server_default="0"),
]
NODES = sa.table(
    "nodes",
    *(sa.column(name) for name in ("node_id", "desired", "generation", "state", "pid", "health")),
    *(sa.column(column.name) for column in NEW_COLUMNS),
    sa.column("report", sa.JSON()),
)


def upgrade() -> None:
    op.create_index("ix_agents_lists", "agents", ["status", "agent_id", "drained", "max_storage_nodes"])
    op.drop_index("ix_nodes_agent_id", "nodes")
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    with op.batch_alter_table("nodes", recreate="always" if is_sqlite else "never") as nodes:
        for column in NEW_COLUMNS:
            nodes.add_column(column, insert_before="report" if is_sqlite else None)
    _fill()
    op.create_index("ix_nodes_agent_id_facts", "nodes", ["agent_id", "facts"])
    op.create_index(
        "ix_nodes_lists",
        "nodes",
        [
            *("facts", "node_id", "agent_id", "engine", "reported_engine", "health", "restarts"),
            *("started_at_ms", "created_at_ms"),
        ],
    )


def _fill() -> None:
    connection = op.get_bind()
    chosen = sa.select(*(NODES.c[name] for name in ("node_id", "desired", "generation", "state", "pid", "health")))
    page = chosen.add_columns(NODES.c.report).order_by(NODES.c.node_id).limit(CHUNK_ROWS)
    renew = sa.update(NODES).where(NODES.c.node_id == sa.bindparam("key"))
    last = ""
    while rows := connection.execute(page.where(NODES.c.node_id > last)).all():
        connection.execute(renew, [_columns(row) for row in rows])
        last = rows[-1].node_id


def _columns(row: Any) -> dict[str, Any]:
    report = row.report or {}
    sample = report.get("sample") or {}
    is_confirmed = row.report is not None and report["generation"] >= row.generation
    observed = STATES[row.state] + PROCESS * bool(row.pid) + UNHEALTHY * (row.health == "unhealthy")
    return {
        "key": row.node_id,
        "reported_generation": report.get("generation"),
        "reported_engine": report.get("spec", {}).get("engine", ""),
        "restarts": report.get("restarts", 0),
        "started_at_ms": report.get("started_at_ms", 0),
        "rss_bytes": sample.get("rss_bytes", 0),
        "cpu_percent": sample.get("cpu_percent", 0.0),
        "facts": observed + DESIRED[row.desired] + (0 if is_confirmed else UNCONFIRMED),
    }
