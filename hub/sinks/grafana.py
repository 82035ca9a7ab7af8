"""Tells Grafana of incidents at once: Live push for the page that is open, an annotation for each that was confirmed.

Both are an extra beside the series and keep nothing back: what Grafana missed while it was away is in InfluxDB, so this
starts at the newest change and drops what it can't say in time. Live takes line protocol at `/api/live/push/STREAM`
and reads only the last line of a request, so each incident is one request; the channel is `stream/STREAM/incident`. An
annotation says the class and the probability, and names nobody.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import aiohttp
import structlog
from msgspec import Struct
from sqlalchemy.exc import SQLAlchemyError

from hub.sinks.series import incident_line
from hub.store.engine import StoreBusy
from hub.store.records import StoredIncident
from hub.store.store import Store
from hub.words import Language, say

STREAM: Final = "tocsin"
BATCH: Final = 200
TIMEOUT: Final = aiohttp.ClientTimeout(total=5.0)
"""Longer, and the push is no longer of the moment."""

PAUSE_S: Final = 5.0
REMEMBERED: Final = 1_000
"""Incidents whose annotation is known, so that it is changed and not made twice."""

log = structlog.get_logger()


class GrafanaTarget(Struct, frozen=True):
    """Where to push. A representation never shows the token."""

    url: str
    token: str = ""
    token_file: Path | None = None
    live: bool = True
    annotations: bool = True
    hub: str = ""
    language: Language = "fr"

    def __repr__(self) -> str:
        return f"GrafanaTarget(url={self.url!r})"


def live_line(stored: StoredIncident) -> str:
    """The incident's point for Live, which reads times in nanoseconds."""
    body, _, time_us = incident_line(stored).rpartition(" ")
    return f"{body} {time_us}000"


def annotation(stored: StoredIncident, hub: str, language: Language) -> dict[str, Any]:
    """The mark of one incident, from its first sound to its last."""
    incident = stored.incident
    words = say(f"event_{incident.event}", {}, language)
    if incident.exercise:
        words = f"{say('summary_exercise', {}, language)} · {words}"
    link = f' <a href="{hub}/incidents/{incident.id}">{incident.id}</a>' if hub else ""
    return {
        "time": incident.onset_us // 1_000,
        "timeEnd": max(incident.end_us, incident.onset_us) // 1_000,
        "tags": [
            "tocsin",
            str(incident.id),
            incident.event,
            stored.state,
            *(["exercise"] if incident.exercise else []),
        ],
        "text": f"{words} · {incident.probability:.2f}{link}",
    }


class GrafanaSink:
    """Follows the changes and pushes; `behind` is empty while Grafana takes them, else the reason."""

    def __init__(self, store: Store, target: GrafanaTarget, session: aiohttp.ClientSession) -> None:
        self._store = store
        self._target = target
        self._session = session
        self._url = target.url.rstrip("/")
        self._marks: OrderedDict[UUID, int] = OrderedDict()
        self.behind = ""
        self.pushed = 0
        self.dropped = 0

    @classmethod
    async def open(cls, store: Store, target: GrafanaTarget) -> GrafanaSink:
        """Read the token in a thread. Raises OSError where its file can't be read."""

        def read() -> str:
            return target.token_file.read_text(encoding="utf-8").strip() if target.token_file else target.token

        headers = {"Authorization": f"Bearer {await asyncio.to_thread(read)}"}
        return cls(store, target, aiohttp.ClientSession(headers=headers, timeout=TIMEOUT))

    async def close(self) -> None:
        """Close the connections."""
        await self._session.close()

    async def run(self) -> None:
        """Push each incident that changes from now on, until cancelled."""
        position = await self._store.newest_change()
        while True:
            heard = self._store.bell.count
            try:
                changes = await self._store.changes(position, BATCH)
                if not changes:
                    await self._store.bell.wait(heard)
                    continue
                ids = [UUID(one) for one in dict.fromkeys(change.id for change in changes)]
                found = await self._store.several(ids)
            except (SQLAlchemyError, StoreBusy) as error:
                self._away(type(error).__name__)
                await asyncio.sleep(PAUSE_S)
                continue
            position = changes[-1].sequence
            for stored in found:
                await self._tell(stored)

    async def _tell(self, stored: StoredIncident) -> None:
        try:
            if self._target.live:
                line = await asyncio.to_thread(live_line, stored)
                await self._send("POST", f"/api/live/push/{STREAM}", data=line.encode())
            if self._target.annotations and any(one.action == "confirm" for one in stored.decisions):
                await self._mark(stored)
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            self.dropped += 1
            self._away(str(error) or type(error).__name__)
        else:
            self.pushed += 1
            if self.behind:
                log.info("grafana_back")
            self.behind = ""

    async def _mark(self, stored: StoredIncident) -> None:
        body = await asyncio.to_thread(annotation, stored, self._target.hub, self._target.language)
        identity = stored.incident.id
        known = self._marks.get(identity)
        if known is None:  # perhaps made before this hub started
            made = await self._send("GET", "/api/annotations", params={"tags": str(identity), "limit": "1"})
            known = made[0]["id"] if isinstance(made, list) and made else None
        if known is not None:
            await self._send("PATCH", f"/api/annotations/{known}", json=body)
        else:
            said = await self._send("POST", "/api/annotations", json=body)
            known = said.get("id") if isinstance(said, dict) else None
        if isinstance(known, int):
            self._marks[identity] = known
            while len(self._marks) > REMEMBERED:
                self._marks.popitem(last=False)

    async def _send(self, method: str, path: str, **body: Any) -> Any:
        async with self._session.request(method, self._url + path, allow_redirects=False, **body) as answer:
            if answer.status >= 300:
                raise ValueError(f"{path} answered {answer.status}")
            return await answer.json() if answer.content_type.endswith("json") else {}

    def _away(self, reason: str) -> None:
        if not self.behind:
            log.warning("grafana_away", reason=reason)
        self.behind = reason
