"""how sensors were."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply this step."""
    op.create_table(
        "health_change",
        sa.Column("sequence", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("sensor", sa.String(length=63), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=80), nullable=False),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_health_change")),
    )
    with op.batch_alter_table("health_change", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_health_change_sensor_health_change_at_us"), ["sensor", "at_us"], unique=False
        )


def downgrade() -> None:
    """Take this step back."""
    with op.batch_alter_table("health_change", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_health_change_sensor_health_change_at_us"))

    op.drop_table("health_change")
