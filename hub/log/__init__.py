"""The durable event log: what was acknowledged is here and survives kill -9."""
