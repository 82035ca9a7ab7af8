"""The registry: every sensor with its place, credentials and health; in memory for ingest, in the store for good.

Another process (the command line) may change it while a hub runs: each change raises one counter, and what is
remembered
is checked against it before a credential is trusted, at most `FRESH_S` later under load.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, Final

import msgspec
import structlog
from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from hub.incident import Site
from hub.registry.record import Kind, Polygon, SensorRecord, SensorView, site_of, view_of
from hub.registry.rows import record_of, row_of
from hub.registry.secret import code_hash, new_code, new_token, token_hash
from hub.registry.tables import ENROLMENT_CODE, REGISTRY_VERSION, SENSOR
from hub.store.engine import StoreBusy, reading, write
from sensors.protocol import AnyMessage, Heartbeat, SoundLevel

FRESH_S: Final = 0.2
FLUSH_S: Final = 15.0
"""How often what sensors said of themselves goes to the store; a restart forgets at most this much of it."""
CODE_LIFETIME_S: Final = 900.0

log = structlog.get_logger()


class SensorExists(Exception):
    """A sensor of this id is registered already."""

    code = "sensor_exists"


class SensorUnknown(LookupError):
    """No sensor of this id is registered."""

    code = "sensor_unknown"


class CodeRefused(Exception):
    """An enrolment code that opens nothing; `code` is `code_invalid`, `code_expired`, `code_used` or
    `kind_mismatch`."""

    def __init__(self, code: str, words: str) -> None:
        self.code = code
        super().__init__(words)


class Registry:
    """The sensors of one hub; `monotonic_s` is the clock of its freshness."""

    def __init__(self, engine: AsyncEngine, *, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        self._engine = engine
        self._monotonic_s = monotonic_s
        self._sensors: dict[str, SensorRecord] = {}
        self._by_token: dict[bytes, str] = {}
        self._version = -1
        self._checked_s = float("-inf")
        self._checking: asyncio.Task[None] | None = None
        self._changed: set[str] = set()
        self._flusher: asyncio.Task[None] | None = None

    # Reading

    async def sensor(self, sensor_id: str) -> SensorRecord | None:
        """The sensor of this id, as it is in the store within `FRESH_S`; None where there is none."""
        await self._refresh()
        return self._sensors.get(sensor_id)

    async def sensor_of_token(self, token: str) -> SensorRecord | None:
        """The sensor that may speak with this bearer token; None where there is none."""
        await self._refresh()
        sensor_id = self._by_token.get(token_hash(token))
        return None if sensor_id is None else self._sensors.get(sensor_id)

    async def sensors(self) -> list[SensorRecord]:
        """Every sensor, by id."""
        await self._refresh()
        return [self._sensors[key] for key in sorted(self._sensors)]

    async def overview(self, now_us: int) -> list[SensorView]:
        """Every sensor with its health at `now_us`, by id."""
        return [view_of(sensor, now_us) for sensor in await self.sensors()]

    async def sites(self, now_us: int | None = None) -> list[Site]:
        """What fusion needs of every sensor that was not revoked."""
        now = time.time_ns() // 1_000 if now_us is None else now_us
        return [site_of(sensor, now) for sensor in await self.sensors() if sensor.revoked_us is None]

    # What sensors say of themselves

    def heard(self, sensor_id: str, messages: Iterable[AnyMessage], now_us: int) -> None:
        """`sensor_id` has spoken at `now_us`: remember its newest heartbeat and level."""
        known = self._sensors.get(sensor_id)
        if known is None:
            return
        beat, level = known.heartbeat, known.sound_level
        for message in messages:
            if isinstance(message, Heartbeat):
                if beat is None or message.sent > beat.sent:
                    beat = message
            elif isinstance(message, SoundLevel) and (level is None or message.start > level.start):
                level = message
        self._sensors[sensor_id] = msgspec.structs.replace(
            known, last_seen_us=now_us, heartbeat=beat, sound_level=level
        )
        self._changed.add(sensor_id)
        if self._flusher is None:
            self._flusher = asyncio.get_running_loop().create_task(self._flush_now_and_then(), name="registry")

    async def flush(self) -> None:
        """Write what sensors said of themselves to the store."""
        changed, self._changed = self._changed, set()
        rows = [row_of(self._sensors[key]) for key in changed if key in self._sensors]

        async def work(connection: AsyncConnection) -> None:
            for row in rows:
                said = {name: row[name] for name in ("last_seen_us", "heartbeat", "sound_level")}
                await connection.execute(update(SENSOR).where(SENSOR.c.id == row["id"]).values(said))

        if rows:
            try:
                await write(self._engine, work)
            except BaseException:
                self._changed |= changed
                raise

    async def learn(self) -> None:
        """What sensors told other hubs, where it is newer than what they told this one."""
        seen = [sensor.last_seen_us for sensor in self._sensors.values() if sensor.last_seen_us is not None]
        query = select(SENSOR).where(SENSOR.c.last_seen_us > min(seen, default=0))
        async with reading(self._engine) as connection:
            rows: Sequence[Any] = (await connection.execute(query)).mappings().all()
        for stored in map(record_of, rows):
            known = self._sensors.get(stored.id)
            if known is not None and (known.last_seen_us or 0) < (stored.last_seen_us or 0):
                self._sensors[stored.id] = msgspec.structs.replace(
                    known,
                    last_seen_us=stored.last_seen_us,
                    heartbeat=stored.heartbeat,
                    sound_level=stored.sound_level,
                )

    async def aclose(self) -> None:
        """Write what is not written yet; the engine stays open."""
        if self._flusher is not None:
            self._flusher.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._flusher
        with contextlib.suppress(SQLAlchemyError, StoreBusy):
            await self.flush()

    async def _flush_now_and_then(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_S)
            try:
                await self.flush()
            except (SQLAlchemyError, StoreBusy) as error:
                log.warning("registry_not_flushed", reason=str(error))

    # What people change

    async def add(self, sensor: SensorRecord) -> None:
        """Register `sensor`; SensorExists where its id is taken."""

        async def work(connection: AsyncConnection) -> None:
            if await _row(connection, sensor.id) is not None:
                raise SensorExists(f"there is a sensor {sensor.id} already")
            await connection.execute(insert(SENSOR).values(row_of(sensor)))

        await self._change(work)

    async def move(
        self,
        sensor_id: str,
        latitude: float,
        longitude: float,
        height_m: float | None = None,
        *,
        field_of_view: Polygon | None = None,
        zones: dict[str, Polygon] | None = None,
    ) -> SensorRecord:
        """The sensor stands elsewhere, or a camera looks elsewhere; what is None stays as it was."""
        return await self._set(
            sensor_id,
            lambda old: {
                "latitude": latitude,
                "longitude": longitude,
                "height_m": old.height_m if height_m is None else height_m,
                "field_of_view": old.field_of_view if field_of_view is None else field_of_view,
                "zones": old.zones if zones is None else zones,
            },
        )

    async def revoke(self, sensor_id: str, now_us: int, reason: str = "") -> SensorRecord:
        """The sensor may not speak any more, at once; its keys, token and unused codes go."""
        return await self._set(
            sensor_id,
            lambda old: {
                "revoked_us": old.revoked_us or now_us,
                "revoked_reason": reason[:400],
                "next_key": None,
                "token_hash": None,
            },
            also=delete(ENROLMENT_CODE).where(ENROLMENT_CODE.c.sensor == sensor_id),
        )

    async def new_code(self, sensor_id: str, now_us: int, lifetime_s: float = CODE_LIFETIME_S) -> str:
        """A code with which the sensor enrols once, within `lifetime_s`; an older unused one no longer works."""
        code = new_code()

        async def work(connection: AsyncConnection) -> None:
            if await _row(connection, sensor_id) is None:
                raise SensorUnknown(f"no sensor {sensor_id} is registered")
            unused = (ENROLMENT_CODE.c.sensor == sensor_id) & ENROLMENT_CODE.c.used_us.is_(None)
            await connection.execute(delete(ENROLMENT_CODE).where(unused))
            await connection.execute(
                insert(ENROLMENT_CODE).values(
                    code_hash=code_hash(code),
                    sensor=sensor_id,
                    created_us=now_us,
                    expires_us=now_us + int(lifetime_s * 1e6),
                )
            )

        await self._change(work)
        return code

    async def enrol(self, code: str, public_key: bytes, kind: Kind | None, software: str, now_us: int) -> SensorRecord:
        """Give the sensor of `code` its key; it is let in again where it was revoked. CodeRefused where the code
        opens nothing."""
        key = code_hash(code)

        async def work(connection: AsyncConnection) -> str:
            query = select(ENROLMENT_CODE).where(ENROLMENT_CODE.c.code_hash == key)
            found = (await connection.execute(query)).mappings().first()
            if found is None:
                raise CodeRefused("code_invalid", "This code is not known; check it, or ask for a new one.")
            if found["used_us"] is not None:
                raise CodeRefused("code_used", "This code has been used; ask for a new one.")
            if found["expires_us"] <= now_us:
                raise CodeRefused("code_expired", "This code has expired; ask for a new one.")
            sensor_id: str = found["sensor"]
            old = await _row(connection, sensor_id)
            assert old is not None
            if kind is not None and kind != old.kind:
                raise CodeRefused("kind_mismatch", f"{sensor_id} is registered as a {old.kind}, not as a {kind}.")
            await connection.execute(
                update(ENROLMENT_CODE).where(ENROLMENT_CODE.c.code_hash == key).values(used_us=now_us)
            )
            values = {
                "public_key": public_key,
                "next_key": None,
                "software": software[:40],
                "enrolled_us": now_us,
                "revoked_us": None,
                "revoked_reason": "",
            }
            await connection.execute(update(SENSOR).where(SENSOR.c.id == sensor_id).values(values))
            return sensor_id

        sensor_id = await self._change(work)
        return self._sensors[sensor_id]

    async def rotate(self, sensor_id: str, next_key: bytes) -> SensorRecord:
        """The sensor will sign with `next_key`: the old one holds until the first signature of the new one."""
        return await self._set(sensor_id, lambda _old: {"next_key": next_key})

    async def promote(self, sensor_id: str) -> SensorRecord:
        """The next key was used: the old one is gone."""
        return await self._set(sensor_id, lambda old: {"public_key": old.next_key or old.public_key, "next_key": None})

    async def new_token(self, sensor_id: str) -> str:
        """A bearer token for a sensor that can't sign; an older one no longer works. It is shown once."""
        token = new_token()
        await self._set(sensor_id, lambda _old: {"token_hash": token_hash(token)})
        return token

    # Store

    async def _set(
        self, sensor_id: str, values: Callable[[SensorRecord], dict[str, Any]], *, also: Any = None
    ) -> SensorRecord:
        async def work(connection: AsyncConnection) -> None:
            old = await _row(connection, sensor_id)
            if old is None:
                raise SensorUnknown(f"no sensor {sensor_id} is registered")
            changes = values(old)
            new = row_of(msgspec.structs.replace(old, **changes))
            row = {name: new[name] for name in changes}
            await connection.execute(update(SENSOR).where(SENSOR.c.id == sensor_id).values(row))
            if also is not None:
                await connection.execute(also)

        await self._change(work)
        return self._sensors[sensor_id]

    async def _change(self, work: Callable[[AsyncConnection], Awaitable[Any]]) -> Any:
        """Do `work` and raise the version in one transaction; then remember what is there now."""

        async def both(connection: AsyncConnection) -> Any:
            result = await work(connection)
            raised = update(REGISTRY_VERSION).values(value=REGISTRY_VERSION.c.value + 1)
            if not (await connection.execute(raised)).rowcount:
                await connection.execute(insert(REGISTRY_VERSION).values(id=1, value=1))
            return result

        result = await write(self._engine, both)
        await self._load()
        return result

    async def _refresh(self) -> None:
        """Check the version where the last check is older than `FRESH_S`; callers at the same moment share one
        check."""
        if self._monotonic_s() - self._checked_s < FRESH_S:
            return
        if self._checking is None:
            self._checking = asyncio.get_running_loop().create_task(self._check(), name="registry check")
        await asyncio.shield(self._checking)

    async def _check(self) -> None:
        started_s = self._monotonic_s()
        try:
            async with reading(self._engine) as connection:
                version = (await connection.execute(select(REGISTRY_VERSION.c.value))).scalar() or 0
            if version != self._version:
                await self._load()
            self._checked_s = started_s
        except (SQLAlchemyError, StoreBusy) as error:
            if self._version < 0:
                raise
            # What is known still holds: a store that can't be read for a moment must not stop the sensors.
            log.warning("registry_not_checked", reason=str(error))
            self._checked_s = started_s
        finally:
            self._checking = None

    async def _load(self) -> None:
        async with reading(self._engine) as connection:
            version = (await connection.execute(select(REGISTRY_VERSION.c.value))).scalar() or 0
            rows: Sequence[Any] = (await connection.execute(select(SENSOR))).mappings().all()
        loaded = {sensor.id: sensor for sensor in map(record_of, rows)}
        for key, known in self._sensors.items():
            stored = loaded.get(key)
            if stored is not None and known.last_seen_us is not None and key in self._changed:
                loaded[key] = msgspec.structs.replace(
                    stored, last_seen_us=known.last_seen_us, heartbeat=known.heartbeat, sound_level=known.sound_level
                )
        self._sensors = loaded
        self._by_token = {sensor.token_hash: key for key, sensor in loaded.items() if sensor.token_hash is not None}
        self._version = version


async def _row(connection: AsyncConnection, sensor_id: str) -> SensorRecord | None:
    found = (await connection.execute(select(SENSOR).where(SENSOR.c.id == sensor_id))).mappings().first()
    return None if found is None else record_of(found)
