"""A simulated night as a hub would have lived it: sensors, picks through fusion, people's decisions, levels, papers.

Everything is written into the hub's own stores before it starts, so that the hub then opens on a full night. What the
microphones report comes from the simulated city of picks; what becomes of it is fusion's own; who decided what, and
when, is drawn. The names are long on purpose: what overflows must overflow here.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
from uuid6 import uuid7

from hub.access.accounts import Accounts
from hub.commands._city import AIR, Bang, City, Picks, sites_of
from hub.config import Http, HubConfig, InfluxConfig, SiteConfig
from hub.fusion.engine import FusionEngine
from hub.fusion.plane import Plane
from hub.fusion.settings import FusionSettings
from hub.incident import Incident, Site
from hub.log import open_log
from hub.policy.basis import Basis, Council, Dpia, Dpo, Operator, PolicyConfig, Publication, SensorFacts
from hub.registry import Registry, SensorRecord
from hub.runner import CONSUMER, SAVED
from hub.sinks.endpoints import Endpoint
from hub.store import Store, migrate, open_engine
from hub.store.records import Action, Decision
from sensors.protocol import SOUND_EVENTS, VIDEO_EVENTS, AnyMessage, Counts, Detection, Heartbeat, Occupancy, SoundLevel

SITE: Final = (45.76, 4.84)
PLANE: Final = Plane.at(*SITE)
PARIS: Final = ZoneInfo("Europe/Paris")
MINUTE_US: Final = 60_000_000
HOUR_US: Final = 60 * MINUTE_US
MICROPHONES: Final = 25
DAYS: Final = 2
"""Days of sound levels before the night: the public map tells of whole days only."""
PASSWORD: Final = "the bell of the old town"
PEOPLE: Final = {
    "Claire Moreau": "operator",
    "Anne-Sophie de La Rochefoucauld-Bertrand": "supervisor",
    "Yanis Benali": "technician",
    "Ada Blanc": "auditor",
    "Root Admin": "administrator",
}
POOR_CLOCK, LONG_QUEUE, SILENT = 4, 7, 9
"""Microphones by number that are not well: each shows another state."""
CAMERAS: Final = ((-150.0, 60.0, 110.0), (220.0, -220.0, -30.0), (340.0, 180.0, 220.0), (-320.0, -250.0, 20.0))
WHY: Final = ("fireworks", "exhaust", "a nail gun at the building site behind the Halle Tony-Garnier", "traffic", "")


def name_of(number: int, kind: str = "mic") -> str:
    """Names as a city gives them: some short, some with the street in them."""
    return f"{kind}-{number:02d}" if number % 5 else f"{kind}-{number:02d}-place-des-terreaux-nord"


def fan(east_m: float, north_m: float, bearing_deg: float) -> tuple[tuple[float, float], ...]:
    """What a camera sees: 70 m, 64 degrees wide; (latitude, longitude), closed."""
    rays = [math.radians(bearing_deg + turn) for turn in range(-32, 33, 8)]
    corners = [(east_m, north_m), *((east_m + 70 * math.sin(r), north_m + 70 * math.cos(r)) for r in rays)]
    return tuple(PLANE.degrees(x, y) for x, y in (*corners, corners[0]))


@dataclass
class Night:
    """The night's measure: `now_us` is its end; what `draw` gives is the same for the same seed."""

    now_us: int
    hours: float
    seed: int
    incidents: list[Incident] = field(default_factory=list)
    messages: int = 0

    def __post_init__(self) -> None:
        self.draw = np.random.default_rng(self.seed)
        self.start_us = self.now_us - round(self.hours * HOUR_US)
        self.city = City(MICROPHONES, 220.0, noise_per_s=0.002)
        self.microphones = [
            msgspec.structs.replace(site, id=name_of(number))
            for number, site in enumerate(sites_of(self.city, self.draw), start=1)
        ]
        self.cameras = [
            Site(
                id=name_of(number, "cam"), kind="camera", latitude=PLANE.degrees(x, y)[0],
                longitude=PLANE.degrees(x, y)[1], field_of_view=fan(x, y, bearing),
                zones={"parvis": ((0.2, 0.4), (0.7, 0.4), (0.7, 0.9), (0.2, 0.9))},
            )
            for number, (x, y, bearing) in enumerate(CAMERAS, start=1)
        ]  # fmt: skip

    def detections(self) -> list[Detection]:
        """What every sensor reports, in the order in which it is sent."""
        picks, made = Picks(self.city, self.microphones, self.draw), []
        for at in self._moments(3.0):
            shot = bool(self.draw.random() < 0.3)
            rounds = tuple(
                at + round(s * 1e6) for s in np.cumsum(self.draw.uniform(0.2, 1.0, self.draw.integers(1, 4)))
            )
            east, north = self.draw.uniform(-450, 450, 2).tolist()
            heard = picks.of(Bang(east, north, rounds, shot))
            other = None if shot else ("gunshot", "loud_unknown", "clamor", "siren")[int(self.draw.integers(4))]
            made += [msgspec.structs.replace(one, event=other) for one in heard] if other else heard
        made += picks.noise(self.start_us, self.now_us - MINUTE_US)
        made += [self._seen(at) for at in self._moments(12.0)]
        return sorted(made, key=lambda one: (one.sent, one.id.int))

    def _moments(self, every_min: float) -> Iterator[int]:
        at = self.start_us + MINUTE_US
        while at < self.now_us - MINUTE_US:
            yield at
            at += round(self.draw.uniform(0.4, 1.6) * every_min * MINUTE_US)

    def _seen(self, at_us: int) -> Detection:
        events = ("crowd_movement", "intrusion", "stopped_vehicle", "wrong_way", "fire", "abandoned_object")
        return Detection(
            id=uuid7(), sensor=self.cameras[int(self.draw.integers(len(self.cameras)))].id, sent=at_us + 400_000,
            event=events[int(self.draw.integers(len(events)))], onset=at_us, duration_s=4.0,  # type: ignore[arg-type]
            score=float(self.draw.uniform(0.5, 0.95)), clock_sigma_us=5_000, model="tocsin-video@0123456789abcdef",
            zone="parvis",
        )  # fmt: skip

    def telemetry(self) -> Iterator[AnyMessage]:
        """Levels of whole days and of the night, counts, and heartbeats."""
        midnight = dt.datetime.fromtimestamp(self.now_us / 1e6, PARIS).replace(
            hour=0, minute=0, second=0, microsecond=0
        )
        first = round((midnight - dt.timedelta(days=DAYS)).timestamp() * 1e6)
        period_us = 15 * MINUTE_US
        for number, site in enumerate(self.microphones):
            for start in range(first, self.now_us - period_us, period_us):
                yield level(site.id, start, period_us, 54.0 + number % 7, self.draw)
        for site in self.cameras:
            for start in range(first, self.now_us - 20 * MINUTE_US, 20 * MINUTE_US):
                yield self._count(site.id, start)
        for site in (*self.microphones, *self.cameras):
            for step, at in enumerate(range(self.start_us, self.now_us, 10 * MINUTE_US)):
                sigma_us = 60_000 if site is self.microphones[POOR_CLOCK - 1] else 180
                counts = {"dropped": step // 20, "refused": step // 30, "uptime_s": step * 600.0}
                yield beat(site.id, at, clock_sigma_us=sigma_us, **counts)

    def _count(self, sensor: str, start: int) -> Occupancy:
        person = int(self.draw.integers(5, 90))
        counts = Counts(
            person=person if person >= 10 else None, cycle=int(self.draw.integers(10, 30)),
            car=int(self.draw.integers(20, 60)), heavy=int(self.draw.integers(10, 15)),
        )  # fmt: skip
        return Occupancy(
            id=uuid7(), sensor=sensor, sent=start + 20 * MINUTE_US, start=start, period_s=1_200.0, zone="parvis",
            counts=counts,
        )  # fmt: skip

    def fused(self, detections: list[Detection]) -> list[Incident]:
        """The revisions of every incident as fusion told them, in order."""
        engine = FusionEngine([*self.microphones, *self.cameras], FusionSettings(), air=AIR)
        told = [incident for one in detections for incident in engine.offer(one, one.sent)]
        return told + engine.advance(self.now_us)

    def decided(self, incident: Incident) -> list[Decision]:
        """What people did about one incident: four in five are decided within minutes; the newest wait."""
        draw, revision = self.draw, incident.revision
        at = incident.updated_us + round(draw.uniform(8, 240) * 1e6)
        if at > self.now_us or draw.random() < 0.1:
            return []
        person = list(PEOPLE)[int(draw.integers(2))]
        acts: list[tuple[Action, str]] = [("acknowledge", "")]
        chance = draw.random() + 0.4 * (incident.probability - 0.5)
        if chance > 0.75:
            acts.append(("confirm", "seen on the city’s own camera, three people on the ground near the tram stop"))
        elif chance > 0.65:
            acts.append(("unsure", ""))
        elif chance > 0.1:
            acts.append(("reject", WHY[int(draw.integers(len(WHY)))] or "fireworks"))
        made = [Decision(person, act, why, at + step * 20_000_000, revision) for step, (act, why) in enumerate(acts)]
        if acts[-1][0] == "confirm" and draw.random() < 0.4 and at + 30 * MINUTE_US < self.now_us:
            made.append(Decision(person, "close", "the patrol is back", at + 30 * MINUTE_US, revision))
        return made


def level(sensor: str, start: int, period_us: int, base_db: float, draw: np.random.Generator) -> SoundLevel:
    """Levels of a street that falls silent after midnight."""
    hour = dt.datetime.fromtimestamp(start / 1e6, PARIS).hour
    laeq = base_db + 8 * math.sin((hour - 9) / 24 * 2 * math.pi) + float(draw.normal(0, 1.5))
    return SoundLevel(
        id=uuid7(), sensor=sensor, sent=start + period_us, start=start, period_s=period_us / 1e6, laeq=laeq,
        lafmax=laeq + 12, lcpeak=laeq + 25, l10=laeq + 3, l50=laeq - 1, l90=laeq - 6,
    )  # fmt: skip


def beat(sensor: str, at_us: int, **changes: Any) -> Heartbeat:
    """A heartbeat of a box that is well."""
    values: dict[str, Any] = {
        "id": uuid7(), "sensor": sensor, "sent": at_us, "uptime_s": 60.0, "clock_offset_us": 12, "clock_sigma_us": 180,
        "queue_depth": 0, "dropped": 0, "capture": "ok", "software": "0.1.0", "temperature_c": 21.5, "battery": 0.87,
    }  # fmt: skip
    return Heartbeat(**{**values, **changes})


def configuration(data: Path, receiver: str, influx: str) -> HubConfig:
    """A city with a legal basis for everything, in force around today, with two receivers and an on-call."""
    today = dt.datetime.now(PARIS).date()
    begin, end = (today - dt.timedelta(days=60)).isoformat(), (today + dt.timedelta(days=60)).isoformat()
    square = tuple((SITE[0] + y, SITE[1] + x) for y, x in ((-0.02, -0.02), (-0.02, 0.02), (0.02, 0.02), (0.02, -0.02)))
    facts = tuple(
        SensorFacts(
            f"{kind[:3]}-*", kind, notice="Panneau n° 3", mask_review=f"C. Roux, {begin}", calibration="CAL-2026-07",
            latitude=SITE[0], longitude=SITE[1],
        )
        for kind in ("microphone", "camera")
    )  # fmt: skip
    covers: Any = ("audio", "video", "coupling", "dispatch")
    classes = tuple(sorted(SOUND_EVENTS | VIDEO_EVENTS))
    policy = PolicyConfig(
        profile="authorised", controller="Ville de Lyon", purpose="secours", sensors=facts,
        dpo=Dpo("C. Roux", "dpo@lyon.test", "+33 4 00 00 00 00"),
        dpia=Dpia("AIPD-1", "2", begin, "DPO-31", end), council=Council("Délibération 2026-118", begin),
        basis=Basis("Simulation 1/2026", "ES", "Ayuntamiento", begin, end, square, covers, classes, "M. Ruiz"),
        operators=tuple(Operator(name, "CSU", begin, end) for name in PEOPLE),
        publication=Publication("Direction de la tranquillité publique", "dpo@lyon.test", cost_per_year="38 000 €"),
    )  # fmt: skip
    common: dict[str, Any] = {
        "allow_private": ("127.0.0.1",),
        "secret": "whsec_" + "dGhlLWJlbGwtb2YtdGhlLW9sZC10b3duLTE=",
    }
    hooks = (
        Endpoint("police-municipale", f"{receiver}/ok", **common),
        Endpoint("centre-operationnel-departemental-secours", f"{receiver}/busy", events=("gunshot", "fire"), **common),
        Endpoint("astreinte", f"{receiver}/ok", purpose="escalation", **common),
    )
    return HubConfig(
        data_dir=data, language="fr", http=Http(port=0), policy=policy, webhooks=hooks,
        site=SiteConfig("Lyon · Presqu’île et pentes de la Croix-Rousse", *SITE),
        influxdb=InfluxConfig(url=influx, bucket="tocsin") if influx else InfluxConfig(),
    )  # fmt: skip


async def fill(config: HubConfig, night: Night) -> None:
    """Write the night into the stores of `config`, as a hub that ran all night would have left them."""
    await migrate(config.database_url)
    engine = open_engine(config.database_url)
    registry, accounts = Registry(engine), Accounts(engine)
    store = Store(engine, config.webhooks, config.confirmations)
    for site in (*night.microphones, *night.cameras):
        values = {
            name: getattr(site, name) for name in ("id", "kind", "latitude", "longitude", "field_of_view", "zones")
        }
        await registry.add(SensorRecord(**values, public_key=bytes(32), created_us=night.start_us))
    for name, role in PEOPLE.items():
        await accounts.create(name, role, PASSWORD, night.start_us)  # type: ignore[arg-type]
    detections = night.detections()
    told = night.fused(detections)
    first = {one.id: one for one in reversed(told)}
    last = {one.id: one for one in told}
    night.incidents = sorted(last.values(), key=lambda one: one.onset_us)
    for incident in night.incidents:
        await store.save(
            list({one.revision: one for one in (first[incident.id], incident)}.values()), incident.updated_us
        )
    for incident in night.incidents:
        for decision in night.decided(incident):
            await store.decide(incident.id, decision)
    log = await open_log(config.data_dir)
    messages = [*night.telemetry(), *detections]
    night.messages = len(messages)
    for at in range(0, len(messages), 1_000):
        await log.append(messages[at : at + 1_000])
    # Fusion has had them: the hub goes on after the night, it does not live it again.
    newest = (await log.read(0, len(messages) + 1))[-1].position
    for consumer in (CONSUMER, SAVED):
        await log.commit(consumer, newest)
    await log.aclose()
    await registry.aclose()
    await engine.dispose()
