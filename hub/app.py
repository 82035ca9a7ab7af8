"""The hub put together: one application, one `cleanup_ctx` for each long-lived service, frozen before it serves."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from typing import Final
from zoneinfo import ZoneInfo

import structlog
from aiohttp import web

from hub.access import oidc_routes
from hub.access import routes as access_routes
from hub.access.accounts import Accounts
from hub.access.address import TRUSTED, add_addresses
from hub.access.door import DOOR, Door, DoorSite
from hub.access.guard import guard, now_us
from hub.access.limits import add_limits, limited
from hub.access.rules import check_complete
from hub.api import (
    alerts,
    calendar,
    desks,
    drill,
    events,
    field,
    handover,
    incidents,
    layers,
    metrics,
    openapi,
    public,
    register,
    report,
    roster,
    sensors,
    status,
    suspensions,
    technician,
)
from hub.cluster.context import company_context, ownership_context
from hub.config import HubConfig
from hub.console.routes import add_routes as add_console
from hub.ingest import add_routes as add_ingest
from hub.ingest.mqtt import MQTT, MqttState, mqtt_context
from hub.keys import ACCOUNTS, CONFIG, DAMAGED, ENGINE, GATE, LOG, MENDINGS, OWNERSHIP, REGISTRY, STORE
from hub.log import keep_log, open_log
from hub.policy.follower import audit_context
from hub.policy.gate import Gate
from hub.problem import problems
from hub.registry import Registry
from hub.runner import fusion_context
from hub.sinks.context import grafana_context, influx_context, outbox_context
from hub.sinks.outcome import add_routes as add_outcomes
from hub.sinks.routes import add_routes as add_messages
from hub.store import Store, migrate, open_engine
from hub.store.context import keeping_context
from hub.store.copying import keep_copied
from hub.store.engine import close_copied, heal, on_damage
from hub.tasks import running
from hub.twin import Mendings
from hub.words import catalogue

MAX_BODY: Final = 4 * 1024 * 1024
"""Bytes of a request body; a full batch of 1,000 detections is about 0.4 MB as JSON."""

log = structlog.get_logger()


async def _state(app: web.Application) -> AsyncIterator[None]:
    """The database, brought to the newest schema, and what stands on it."""
    config = app[CONFIG]
    await asyncio.to_thread(catalogue)  # read once here, so that no request ever waits for a file
    app[MENDINGS] = Mendings()
    if done := await heal(config.database_url, now_us()):
        app[MENDINGS].add(done)
    await migrate(config.database_url)
    engine = open_engine(config.database_url)
    app[DAMAGED] = asyncio.Event()
    on_damage(engine, app[DAMAGED].set)
    app[ENGINE] = engine
    app[STORE] = Store(engine, config.webhooks, config.confirmations)
    app[REGISTRY] = Registry(engine)
    app[ACCOUNTS] = Accounts(engine)
    if not config.open_console and (code := await app[ACCOUNTS].setup_code(now_us())):
        # The only way in on a new hub: there is no default password. It goes to the terminal, never into the log.
        print(f"First start: open {address(config)}/ and enter the one-time code {code}", flush=True)  # noqa: T201
    yield
    await app[REGISTRY].aclose()
    await close_copied(engine)


async def _copy(app: web.Application) -> AsyncIterator[None]:
    """The second copy of the state: looked after once everything else runs, kept up with each commit from the start."""
    async with running("copy of the state", keep_copied(app[ENGINE], app[DAMAGED].set)):
        yield


async def _event_log(app: web.Application) -> AsyncIterator[None]:
    """The durable log of what was acknowledged."""
    config = app[CONFIG]
    if config.log.url:
        from hub.log.jetstream import JetStreamLog  # with its client, which a hub without it has no need of

        app[LOG] = await JetStreamLog.open(config.log)
    else:
        app[LOG] = await open_log(config.data_dir, app[MENDINGS].add)
    works = app[OWNERSHIP].during(lambda: keep_log(app[LOG], config.log_retention))
    async with running("log retention", works):
        yield
    await app[LOG].aclose()


def address(config: HubConfig) -> str:
    """Where people reach the hub."""
    if config.http.public_url:
        return config.http.public_url.rstrip("/")
    scheme = "https" if config.http.tls_certificate else "http"
    host = f"[{config.http.host}]" if ":" in config.http.host else config.http.host
    return f"{scheme}://{host}:{config.http.port}"


def build_application(config: HubConfig) -> web.Application:
    """The application for `config`; raises RuntimeError where a route has no access rule."""
    app = web.Application(middlewares=[metrics.measured, problems, limited, guard], client_max_size=MAX_BODY)
    app[CONFIG] = config
    add_addresses(app)
    add_limits(app)
    app[DOOR] = Door(config.http.limits, app[TRUSTED])
    app[MQTT] = MqttState()
    app[GATE] = Gate(config.policy, ZoneInfo(config.time_zone))
    for add_routes in (
        access_routes.add_routes,
        oidc_routes.add_routes,
        add_ingest,
        add_outcomes,
        add_messages,
        lambda app: add_console(app, tiles_url=config.map.tiles_url),
        status.add_routes,
        sensors.add_routes,
        technician.add_routes,
        incidents.add_routes,
        events.add_routes,
        layers.add_routes,
        alerts.add_routes,
        suspensions.add_routes,
        register.add_routes,
        desks.add_routes,
        roster.add_routes,
        handover.add_routes,
        calendar.add_routes,
        drill.add_routes,
        report.add_routes,
        field.add_routes,
        public.add_routes,
        metrics.add_routes,
        openapi.add_routes,
    ):
        add_routes(app)
    check_complete(app)
    app.cleanup_ctx.extend(
        [
            _state,
            ownership_context,
            audit_context,
            _event_log,
            fusion_context,
            mqtt_context,
            outbox_context,
            influx_context,
            grafana_context,
            keeping_context,
            field.history_context,
            public.noise_context,
            metrics.metrics_context,
            _copy,
            company_context,
        ]
    )
    return app


@contextlib.asynccontextmanager
async def serving(config: HubConfig) -> AsyncIterator[tuple[web.Application, int]]:
    """The hub on its address, and the port it got (`port = 0` takes a free one)."""
    app = await asyncio.to_thread(build_application, config)
    # Bodies stay as they were signed; nothing that a stranger compressed is ever opened.
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=5.0, handle_signals=False)
    door = app[DOOR]
    try:
        # Inside: what had begun when a later part could not is ended in order.
        await runner.setup()
        site = DoorSite(
            runner,
            door,
            config.http.host,
            config.http.port,
            ssl_context=await _tls(config),
            access_log=None,
            auto_decompress=False,
        )
        await site.start()
        port = runner.addresses[0][1]
        log.info("hub_ready", address=config.http.host, port=port, profile=config.policy.profile)
        yield app, port
    finally:
        await runner.cleanup()


async def _tls(config: HubConfig) -> ssl.SSLContext | None:
    if config.http.tls_certificate is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    await asyncio.to_thread(context.load_cert_chain, config.http.tls_certificate, config.http.tls_key)
    return context
