"""`GET /api/v1/lease`: a sensor analyses only while it holds a fresh lease, so that a stop holds even where the hub
hangs.

The same lease is in every answer of intake. A request may wait (`?wait=10&known=TAG`) until the lease is another one
than the sensor has: so a stop reaches a quiet sensor at once and costs one request in ten seconds. The query is not
signed; whoever changes it on the way changes only how long the answer takes.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from typing import Final

import msgspec
from aiohttp import web
from msgspec import Struct

from hub.ingest.body import check_head
from hub.ingest.caller import CLOCK, prove, sensor_of
from hub.keys import CONFIG, GATE, REGISTRY
from hub.policy.gate import Gate
from hub.policy.mode import Assessment
from hub.policy.profiles import Mode
from hub.problem import Problem
from hub.registry import SensorRecord
from hub.tasks import running, within
from hub.words import say

LOOK_S: Final = 1.0
"""How often the mode is looked at for those who wait: it may fall by the clock alone."""
MAX_WAIT_S: Final = 20.0


class Lease(Struct, frozen=True, omit_defaults=True):
    """How long a sensor may analyse from the moment of this answer, and why not where it may not.

    `held_s` is how long the request waited here; `classes` may be told; `tag` names what was answered.
    """

    granted: bool
    seconds: float
    mode: Mode
    tag: str
    classes: tuple[str, ...] = ()
    code: str = ""
    detail: str = ""
    held_s: float = 0.0


def lease_of(gate: Gate, sensor: SensorRecord, seconds: float, now_us: int) -> Lease:
    """What `sensor` may do from `now_us` on, by the profile, the clock and what people stopped."""
    assessment = gate.assessment(now_us)
    mode, reasons = assessment.of_sensor(sensor.id, gate.policy)
    code = detail = ""
    classes: tuple[str, ...] = ()
    if mode == "off":
        first = (reasons or assessment.reasons)[0]
        code, detail = first.code, say(first.words, first.values, "en")
    elif not _senses(sensor, assessment):
        words = "policy_modality_sound" if sensor.kind == "microphone" else "policy_modality_video"
        code, detail = "LEGAL_MODALITY", say(words, {"profile": gate.policy.profile}, "en")
        mode = "off"
    else:
        classes = tuple(sorted(assessment.classes))
    tag = hashlib.sha256("|".join((mode, code, *classes)).encode()).hexdigest()[:12]
    return Lease(not code, 0.0 if code else seconds, mode, tag, classes, code, detail)


def _senses(sensor: SensorRecord, assessment: Assessment) -> bool:
    """True where the profile has any use for what this kind of sensor takes in."""
    start = "sound" if sensor.kind == "microphone" else "video"
    return any(modality.startswith(start) for modality in assessment.modalities)


class Waiting:
    """Those who wait for another lease: one request a sensor, a newer one lets the older go."""

    def __init__(self) -> None:
        self._events: dict[str, asyncio.Event] = {}
        self.closing = False

    @property
    def count(self) -> int:
        """How many wait."""
        return len(self._events)

    async def wait(self, sensor: str, seconds: float) -> None:
        """Return when something may have changed, or after `seconds`."""
        if self.closing:
            return
        if (older := self._events.get(sensor)) is not None:
            older.set()
        event = self._events[sensor] = asyncio.Event()
        try:
            await within(seconds, event.wait())
        finally:
            if self._events.get(sensor) is event:
                del self._events[sensor]

    def ring(self) -> None:
        """Something changed: everybody looks again."""
        for event in self._events.values():
            event.set()


WAITING: Final = web.AppKey("lease_waiting", Waiting)


def lease_for(app: web.Application, sensor: SensorRecord, now_us: int) -> Lease:
    """The lease that an answer to `sensor` carries."""
    return lease_of(app[GATE], sensor, app[CONFIG].lease_s, now_us)


async def lease(request: web.Request) -> web.Response:
    """Give a lease: 200 `Lease` whether it is granted or not; 401, 403 `sensor_revoked` for who is no sensor here."""
    app = request.app
    if request.body_exists:
        check_head(request, 0)
    wait_s, known = _asked(request)
    sensor, claim = await sensor_of(request)
    sensor = await prove(request, sensor, claim, b"")
    answer = lease_for(app, sensor, app[CLOCK]())
    loop = asyncio.get_running_loop()
    begun = loop.time()
    if answer.tag == known and wait_s:
        await app[WAITING].wait(sensor.id, wait_s)
        now = await app[REGISTRY].sensor(sensor.id)
        if now is None or now.revoked_us is not None:
            raise Problem(403, "sensor_revoked", f"{sensor.id} was revoked; it is let in again with a new code.")
        answer = lease_for(app, now, app[CLOCK]())
    answer = msgspec.structs.replace(answer, held_s=round(loop.time() - begun, 3))
    headers = {"Cache-Control": "no-store"}
    return web.Response(body=msgspec.json.encode(answer), content_type="application/json", headers=headers)


def _asked(request: web.Request) -> tuple[float, str]:
    try:
        wait_s = int(request.query.get("wait") or 0)
    except ValueError:
        raise Problem(400, "query_invalid", "`wait` is a whole number of seconds.") from None
    return min(max(wait_s, 0), MAX_WAIT_S), request.query.get("known", "")


async def _watch(app: web.Application) -> None:
    """Ring when the mode, the classes or what is stopped has changed."""
    before: tuple[object, ...] = ()
    while True:
        now = app[GATE].assessment(app[CLOCK]())
        seen = (now.mode, now.classes, now.suspended, now.reasons, now.modalities)
        if seen != before:
            before = seen
            app[WAITING].ring()
        await asyncio.sleep(LOOK_S)


async def _watching(app: web.Application) -> AsyncIterator[None]:
    async with running("lease watch", _watch(app)):
        yield


async def _close(app: web.Application) -> None:
    """Those who wait are answered before the hub ends."""
    app[WAITING].closing = True
    app[WAITING].ring()


def add_routes(app: web.Application) -> None:
    """Put the addresses of this module on the application."""
    app[WAITING] = Waiting()
    app.on_shutdown.append(_close)
    app.cleanup_ctx.append(_watching)
    app.router.add_get("/api/v1/lease", lease)
