"""people for whom an identity provider vouches."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply this step."""
    op.add_column("person", sa.Column("subject", sa.String(length=64), nullable=True))
    op.create_index(op.f("ix_person_subject"), "person", ["subject"], unique=True)


def downgrade() -> None:
    """Take this step back."""
    op.drop_index(op.f("ix_person_subject"), table_name="person")
    op.drop_column("person", "subject")
