"""The demo's dispatch centre: the example receiver on a free port, which verifies with the reference library."""

from __future__ import annotations

import base64
import secrets
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from hub.sinks.receiver_example import make_receiver


@dataclass(frozen=True, slots=True)
class Dispatch:
    """One verified webhook: its id, what kind it is (`confirmed`, `updated`, `cancelled`), the incident's id."""

    id: str
    kind: str
    incident: str


class Receiver:
    """Listens on a free port of loopback; what comes with a wrong signature is refused there and never shown here."""

    def __init__(self) -> None:
        self.secret = "whsec_" + base64.b64encode(secrets.token_bytes(24)).decode()
        self.url = ""
        self._seen: set[str] = set()
        self._received: dict[str, dict[str, Any]] = {}
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Open the port."""
        app, self._received = make_receiver(self.secret)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/"

    async def aclose(self) -> None:
        """Close the port."""
        if self._runner is not None:
            await self._runner.cleanup()

    def fresh(self) -> list[Dispatch]:
        """What was verified since the last call, in order of arrival."""
        found = [dispatch_of(key, body) for key, body in self._received.items() if key not in self._seen]
        self._seen.update(dispatch.id for dispatch in found)
        return found


def dispatch_of(identifier: str, event: dict[str, Any]) -> Dispatch:
    """What a CloudEvent of the hub says in short."""
    data = event.get("data")
    incident = data.get("incident", "") if isinstance(data, dict) else ""
    return Dispatch(identifier, str(event.get("type", "")).rpartition(".")[2], str(incident))
