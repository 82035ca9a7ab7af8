"""`GET /metrics` in Prometheus' text format: base units, no unbounded labels, nothing of what sensors said.

Histograms are observed as things happen; everything else is read from its owner when somebody asks.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from typing import Final

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    InfoMetricFamily,
    Metric,
    StateSetMetricFamily,
)
from sqlalchemy.exc import SQLAlchemyError

from hub.access.door import DOOR
from hub.access.guard import now_us
from hub.access.limits import REFUSALS
from hub.access.rules import rule_of
from hub.api.status import VERSION
from hub.ingest.adapters.intake import CONTENT
from hub.ingest.lease import WAITING
from hub.ingest.mqtt import MQTT
from hub.ingest.routes import REFUSED
from hub.keys import ENGINE, GATE, LISTENERS, LOG, MENDINGS, OUTBOX, OWNERSHIP, REGISTRY, RUNNER, STORE
from hub.policy.profiles import MODES
from hub.sinks.context import INFLUX
from hub.store import StoreBusy
from hub.store.engine import twin_of

INGEST: Final = "/api/v1/ingest"
FAST: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
SLOW: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Meters:
    """The histograms, and the requests counted by route; all labels come from closed lists of our own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry(auto_describe=False)
        self.ingest = Histogram(
            "tocsin_ingest_seconds", "From a batch's head to its answer, sync to disk included", ("status",),
            buckets=FAST, registry=self.registry,
        )  # fmt: skip
        self.delivery = Histogram(
            "tocsin_webhook_attempt_seconds", "One attempt to deliver a message", ("endpoint", "outcome"),
            buckets=SLOW, registry=self.registry,
        )  # fmt: skip
        self.requests: Counter[tuple[str, str, str]] = Counter()

    def attempted(self, endpoint: str, delivered: bool, seconds: float) -> None:
        """One attempt to deliver took `seconds`."""
        self.delivery.labels(endpoint, "delivered" if delivered else "failed").observe(seconds)


METERS: Final = web.AppKey("meters", Meters)


@web.middleware
async def measured(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Count the request by route, method and class of status; time those of intake."""
    started = time.perf_counter()
    response = await handler(request)
    meters = request.app[METERS]
    resource = request.match_info.route.resource
    route = "none" if resource is None else resource.canonical
    known = rule_of(request.method, route) is not None
    status = f"{response.status // 100}xx"
    meters.requests[route if known else "page", request.method if known else "any", status] += 1
    if route == INGEST:
        meters.ingest.labels(status).observe(time.perf_counter() - started)
    return response


class _Read:
    """What was read of the hub for one answer."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


def counter(name: str, says: str, values: Iterable[tuple[tuple[str, ...], float]], *labels: str) -> Metric:
    """A counter with its values."""
    family = CounterMetricFamily(name, says, labels=labels)
    for value in values:
        family.add_metric(list(value[0]), value[1])
    return family


def gauge(name: str, says: str, values: Iterable[tuple[tuple[str, ...], float]], *labels: str) -> Metric:
    """A gauge with its values."""
    family = GaugeMetricFamily(name, says, labels=labels)
    for value in values:
        family.add_metric(list(value[0]), value[1])
    return family


def _one(value: float) -> list[tuple[tuple[str, ...], float]]:
    return [((), float(value))]


def _of(counts: Counter[str]) -> list[tuple[tuple[str, ...], float]]:
    return [((name,), float(count)) for name, count in sorted(counts.items())]


def _memory(app: web.Application) -> Iterator[Metric]:
    """What is known without asking the database."""
    info = InfoMetricFamily("tocsin_build", "The running version")
    info.add_metric([], {"version": VERSION, "python": sys.version.split()[0]})
    yield info
    assessment = app[GATE].assessment(now_us())
    mode = StateSetMetricFamily("tocsin_mode", "The effective mode", labels=[])
    mode.add_metric([], {name: name == assessment.mode for name in MODES})
    yield mode
    yield gauge(
        "tocsin_suspensions", "Sensors, classes or everything that people stopped", _one(len(assessment.suspended))
    )
    requests = sorted(app[METERS].requests.items())
    yield counter(
        "tocsin_http_requests", "Requests answered", [(key, float(count)) for key, count in requests],
        "route", "method", "status",
    )  # fmt: skip
    yield counter("tocsin_http_refusals", "Requests refused", _of(app[REFUSALS]), "code")
    passed_over = _of(app[CONTENT])
    yield counter("tocsin_foreign_fields_unread", "Fields of foreign sensors, passed over", passed_over, "field")
    yield counter("tocsin_messages_refused", "Messages refused at intake", _of(app[REFUSED]), "code")
    yield counter("tocsin_gate_refusals", "Messages that the profile does not allow", _of(app[GATE].refused), "code")
    door = app[DOOR]
    yield gauge("tocsin_connections", "Open connections", _one(door.open))
    yield counter("tocsin_connections_turned_away", "Connections closed at once, too many", _one(door.turned_away))
    yield counter("tocsin_http_malformed", "Heads that were no HTTP", _one(door.malformed))
    yield gauge("tocsin_live_views", "Open streams of live views", _one(app[LISTENERS].count))
    yield gauge(
        "tocsin_lease_requests_waiting", "Sensors that wait for a change of their lease", _one(app[WAITING].count)
    )
    mqtt = app[MQTT]
    yield gauge("tocsin_mqtt_connected", "1 while the broker passes messages on", _one(mqtt.connected))
    yield counter("tocsin_mqtt_messages", "Messages taken from the broker since the start", _one(mqtt.taken))
    health = app[LOG].health()
    yield gauge("tocsin_log_up", "1 while the log takes messages", _one(not health.fault))
    yield gauge("tocsin_log_position", "The newest position of the log", _one(health.last_position))
    yield gauge("tocsin_log_queued_messages", "Messages that wait for the disk", _one(health.queued))
    yield counter("tocsin_log_messages", "Messages synced to disk since the start", _one(health.appended))
    yield counter("tocsin_log_lost_rows", "Rows that went with damaged pages since the start", _one(health.lost))
    yield gauge("tocsin_log_copied", "1 while a second copy of the log is kept up", _one(health.copied))
    if (twin := twin_of(app[ENGINE])) is not None:
        yield gauge("tocsin_state_copied", "1 while a second copy of the state is kept up", _one(not twin.fault))
    mended = len(app[MENDINGS].all)
    yield counter("tocsin_databases_mended", "Damages of the disk that were mended since the start", _one(mended))
    yield counter("tocsin_log_syncs", "Transactions synced to disk since the start", _one(health.groups))
    owned = app[OWNERSHIP].owns
    yield gauge("tocsin_city_owned", "1 while this hub, of one or several, works on the city", _one(owned))
    runner = app[RUNNER]
    yield gauge("tocsin_fusion_up", "1 while fusion runs", _one(not runner.trouble()))
    yield counter("tocsin_fusion_failures", "Times that fusion had to begin again", _one(runner.failures))


def _sinks(app: web.Application) -> Iterator[Metric]:
    worker = app[OUTBOX]
    counts = worker.counts
    results = (("delivered", counts.delivered), ("failed", counts.failed), ("dead", counts.dead))
    values = [((name,), float(count)) for name, count in results]
    yield counter("tocsin_webhook_attempts", "Attempts to deliver, by what became of them", values, "outcome")
    yield counter("tocsin_outbox_database_errors", "Times the outbox could not be read", _one(counts.database_errors))
    breakers = [((name,), float(breaker.tripped)) for name, breaker in sorted(worker.breakers.items())]
    yield gauge("tocsin_webhook_breaker_open", "1 while a receiver is only probed", breakers, "endpoint")
    pumps = app[INFLUX]
    behind = [((pump.name,), float(bool(pump.behind))) for pump in pumps]
    failures = [((pump.name,), float(pump.failures)) for pump in pumps]
    yield gauge("tocsin_influx_behind", "1 while series wait for InfluxDB", behind, "source")
    yield counter("tocsin_influx_failures", "Writes that InfluxDB did not take", failures, "source")


async def _stored(app: web.Application) -> list[Metric]:
    """What only the database knows; a database that does not answer is said, and the rest is still told."""
    try:
        async with asyncio.timeout(5.0):
            sensors = Counter((view.kind, view.state) for view in await app[REGISTRY].overview(now_us()))
            incidents = await app[STORE].counts()
            outbox = await app[OUTBOX].outbox.counts()
            disabled = await app[OUTBOX].outbox.disabled()
    except (SQLAlchemyError, StoreBusy, OSError, TimeoutError):
        return [gauge("tocsin_database_up", "1 while the database answers", _one(0))]
    endpoints = [((name,), float(name in disabled)) for name in sorted(app[OUTBOX].breakers)]
    fleet = [(key, float(count)) for key, count in sorted(sensors.items())]
    waiting = [(key, float(count)) for key, count in sorted(outbox.items())]
    states = [((state,), float(count)) for state, count in sorted(incidents.items())]
    return [
        gauge("tocsin_database_up", "1 while the database answers", _one(1)),
        gauge("tocsin_sensors", "Sensors by state", fleet, "kind", "state"),
        gauge("tocsin_incidents", "Incidents by state", states, "state"),
        gauge("tocsin_outbox_messages", "Messages by state", waiting, "endpoint", "state"),
        gauge("tocsin_webhook_disabled", "1 where a receiver answered 410", endpoints, "endpoint"),
    ]


async def metrics(request: web.Request) -> web.Response:
    """Everything at once, for addresses in `http.metrics_from` or who is signed in."""
    app = request.app
    stored = await _stored(app)
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Read([*_memory(app), *_sinks(app), *stored]))
    # The process collector reads /proc.
    body = await asyncio.to_thread(lambda: generate_latest(app[METERS].registry) + generate_latest(registry))
    return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST, "Cache-Control": "no-store"})


async def metrics_context(app: web.Application) -> AsyncIterator[None]:
    """Hear of each attempt to deliver."""
    app[OUTBOX].observed = app[METERS].attempted
    yield


def add_routes(app: web.Application) -> None:
    """Put the addresses of this module on the application."""
    app[METERS] = Meters()
    ProcessCollector(registry=app[METERS].registry)
    app.router.add_get("/metrics", metrics)
