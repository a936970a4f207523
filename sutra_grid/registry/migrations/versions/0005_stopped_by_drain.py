"""Adds which nodes the drain of their agent has stopped."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("nodes", sa.Column("stopped_by_drain", sa.Boolean(), nullable=False, server_default=sa.false()))
