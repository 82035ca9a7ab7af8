"""Relational state: incidents, decisions, outbox, registry; SQLite embedded, PostgreSQL for several hubs.

`Store` is what the hub talks to; `engine` opens and migrates the database. Nothing here sends anything: that is
`hub.sinks`.
"""

from hub.store.engine import StoreBusy, migrate, migrate_engine, open_engine
from hub.store.records import (
    Change,
    Decision,
    Delivery,
    Notice,
    Outcome,
    SecondPersonNeeded,
    StaleRevision,
    StoredIncident,
    TransitionRefused,
    UnknownIncident,
)
from hub.store.store import Store

__all__ = [
    "Change",
    "Decision",
    "Delivery",
    "Notice",
    "Outcome",
    "SecondPersonNeeded",
    "StaleRevision",
    "Store",
    "StoreBusy",
    "StoredIncident",
    "TransitionRefused",
    "UnknownIncident",
    "migrate",
    "migrate_engine",
    "open_engine",
]
