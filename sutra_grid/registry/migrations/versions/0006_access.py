"""Adds who may do what: tokens, certificates, revocations, users and sessions; who caused an event; and
which agents have no TLS.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_EVENTS = ("actor_name", "actor_address")


def upgrade() -> None:
    postgresql = op.get_bind().dialect.name == "postgresql"
    key = sa.Text(collation="C") if postgresql else sa.Text()
    serial = sa.BigInteger() if postgresql else sa.Integer()

    def text(name: str, type_: sa.Text | None = None) -> sa.Column[str]:
        return sa.Column(name, type_ if type_ is not None else sa.Text(), nullable=False)

    def number(name: str, *, nullable: bool = False) -> sa.Column[int]:
        return sa.Column(name, sa.BigInteger(), nullable=nullable)

    for name in _EVENTS:
        op.add_column("events", sa.Column(name, sa.Text(), nullable=False, server_default=""))
    op.add_column("agents", sa.Column("insecure", sa.Text(), nullable=False, server_default=""))

    op.create_table(
        "tokens",
        text("token_id", key),
        text("kind"),
        text("secret_hash"),
        text("role"),
        text("name"),
        text("agent_pattern"),
        number("uses_left", nullable=True),
        number("uses"),
        number("created_at_ms"),
        text("created_by"),
        number("expires_at_ms"),
        number("revoked_at_ms"),
        text("revoked_by"),
        number("last_used_at_ms"),
        sa.PrimaryKeyConstraint("token_id", name="pk_tokens"),
    )
    op.create_index("ix_tokens_expires_at_ms", "tokens", ["expires_at_ms"])

    op.create_table(
        "certificates",
        text("serial", key),
        text("role", key),
        text("name", key),
        number("issued_at_ms"),
        number("not_after_ms"),
        text("issued_for"),
        sa.PrimaryKeyConstraint("serial", name="pk_certificates"),
    )
    op.create_index("ix_certificates_role_name", "certificates", ["role", "name"])
    op.create_index("ix_certificates_not_after_ms", "certificates", ["not_after_ms"])

    op.create_table(
        "revocations",
        sa.Column("revocation_id", serial, nullable=False, autoincrement=True),
        text("serial", key),
        text("role", key),
        text("name", key),
        number("at_ms"),
        text("by"),
        text("reason"),
        sa.PrimaryKeyConstraint("revocation_id", name="pk_revocations"),
    )
    op.create_index("ix_revocations_serial_role_name", "revocations", ["serial", "role", "name"], unique=True)

    op.create_table(
        "counters",
        text("name", key),
        number("value"),
        sa.PrimaryKeyConstraint("name", name="pk_counters"),
    )

    op.create_table(
        "users",
        text("name", key),
        text("role"),
        text("password_hash"),
        number("created_at_ms"),
        text("created_by"),
        number("password_changed_at_ms"),
        sa.PrimaryKeyConstraint("name", name="pk_users"),
    )

    op.create_table(
        "sessions",
        text("session_hash", key),
        text("user_name", key),
        number("created_at_ms"),
        number("last_seen_at_ms"),
        number("ends_at_ms"),
        text("address"),
        sa.PrimaryKeyConstraint("session_hash", name="pk_sessions"),
    )
    op.create_index("ix_sessions_user_name", "sessions", ["user_name"])
    op.create_index("ix_sessions_ends_at_ms", "sessions", ["ends_at_ms"])
