"""Writes series to InfluxDB 1.8, 2.x or 3 through `/api/v2/write`; away for an hour, it fills in by itself, in order.

Two pumps run side by side, each from a source that keeps everything and with a position of its own: the event log gives
detections, levels, counts and health; the list of changes gives incidents and dispatches. A position is committed after
the server has taken the points, so a crash in between writes some points a second time, and they replace themselves.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol
from uuid import UUID

import aiohttp
import structlog
from msgspec import Struct
from sqlalchemy.exc import SQLAlchemyError

from hub.log import EventLog
from hub.registry import Registry
from hub.sinks.schedule import SLOW_DOWN_S, retry_after_s
from hub.store.changes import commit_position, committed_position
from hub.store.engine import StoreBusy
from hub.store.store import Store
from hub.words import Language

if TYPE_CHECKING:
    from influxdb_client.client.influxdb_client_async import InfluxDBClientAsync

CONSUMER: Final = "influx"
BATCH: Final = 5_000
"""Points in one request: the size that InfluxDB's documentation recommends."""

LINGER_S: Final = 1.0
"""How long a pump that has caught up gathers before it writes: one request a second instead of one a point."""

WAITS_S: Final = (1.0, 2.0, 5.0, 10.0, 20.0, 30.0)
JITTER: Final = 0.2
TIMEOUT_MS: Final = 20_000

_REFUSED_POINTS: Final = frozenset({400, 413, 422})
"""Answers that mean these points, and not the server or the token."""

log = structlog.get_logger()


class InfluxTarget(Struct, frozen=True):
    """Where to write. The token is read at the start; a representation never shows it."""

    url: str
    bucket: str
    org: str
    token: str = ""
    token_file: Path | None = None

    def __repr__(self) -> str:
        return f"InfluxTarget(url={self.url!r}, bucket={self.bucket!r}, org={self.org!r})"


class Away(Exception):
    """The server cannot take points now; `pause_s` is what it asked for."""

    def __init__(self, reason: str, pause_s: float = 0.0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.pause_s = pause_s


class Source(Protocol):
    """What a pump empties: points with the position behind them, in order."""

    name: str

    async def committed(self) -> int:
        """The position up to which everything was written."""

    async def read(self, after: int) -> tuple[list[str], int]:
        """The next points and the position to commit with them; the same position where there is nothing."""

    async def wait(self, after: int) -> None:
        """Return once there is something behind `after`."""

    async def commit(self, position: int) -> None:
        """Remember that everything up to `position` was written."""


class MessageSource:
    """What sensors said, from the event log."""

    name = "messages"

    def __init__(self, event_log: EventLog, registry: Registry | None = None, zone: tzinfo = UTC) -> None:
        """`registry` adds where each sensor stands, `zone` the hours of evening and night."""
        self._log = event_log
        self._registry = registry
        self._zone = zone

    async def committed(self) -> int:
        """Where this consumer is in the log."""
        return await self._log.committed(CONSUMER)

    async def read(self, after: int) -> tuple[list[str], int]:
        """Up to a batch of messages as points; the formatting runs in a thread."""
        from hub.sinks.series import message_line

        entries = await self._log.read(after, BATCH)
        if not entries:
            return [], after
        known = {} if self._registry is None else {one.id: one for one in await self._registry.sensors()}
        lines = await asyncio.to_thread(lambda: [message_line(entry.message, known, self._zone) for entry in entries])
        return lines, entries[-1].position

    async def wait(self, after: int) -> None:
        """Wait for the log."""
        await self._log.wait(after)

    async def commit(self, position: int) -> None:
        """The log may forget what lies before."""
        await self._log.commit(CONSUMER, position)


class ChangeSource:
    """Incidents and attempts to dispatch, from the store's list of changes."""

    name = "changes"

    def __init__(self, store: Store, language: Language = "fr") -> None:
        """`language` is that of the evidence's sentences, which a dashboard can't look up."""
        self._store = store
        self._language: Language = language

    async def committed(self) -> int:
        """Where this consumer is in the changes."""
        return await committed_position(self._store.engine, CONSUMER)

    async def read(self, after: int) -> tuple[list[str], int]:
        """Each incident that changed as it is now, and each attempt; one point an incident in a batch."""
        from hub.sinks.series import delivery_line, detail_lines, incident_line

        changes = await self._store.changes(after, BATCH)
        if not changes:
            return [], after
        attempts = {change.reference for change in changes if change.kind == "delivery"}
        found = await self._store.several([UUID(one) for one in dict.fromkeys(change.id for change in changes)])
        exercises = {stored.incident.id: stored.incident.exercise for stored in found}
        lines = await asyncio.to_thread(
            lambda: [line for one in found for line in (incident_line(one), *detail_lines(one, self._language))]
        )
        for delivery in await self._store.deliveries(attempts):
            if delivery.incident is not None:
                lines.append(delivery_line(delivery, exercises.get(delivery.incident, False)))
        return lines, changes[-1].sequence

    async def wait(self, after: int) -> None:
        """Wait for the store's bell."""
        heard = self._store.bell.count
        while await self._store.newest_change() <= after:
            heard = await self._store.bell.wait(heard)

    async def commit(self, position: int) -> None:
        """Remember it in the store."""
        await commit_position(self._store.engine, CONSUMER, position)


class InfluxWriter:
    """The client, and the points that the server would not have."""

    def __init__(self, client: InfluxDBClientAsync, target: InfluxTarget) -> None:
        self._client = client
        self._writing: Any = client.write_api()
        self._target = target
        self.written = 0
        self.refused = 0

    @classmethod
    async def open(cls, target: InfluxTarget) -> InfluxWriter:
        """Load the client and the token in a thread. Raises OSError where the token file cannot be read."""

        def prepare() -> tuple[Any, str, ssl.SSLContext]:
            from influxdb_client.client.influxdb_client_async import InfluxDBClientAsync

            token = target.token_file.read_text(encoding="utf-8").strip() if target.token_file else target.token
            return InfluxDBClientAsync, token, ssl.create_default_context()

        make, token, tls = await asyncio.to_thread(prepare)
        client = make(target.url, token=token, org=target.org, timeout=TIMEOUT_MS, enable_gzip=True, ssl_context=tls)
        return cls(client, target)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def write(self, lines: Sequence[str]) -> None:
        """Write the points. Those that the server refuses as such are counted, logged and passed over. Raises Away."""
        from influxdb_client.rest import ApiException

        for start in range(0, len(lines), BATCH):
            part = lines[start : start + BATCH]
            try:
                await self._writing.write(
                    bucket=self._target.bucket, record="\n".join(part).encode(), write_precision="us"
                )
            except ApiException as error:
                if error.status not in _REFUSED_POINTS:
                    raise _away(error) from error
                await self._halve(part, str(error.body)[:200])
            except (aiohttp.ClientError, OSError, TimeoutError) as error:
                raise Away(type(error).__name__) from error
            else:
                self.written += len(part)

    async def _halve(self, part: Sequence[str], reason: str) -> None:
        """One bad point must not hold up the others: look for it by halves."""
        if len(part) == 1:
            self.refused += 1
            log.error("influx_refused_point", measurement=part[0].partition(",")[0], reason=reason)
            return
        middle = len(part) // 2
        await self.write(part[:middle])
        await self.write(part[middle:])


def _away(error: Any) -> Away:
    status = error.status
    header = error.headers.get("Retry-After") if error.headers else None
    pause_s = retry_after_s(header, time.time()) or (SLOW_DOWN_S if status in (401, 403, 404, 429) else 0.0)
    return Away(f"http_{status}", pause_s)


class Pump:
    """Moves one source to the server until cancelled. `behind` is empty while it keeps up, else the reason."""

    def __init__(
        self,
        source: Source,
        write: Callable[[Sequence[str]], Awaitable[None]],
        dice: Callable[[], float],
        linger_s: float = LINGER_S,
    ) -> None:
        self._source = source
        self._write = write
        self._dice = dice
        self._linger_s = linger_s
        self.name = source.name
        self.behind = ""
        self.failures = 0

    async def run(self) -> None:
        """Read, write, commit; on a failure wait and do the same again from the same position."""
        failed = 0
        while True:
            try:
                position = await self._source.committed()
                while True:
                    position = await self._step(position)
                    if failed:
                        log.info("influx_back", source=self._source.name)
                    failed, self.behind = 0, ""
            except (Away, SQLAlchemyError, StoreBusy, OSError, RuntimeError) as error:
                wait_s = WAITS_S[min(failed, len(WAITS_S) - 1)] * (1 + JITTER * (2 * self._dice() - 1))
                if isinstance(error, Away):
                    wait_s = max(wait_s, error.pause_s)
                self.behind = str(error) or type(error).__name__
                self.failures += 1
                if not failed:
                    log.warning("influx_away", source=self._source.name, reason=self.behind)
                failed += 1
                await asyncio.sleep(wait_s)

    async def _step(self, position: int) -> int:
        lines, behind = await self._source.read(position)
        if behind == position:
            await self._source.wait(position)
            await asyncio.sleep(self._linger_s)
            return position
        await self._write(lines)
        await self._source.commit(behind)
        return behind
