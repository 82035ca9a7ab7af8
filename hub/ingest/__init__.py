"""What comes in: HTTP, WebSocket, MQTT and foreign sensors become validated, authenticated, lawful messages.

`routes` holds the addresses, `caller` finds out who speaks, `signature` checks RFC 9421, `decode` makes messages of
bytes,
`judge` says which of them may be taken in, `enrolment` lets new sensors in. What was taken in lies in the log.
"""

from hub.ingest.routes import add_routes

__all__ = ["add_routes"]
