"""The outlets as services of the application: each starts with it and ends with it."""

from __future__ import annotations

import asyncio
import importlib
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

import structlog
from aiohttp import web

from hub.cluster.ownership import ownership_of
from hub.keys import CONFIG, LOG, OUTBOX, REGISTRY, STORE
from hub.sinks.influx import CONSUMER, ChangeSource, InfluxTarget, InfluxWriter, MessageSource, Pump
from hub.sinks.outbox import OutboxWorker
from hub.store.changes import forget_consumer
from hub.tasks import running

if TYPE_CHECKING:
    from hub.sinks.grafana import GrafanaSink

RESTART_S: Final = 5.0

INFLUX: Final[web.AppKey[tuple[Pump, ...]]] = web.AppKey("influx")
"""The pumps, for the status page; empty while InfluxDB is off."""

GRAFANA: Final[web.AppKey[GrafanaSink | None]] = web.AppKey("grafana")
"""The push to Grafana, for the status page; None while it is off."""

log = structlog.get_logger()


async def _kept_alive(name: str, run: Callable[[], Awaitable[None]]) -> None:
    """Run it again when it breaks: a fault in an outlet must not end in silence."""
    while True:
        try:
            await run()
        except Exception:  # the task must survive; the log has the traceback
            log.exception("outlet_broke", outlet=name)
        await asyncio.sleep(RESTART_S)


async def outbox_context(app: web.Application) -> AsyncIterator[None]:
    """Deliver what people confirmed. Raises EndpointRefused or KeyRefused at the start for an unusable endpoint."""
    config = app[CONFIG]
    ownership, owner = ownership_of(app), config.cluster.name or "hub"
    worker = OutboxWorker(app[STORE], config.webhooks, owner=owner, source=config.http.public_url or "tocsin")
    app[OUTBOX] = worker
    await worker.open()

    async def deliver() -> None:
        if config.cluster.name:
            await worker.take_over()
        await worker.run()

    async with running("outbox", ownership.during(lambda: _kept_alive("webhooks", deliver))):
        yield
    await worker.close()


async def influx_context(app: web.Application) -> AsyncIterator[None]:
    """Write series where an address is configured; without one nothing runs and the log waits for nobody."""
    influx = app[CONFIG].influxdb
    if not influx.url:
        app[INFLUX] = ()
        await app[LOG].forget(CONSUMER)
        await forget_consumer(app[STORE].engine, CONSUMER)
        yield
        return
    target = InfluxTarget(influx.url, influx.bucket, influx.org, influx.token, influx.token_file)
    writer = await InfluxWriter.open(target)
    config = app[CONFIG]
    messages = MessageSource(app[LOG], app[REGISTRY], ZoneInfo(config.time_zone))
    sources = (messages, ChangeSource(app[STORE], config.language))
    app[INFLUX] = tuple(Pump(source, writer.write, random.random) for source in sources)
    ownership = ownership_of(app)

    async def pumped(pump: Pump) -> None:
        await ownership.during(lambda: _kept_alive("influx", pump.run))

    async with running("influx", *(pumped(pump) for pump in app[INFLUX])):
        yield
    await writer.close()


async def grafana_context(app: web.Application) -> AsyncIterator[None]:
    """Push incidents to Grafana where its address is configured."""
    config = app[CONFIG]
    grafana = config.grafana
    if not grafana.url or not (grafana.live or grafana.annotations):
        app[GRAFANA] = None
        yield
        return
    # Loaded where it is used: with InfluxDB's client, which writes its lines, it takes 9 MB and a tenth of the start.
    outlet = await asyncio.to_thread(importlib.import_module, "hub.sinks.grafana")
    target = outlet.GrafanaTarget(
        url=grafana.url,
        token=grafana.token,
        token_file=grafana.token_file,
        live=grafana.live,
        annotations=grafana.annotations,
        hub=(config.http.public_url or "").rstrip("/"),
        language=config.language,
    )
    sink: GrafanaSink = await outlet.GrafanaSink.open(app[STORE], target)
    app[GRAFANA] = sink
    async with running("grafana", ownership_of(app).during(lambda: _kept_alive("grafana", sink.run))):
        yield
    await sink.close()
