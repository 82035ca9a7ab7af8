"""Relational state: incidents, decisions, outbox, registry; SQLite embedded, PostgreSQL for several hubs."""
