"""What the running hub can say of itself in numbers: counted, never typed, for the register, the DPIA and the reports.

Nothing here names a person: operators appear as counts, decisions as times between two clocks.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import importlib.metadata
import importlib.util
import sqlite3
from collections import Counter, defaultdict
from pathlib import Path
from statistics import median
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct
from sqlalchemy import Table, func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from hub.config import HubConfig
from hub.log.reading import open_readonly
from hub.policy.audit import Head, Record
from hub.policy.desks import DataRequest, MissedEvent
from hub.policy.hours import hours_since as hours_since_day
from hub.policy.mode import Assessment, assess, config_hash
from hub.policy.standing import Standing, observe
from hub.policy.tables import AUDIT, AUDIT_HEAD, DATA_REQUEST, MISSED_EVENT, SUSPENSION
from hub.registry import Registry, SensorRecord
from hub.sinks.endpoints import Point
from hub.store.engine import reading
from hub.store.quality import QualityReport, quality
from hub.store.tables import DECISION, DELIVERY, INCIDENT, OUTBOX, PURGE

DAY_US: Final = 86_400_000_000
SOFTWARE: Final = importlib.metadata.version("tocsin")
REFUSAL_DAYS: Final = 31
HISTORY: Final = 50
_record: Final = msgspec.json.Decoder(Record)


class ModelCard(Struct, frozen=True):
    """One model that ships, and its card as it was written (Markdown)."""

    name: str
    sha256: str
    labels: tuple[str, ...]
    card: str


class Act(Struct, frozen=True):
    """One thing of the audit log that the public may know of: when, what kind, of what, with which particulars."""

    at_us: int
    kind: str
    subject: str
    reason: str
    values: dict[str, str | int | float | bool]


class Facts(Struct, frozen=True, kw_only=True):
    """Everything counted at one moment; times in microseconds since the epoch, `at` in the hub's own zone."""

    at: dt.datetime
    software: str
    config_hash: str
    assessment: Assessment
    standing: Standing
    sensors: tuple[SensorRecord, ...]
    window_us: int
    """Since when incidents of every state are still held; counts by state are of this stretch."""
    states: dict[str, dict[str, int]]
    quality_since_us: int
    quality: QualityReport
    """Of real operation, or of exercises where everything is one."""
    decided: int
    median_decision_s: float | None
    dispatched: int
    dispatched_unconfirmed: int
    """Has to be 0."""
    refusals: dict[str, int]
    refusal_days: int
    reads: dict[str, int]
    """How often incidents were read by others than operators, by reason."""
    audit_size: int
    head: Head | None
    red_lines_checked_us: int | None
    oldest_us: dict[str, int | None]
    purges: dict[str, tuple[int, int]]
    """By kind, when the last purge deleted something and how many rows."""
    suspended: tuple[str, ...]
    history: tuple[Act, ...]
    """Starts after a change, suspensions, and changes of sensors and people, newest first."""
    models: tuple[ModelCard, ...]
    requests: tuple[DataRequest, ...]
    missed: tuple[MissedEvent, ...]
    audio_tracks_dropped: int
    hours_since: dt.date
    hours: dict[str, dict[str, float]]
    """Hours by sensor and state (`working`, `degraded`, `stopped`, `out`) since that day."""
    zones: dict[str, tuple[Point, ...]]
    """Named districts: polygons of (latitude, longitude)."""

    @property
    def now_us(self) -> int:
        """The moment in microseconds."""
        return int(self.at.timestamp() * 1e6)


def model_cards() -> tuple[ModelCard, ...]:
    """The models of the `models` package, read from its registry without importing it."""
    spec = importlib.util.find_spec("models")
    folders = list(spec.submodule_search_locations or ()) if spec else []
    found = []
    for folder in map(Path, folders):
        registry = folder / "registry.json"
        if not registry.exists():
            continue
        for entry in msgspec.json.decode(registry.read_bytes())["models"]:
            card = folder / "weights" / entry["card"]
            text = card.read_text(encoding="utf-8") if card.exists() else ""
            found.append(ModelCard(entry["name"], entry["sha256"], tuple(entry["labels"]), text))
    return tuple(found)


def _oldest_message(data_dir: Path) -> int | None:
    """When the oldest message that is still in the event log came; None where there is none."""
    path = data_dir / "log.sqlite"
    if not path.exists():
        return None
    with contextlib.suppress(sqlite3.Error), contextlib.closing(open_readonly(path)) as database:
        row = database.execute("SELECT received_us FROM entry ORDER BY position LIMIT 1").fetchone()
        return int(row[0]) if row else None
    return None


async def gather(engine: AsyncEngine, config: HubConfig, now_us: int, days: int | None = None) -> Facts:
    """Count everything as it stands at `now_us`; with `days`, only what happened in the last so many."""
    zone = await asyncio.to_thread(ZoneInfo, config.time_zone)
    at = dt.datetime.fromtimestamp(now_us / 1e6, zone)
    keep = config.keeping.retention
    window_us = now_us - int((days or min(keep.unconfirmed_days, keep.confirmed_days)) * DAY_US)
    quality_since_us = now_us - int((days or keep.confirmed_days) * DAY_US)
    refusal_days = days or REFUSAL_DAYS
    registry = Registry(engine)
    try:
        sensors = tuple(await registry.sensors())
    finally:
        await registry.aclose()
    acts = await _acts(engine, now_us - (days or 366) * DAY_US)
    suspended, head, size = await _standing(engine)
    decided, median_s = await _decisions(engine, quality_since_us)
    dispatched, unconfirmed = await _dispatches(engine, quality_since_us)
    requests, missed = await _desks(engine)
    since_us = now_us - refusal_days * DAY_US
    hours_since = (at - dt.timedelta(days=days or keep.confirmed_days)).date()
    zones = await asyncio.to_thread(zones_of, config)
    models = await asyncio.to_thread(model_cards)
    standing = await observe(engine, config, [one.sha256 for one in models], now_us)
    return Facts(
        at=at,
        software=SOFTWARE,
        config_hash=config_hash(config.policy, standing.around),
        assessment=assess(config.policy, at, suspended, standing),
        standing=standing,
        sensors=sensors,
        window_us=window_us,
        states=await _states(engine, window_us),
        quality_since_us=quality_since_us,
        quality=await quality(engine, quality_since_us, now_us + 1, zones, config.exercise),
        decided=decided,
        median_decision_s=median_s,
        dispatched=dispatched,
        dispatched_unconfirmed=unconfirmed,
        refusals=_summed(acts, since_us),
        refusal_days=refusal_days,
        reads=dict(Counter(act.reason for act in acts if act.kind == "read")),
        audit_size=size,
        head=head,
        red_lines_checked_us=max((act.at_us for act in acts if act.kind == "start"), default=None),
        oldest_us=await _oldest(engine, config.data_dir),
        purges=await _purges(engine),
        suspended=tuple(sorted(suspended)),
        history=tuple(_changes(acts)[:HISTORY]),
        models=models,
        requests=requests,
        missed=missed,
        audio_tracks_dropped=sum(sensor.heartbeat.audio_tracks_dropped for sensor in sensors if sensor.heartbeat),
        hours_since=hours_since,
        hours=await hours_since_day(engine, hours_since),
        zones=zones,
    )


def zones_of(config: HubConfig) -> dict[str, tuple[Point, ...]]:
    """The districts of the map's file, and the zones that recipients are told about."""
    found = {name: zone for endpoint in config.webhooks for name, zone in endpoint.zones.items()}
    if config.map.districts is None:
        return found
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        for one in msgspec.json.decode(config.map.districts.read_bytes())["features"]:
            geometry, name = one["geometry"], str((one.get("properties") or {}).get("name", ""))
            if geometry["type"] == "Polygon" and name:
                found[name] = tuple((float(y), float(x)) for x, y, *_ in geometry["coordinates"][0])
    return found


_TOLD: Final = ("start", "refusal", "read", "suspension", "sensor", "person", "configuration")


async def _acts(engine: AsyncEngine, since_us: int) -> list[Act]:
    query = (
        select(AUDIT.c.record)
        .where(AUDIT.c.kind.in_(_TOLD), AUDIT.c.at_us >= since_us, AUDIT.c.record.is_not(None))
        .order_by(AUDIT.c.sequence)
    )
    async with reading(engine) as connection:
        bodies = [row.record for row in await connection.execute(query)]

    def decode() -> list[Act]:
        records = [_record.decode(body) for body in bodies]
        return [Act(one.at_us, one.kind, one.subject, one.reason, one.values) for one in records]

    return await asyncio.to_thread(decode)


def _summed(acts: list[Act], since_us: int) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for act in acts:
        if act.kind == "refusal" and act.at_us >= since_us:
            counts[act.subject] += int(act.values.get("count", 0))
    return dict(counts.most_common())


def _changes(acts: list[Act]) -> list[Act]:
    """What changed: starts whose configuration is another than before, stops, sensors, people. Newest first."""
    told, before = [], ""
    for act in acts:
        if act.kind == "start":
            now = str(act.values.get("policy", "")) + str(act.values.get("classes", ""))
            if now == before:
                continue
            before = now
        elif act.kind in {"refusal", "read"}:
            continue
        told.append(act)
    return told[::-1]


async def _standing(engine: AsyncEngine) -> tuple[frozenset[str], Head | None, int]:
    async with reading(engine) as connection:
        suspended = frozenset(row.name for row in await connection.execute(select(SUSPENSION.c.name)))
        newest = (await connection.execute(select(AUDIT_HEAD).order_by(AUDIT_HEAD.c.size.desc()).limit(1))).first()
        size = (await connection.execute(select(func.count()).select_from(AUDIT))).scalar_one()
    return suspended, None if newest is None else Head(*newest), int(size)


async def _states(engine: AsyncEngine, since_us: int) -> dict[str, dict[str, int]]:
    query = (
        select(INCIDENT.c.event, INCIDENT.c.state, func.count())
        .where(INCIDENT.c.onset_us >= since_us)
        .group_by(INCIDENT.c.event, INCIDENT.c.state)
        .order_by(INCIDENT.c.event)
    )
    counts: dict[str, dict[str, int]] = defaultdict(dict)
    async with reading(engine) as connection:
        for event, state, number in await connection.execute(query):
            counts[event][state] = int(number)
    return dict(counts)


async def _decisions(engine: AsyncEngine, since_us: int) -> tuple[int, float | None]:
    """How many incidents people judged, and the median time from the first revision to the judgement."""
    query = select(INCIDENT.c.decided_us, INCIDENT.c.created_us).where(
        INCIDENT.c.decided_us.is_not(None), INCIDENT.c.onset_us >= since_us
    )
    async with reading(engine) as connection:
        waits = [(row.decided_us - row.created_us) / 1e6 for row in await connection.execute(query)]
    return len(waits), median(waits) if waits else None


async def _dispatches(engine: AsyncEngine, since_us: int) -> tuple[int, int]:
    """Incidents that were dispatched, and those of them that no person confirmed."""
    sent = select(OUTBOX.c.incident).where(OUTBOX.c.kind == "dispatch", OUTBOX.c.created_us >= since_us).distinct()
    confirmed = select(DECISION.c.incident).where(DECISION.c.action == "confirm")
    async with reading(engine) as connection:
        ids = {row.incident for row in await connection.execute(sent)}
        backed = {row.incident for row in await connection.execute(confirmed)}
    return len(ids), len(ids - backed)


async def _oldest(engine: AsyncEngine, data_dir: Path) -> dict[str, int | None]:
    async def first(table: Table, column: Any) -> int | None:
        async with reading(engine) as connection:
            return (await connection.execute(select(func.min(column)).select_from(table))).scalar()

    async with reading(engine) as connection:
        unerased = select(func.min(AUDIT.c.at_us)).where(AUDIT.c.record.is_not(None))
        audit = (await connection.execute(unerased)).scalar()
    return {
        "messages": await asyncio.to_thread(_oldest_message, data_dir),
        "incidents": await first(INCIDENT, INCIDENT.c.created_us),
        "deliveries": await first(DELIVERY, DELIVERY.c.at_us),
        "audit": audit,
    }


async def _purges(engine: AsyncEngine) -> dict[str, tuple[int, int]]:
    query = select(PURGE.c.kind, PURGE.c.at_us, PURGE.c.rows).order_by(PURGE.c.sequence)
    async with reading(engine) as connection:
        return {row.kind: (row.at_us, row.rows) for row in await connection.execute(query)}


async def _desks(engine: AsyncEngine) -> tuple[tuple[DataRequest, ...], tuple[MissedEvent, ...]]:
    async with reading(engine) as connection:
        asked = await connection.execute(select(DATA_REQUEST).order_by(DATA_REQUEST.c.sequence))
        requests = tuple(DataRequest(*row) for row in asked)
        learnt = await connection.execute(select(MISSED_EVENT).order_by(MISSED_EVENT.c.sequence))
        missed = tuple(MissedEvent(*row) for row in learnt)
    return requests, missed
