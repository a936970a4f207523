"""The first schema: agents, nodes, tombstones, events, requests."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _create_agents()
    _create_nodes()
    _create_tombstones()
    _create_events()
    _create_requests()


def _create_agents() -> None:
    op.create_table(
        "agents",
        sa.Column("agent_id", KEY, nullable=False),
        sa.Column("hostname", sa.Text(), nullable=False),
        sa.Column("platform", sa.Text(), nullable=False),
        sa.Column("max_storage_nodes", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("endpoint", sa.Text(), nullable=False),
        sa.Column("host_id", sa.Text(), nullable=False),
        sa.Column("instance_id", sa.Text(), nullable=False),
        sa.Column("session_id", sa.Text(), nullable=False),
        sa.Column("heartbeat_interval_ms", sa.BigInteger(), nullable=False),
        sa.Column("engines", sa.JSON(), nullable=False),
        sa.Column("labels", sa.JSON(), nullable=False),
        sa.Column("data_path", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("status_since_ms", sa.BigInteger(), nullable=False),
        sa.Column("drained", sa.Boolean(), nullable=False),
        sa.Column("registered_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("last_heartbeat_ms", sa.BigInteger(), nullable=False),
        sa.Column("host", sa.JSON(), nullable=True),
        sa.PrimaryKeyConstraint("agent_id", name="pk_agents"),
    )


def _create_nodes() -> None:
    op.create_table(
        "nodes",
        sa.Column("node_id", KEY, nullable=False),
        sa.Column("agent_id", KEY, nullable=False),
        sa.Column("engine", sa.Text(), nullable=False),
        sa.Column("port", sa.BigInteger(), nullable=False),
        sa.Column("storage_path", sa.Text(), nullable=False),
        sa.Column("memory_limit_mb", sa.BigInteger(), nullable=False),
        sa.Column("desired", sa.Text(), nullable=False),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.Column("restart_generation", sa.BigInteger(), nullable=False),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=True),
        sa.Column("pid", sa.BigInteger(), nullable=True),
        sa.Column("health", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("report", sa.JSON(), nullable=True),
        sa.PrimaryKeyConstraint("node_id", name="pk_nodes"),
        sa.ForeignKeyConstraint(["agent_id"], ["agents.agent_id"], name="fk_nodes_agent_id"),
    )
    op.create_index("ix_nodes_agent_id", "nodes", ["agent_id"])


def _create_tombstones() -> None:
    op.create_table(
        "tombstones",
        sa.Column("node_id", KEY, nullable=False),
        sa.Column("agent_id", KEY, nullable=False),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.Column("removed_at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("node_id", name="pk_tombstones"),
    )
    op.create_index("ix_tombstones_removed_at_ms", "tombstones", ["removed_at_ms"])


def _create_events() -> None:
    op.create_table(
        "events",
        sa.Column("event_id", SERIAL, autoincrement=True, nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("kind", KEY, nullable=False),
        sa.Column("agent_id", KEY, nullable=False),
        sa.Column("node_id", KEY, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("event_id", name="pk_events"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_events_at_ms", "events", ["at_ms"])
    op.create_index("ix_events_agent_id_event_id", "events", ["agent_id", "event_id"])
    op.create_index("ix_events_node_id_event_id", "events", ["node_id", "event_id"])


def _create_requests() -> None:
    op.create_table(
        "requests",
        sa.Column("request_id", KEY, nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("node_id", sa.Text(), nullable=False),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("outcome", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("request_id", name="pk_requests"),
    )
    op.create_index("ix_requests_created_at_ms", "requests", ["created_at_ms"])
