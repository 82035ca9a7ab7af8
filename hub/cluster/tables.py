"""Who owns which part of the city."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, String, Table

from hub.store.metadata import METADATA

PARTITION: Final = Table(
    "partition_lease",
    METADATA,
    Column("name", String(63), primary_key=True),
    # The hub's name and a part that each of its processes makes anew: one that was restarted is another owner.
    Column("owner", String(80), nullable=False),
    # Rises with each new owner: what an older one still wants to write is refused by it.
    Column("epoch", BigInteger, nullable=False),
    # On the database's clock, so that hubs whose clocks differ agree.
    Column("until_us", BigInteger, nullable=False),
)
