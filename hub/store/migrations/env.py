"""What Alembic runs when the next migration is drafted; the hub itself runs the steps (`hub.store.engine`)."""

from __future__ import annotations

from alembic import context

from hub.store.metadata import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    render_as_batch=True,  # SQLite cannot alter a column in place
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
