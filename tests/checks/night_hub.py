"""The hub of the night while people look at it: its sensors, receivers and papers, and the dashboards' database."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer
from night_city import LONG_QUEUE, PARIS, PEOPLE, POOR_CLOCK, SILENT, Night, beat, level, name_of
from night_pages import Tour

from hub.access.guard import now_us
from hub.keys import LOG, REGISTRY, STORE
from hub.sinks.influx import CONSUMER
from hub.store.changes import committed_position
from hub.store.outbox import Outbox
from hub.store.outcomes import record_outcome
from hub.store.records import Outcome, OutcomeWord, StoredIncident

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.dashboards.asked import columns, dashboards, filled, targets
from tests.dashboards.influxd import Influx

BEATS_S: Final = 8.0
MINUTE_US: Final = 60_000_000
PATIENCE_S: Final = 120.0
FOUND: Final[tuple[OutcomeWord | None, ...]] = ("real", "not_real", None)
LONG_NOTE: Final = "The microphone at the Place des Terreaux hums since the rain; the technician comes at nine. " * 3


@contextlib.asynccontextmanager
async def _server(app: web.Application) -> AsyncIterator[str]:
    server = TestServer(app)
    await server.start_server()
    try:
        yield str(server.make_url("")).rstrip("/")
    finally:
        await server.close()


@contextlib.asynccontextmanager
async def receivers() -> AsyncIterator[str]:
    """A receiver of dispatches that answers (`/ok`), and one that is always busy (`/busy`)."""

    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=204 if request.path == "/ok" else 503)

    app = web.Application()
    app.router.add_post("/{path}", answer)
    async with _server(app) as url:
        yield url


@contextlib.asynccontextmanager
async def version_two(influx: Influx) -> AsyncIterator[str]:
    """The write address of InfluxDB 2 before a server of 1.x: the hub's own client writes, the same bytes arrive."""
    async with aiohttp.ClientSession() as client:

        async def take(request: web.Request) -> web.Response:
            headers = {name: request.headers[name] for name in ("Content-Encoding",) if name in request.headers}
            parameters = {"db": request.query["bucket"], "precision": {"us": "u"}[request.query["precision"]]}
            body = await request.read()
            async with client.post(f"{influx.url}/write", params=parameters, data=body, headers=headers) as answer:
                return web.Response(status=answer.status, body=await answer.read())

        app = web.Application(client_max_size=64 * 1024 * 1024, handler_args={"auto_decompress": False})
        app.router.add_post("/api/v2/write", take)
        async with _server(app) as url:
            yield url


async def until_not(busy: Callable[[], Awaitable[bool]]) -> None:
    """Look five times a second until `busy` says no; TimeoutError after `PATIENCE_S`."""
    async with asyncio.timeout(PATIENCE_S):
        while await busy():  # noqa: ASYNC110 (what is waited for lies in a database)
            await asyncio.sleep(0.2)


async def stay_well(app: web.Application, night: Night) -> None:
    """Heartbeats and levels of the living, until cancelled; three sensors are not well."""
    while True:
        now = now_us()
        for number, site in enumerate((*night.microphones, *night.cameras), start=1):
            trouble: dict[str, Any] = {POOR_CLOCK: {"clock_sigma_us": 60_000}, LONG_QUEUE: {"queue_depth": 9_000}}
            await app[REGISTRY].sensor(site.id)
            said: list[Any] = [beat(site.id, now, **trouble.get(number, {}))]
            if site.kind == "microphone":
                said.append(level(site.id, now - MINUTE_US, MINUTE_US, 52.0, night.draw))
            if number != SILENT:
                app[REGISTRY].heard(site.id, said, now)
        await asyncio.sleep(BEATS_S)


async def papers(context: Any, url: str, night: Night) -> None:
    """What the desk of a night holds, written through the interface by whoever `context` is signed in as."""
    first, last = ((dt.datetime.now(PARIS) + dt.timedelta(days=days)).date().isoformat() for days in (0, 14))
    week, (claire, anne, *_) = [1, 2, 3, 4, 5, 6, 7], PEOPLE
    days = {"first_day": first, "last_day": last, "opens": "07:00:00", "closes": "19:00:00"}
    nights = {"weekdays": week, "start": "22:00", "end": "06:00", "since": first}
    posts: list[tuple[str, dict[str, Any]]] = [
        ("handover", {"text": LONG_NOTE}),
        ("handover", {"text": "Quiet night."}),
        ("calendar", {"kind": "works", "name": "Nail guns, rue de la République", **days}),
        ("roster/shifts", {"person": claire, **nights}),
        ("roster/shifts", {"person": anne, **nights, "start": "00:00", "end": "00:00", "level": 2}),
        ("suspensions", {"name": "clamor", "reason": "the fair is in town until Sunday"}),
        ("requests", {"kind": "access", "reference": "CNIL 2026-118/A"}),
        ("missed", {"event": "gunshot", "happened_us": night.start_us, "source": "patrol", "reference": "PV 2026/47"}),
    ]
    for path, body in posts:
        answer = await context.request.post(f"{url}/api/v1/{path}", data=body, headers={"X-Tocsin": "1"})
        if not answer.ok:
            raise SystemExit(f"{path}: {answer.status} {await answer.text()}")


async def dispatched(app: web.Application) -> None:
    """Wait until the receiver that answers has every dispatch of the night; then two in three get an outcome."""
    store = app[STORE]
    outbox = Outbox(store.engine, store.bell)

    async def waiting() -> bool:
        return any(row.endpoint == "police-municipale" for row in await outbox.rows("pending", 1_000))

    await until_not(waiting)
    confirmed = [one for one in await store.incidents(limit=500) if any(_taken(d) for d in one.deliveries)]
    for number, one in enumerate(confirmed):
        sent = next(delivery for delivery in one.deliveries if _taken(delivery))
        if word := FOUND[number % len(FOUND)]:
            told = Outcome(
                incident=one.incident.id, endpoint=sent.endpoint, message_id=sent.message_id, outcome=word,
                minutes=25.0 + number, reference=f"2026-{number}", at_us=now_us(),
            )  # fmt: skip
            await record_outcome(store, told)


def _taken(delivery: Any) -> bool:
    return bool(delivery.ok and delivery.kind == "dispatch")


async def tour_of(app: web.Application, url: str, night: Night) -> Tour:
    """The incidents that say most: one that was dispatched, and one that waits for a decision."""
    stored = await app[STORE].several([one.id for one in night.incidents])

    def telling(one: StoredIncident) -> tuple[int, int]:
        return len(one.deliveries), len(one.incident.arrivals) + len(one.incident.evidence)

    confirmed = max((one for one in stored if one.state == "confirmed"), key=telling)
    waiting = max((one for one in stored if one.state in ("open", "acknowledged")), key=telling)
    return Tour(url, str(confirmed.incident.id), str(waiting.incident.id), name_of(5), name_of(1, "cam"))


async def written(app: web.Application) -> None:
    """Wait until InfluxDB has everything that the hub knew when this was called."""
    newest, end = await app[STORE].newest_change(), 0
    while entries := await app[LOG].read(end, 5_000):
        end = entries[-1].position

    async def behind() -> bool:
        changes = await committed_position(app[STORE].engine, CONSUMER)
        return changes < newest or await app[LOG].committed(CONSUMER) < end

    await until_not(behind)


def panels(influx: Influx, incident: StoredIncident, since_us: int, until_us: int) -> tuple[int, list[str]]:
    """Ask every query of every panel: how many there are, and those that bring nothing or lack a field."""
    asked, faults = 0, []
    for dashboard in dashboards():
        for name, target in targets(dashboard):
            asked += 1
            query = filled(
                target["query"], dashboard, str(incident.incident.id), incident.incident.revision, since_us, until_us
            )
            series = influx.query(query)
            rows = [row for one in series for row in one["values"]]
            given = {name for one in series for name in (*one["columns"], *one.get("tags", {}))}
            if not any(any(value is not None for value in row[1:]) for row in rows):
                faults.append(f"{dashboard['title']} / {name}: no rows: {query}")
            elif lacking := columns(query) - given:
                faults.append(f"{dashboard['title']} / {name}: lacks {sorted(lacking)}")
    return asked, faults
