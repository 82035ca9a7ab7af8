"""noise of whole hours."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply this step."""
    op.create_table(
        "noise_hour",
        sa.Column("sensor", sa.String(length=63), nullable=False),
        sa.Column("hour_us", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("energy", sa.Float(), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("sensor", "hour_us", name=op.f("pk_noise_hour")),
    )


def downgrade() -> None:
    """Take this step back."""
    op.drop_table("noise_hour")
