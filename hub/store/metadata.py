"""The one metadata that every table of the hub hangs on, so that one chain of migrations builds them all."""

from __future__ import annotations

from typing import Final

from sqlalchemy import MetaData

METADATA: Final = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_N_label)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)
"""Constraints have names on both databases, or a later migration could not change them on SQLite."""

TABLE_MODULES: Final = (
    "hub.store.tables",
    "hub.registry.tables",
    "hub.policy.tables",
    "hub.access.tables",
    "hub.desk.tables",
    "hub.cluster.tables",
)
"""Where tables are declared; a package without such a module is passed over."""
