"""how long each sensor worked, by day."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply this step."""
    op.create_table(
        "sensor_hours",
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("sensor", sa.String(length=80), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("seconds", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("day", "sensor", "state", name=op.f("pk_sensor_hours")),
    )


def downgrade() -> None:
    """Take this step back."""
    op.drop_table("sensor_hours")
