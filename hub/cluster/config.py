"""The `[cluster]` table: whether this hub has company."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct


class ClusterConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """One of several hubs with the same log and the same state; alone while `name` is empty."""

    name: Annotated[str, Meta(pattern=r"^(?:[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?)?$")] = ""
    """What this hub is called; another name for each."""
    lease_s: Annotated[float, Meta(ge=1.0, le=30.0)] = 3.0
    """A hub that could not renew its lease for so long has lost the city to another. Shorter: sooner after a death, and
    sooner lost where the database hesitates."""

    def problem(self, state_url: str, log_url: str) -> str:
        """What is wrong with it; empty where nothing is."""
        if not self.name:
            return ""
        if not state_url.startswith("postgresql"):
            return "`cluster.name` needs a state that hubs share: `state_url` of a PostgreSQL"
        if not log_url:
            return "`cluster.name` needs a log that hubs share: `log.url` of a NATS JetStream"
        return ""
