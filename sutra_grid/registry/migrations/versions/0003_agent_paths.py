"""Adds the state path of agents, and whether the master reaches them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name in ("state_path", "reachability", "reachability_reason", "reachability_message"):
        op.add_column("agents", sa.Column(name, sa.Text(), nullable=False, server_default=""))
    op.add_column("agents", sa.Column("reachability_since_ms", sa.BigInteger(), nullable=False, server_default="0"))
