"""The HTTP interface for people and machines: incidents, sensors, events, errors as RFC 9457 problems."""
