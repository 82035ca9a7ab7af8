"""people: a second factor, and tokens of programs that read."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply this step."""
    op.add_column("person", sa.Column("totp_secret", sa.LargeBinary(length=32), nullable=True))
    op.add_column("person", sa.Column("totp_step", sa.BigInteger(), server_default="0", nullable=False))
    op.create_table(
        "api_token",
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("scope", sa.String(length=20), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("expires_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_api_token")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_api_token_token_hash")),
    )


def downgrade() -> None:
    """Take it back."""
    op.drop_table("api_token")
    op.drop_column("person", "totp_step")
    op.drop_column("person", "totp_secret")
