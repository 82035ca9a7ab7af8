"""What comes in: HTTP, WebSocket, MQTT and foreign sensors become validated, authenticated, lawful messages."""
