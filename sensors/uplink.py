"""Signed batches to the hub, with back-off.

Two lanes share one connection pool: detections never wait behind a backlog of telemetry. A third task keeps the lease
without which the agent does not analyse. A batch leaves at once,
after a
linger of 20 ms at most that gathers what comes together. What the hub has not acknowledged stays in the spool and is
sent again; what it refuses for good is counted and dropped, so that one bad message can't stop the others.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Final, Literal

import aiohttp
import msgspec
import structlog
from yarl import URL

from sensors.identity import Identity, authority_of
from sensors.lease import LEASE_PATH, RENEW_S, Lease, LeaseAnswer
from sensors.protocol import MAX_BATCH
from sensors.spool import LANES, Lane, Spool, Spooled, SpoolError

INGEST_PATH: Final = "/api/v1/ingest"
CONTENT_TYPE: Final = "application/msgpack"
LINGER_S: Final = 0.02
FIRST_RETRY_S: Final = 0.5
LAST_RETRY_S: Final = 15.0
"""The back-off doubles from the first to the last, each with full jitter, so that a city does not come back at once."""
LONGEST_RETRY_AFTER_S: Final = 600.0
REVOKED_RETRY_S: Final = 300.0
"""A revoked sensor asks this seldom, with one message, whether it was let in again."""
LEASE_PAUSE_S: Final = 1.0
"""At least so long lies between two requests for a lease that the hub answers."""
LEASE_RETRY_S: Final = 3.0
"""At most so long between two requests that fail: a lease lasts several of them."""
LEASE_TIMEOUT_S: Final = 5.0
TIMEOUT: Final = aiohttp.ClientTimeout(total=30.0, sock_connect=5.0)

UplinkState = Literal["starting", "connected", "waiting", "busy", "clock_wrong", "refused", "revoked"]
_REVOKED: Final = frozenset({"sensor_revoked", "sensor_unknown"})

log = structlog.get_logger()


class _Refused(msgspec.Struct):
    """One entry of the hub's answer: the message at `index` was refused for good."""

    index: int
    code: str = ""
    detail: str = ""


class _Answer(msgspec.Struct):
    """What the uplink reads of an answer or a problem document."""

    code: str = ""
    detail: str = ""
    accepted: int = 0
    repeated: int = 0
    refused: list[_Refused] | None = None
    lease: LeaseAnswer | None = None


@dataclass(slots=True)
class UplinkHealth:
    """How the way to the hub is: for the heartbeat, the log and `tocsin mic`'s status line."""

    state: UplinkState = "starting"
    reason: str = ""
    delivered: int = 0
    refused: dict[str, int] = field(default_factory=dict)
    last_delivery_us: int | None = None


@dataclass(frozen=True, slots=True)
class _Wait:
    """Do not send before this many seconds have passed."""

    seconds: float


def retry_after_s(value: str | None, now_s: float) -> float | None:
    """Seconds of a Retry-After header in either form (RFC 9110 section 10.2.3); None where it is absent or
    unreadable."""
    if not value:
        return None
    try:
        seconds = float(value) if value.strip().isdigit() else parsedate_to_datetime(value).timestamp() - now_s
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(seconds, 0.0), LONGEST_RETRY_AFTER_S)


def backoff_s(failures: int, randomness: Callable[[], float]) -> float:
    """Wait after the n-th failure in a row: uniform between a tenth and the whole of a doubling step."""
    step = min(FIRST_RETRY_S * float(2 ** min(failures - 1, 16)), LAST_RETRY_S)
    return step * (0.1 + 0.9 * randomness())


class Uplink:
    """Carries one spool to one hub; `run` until cancelled.

    `hub_url` is the hub's address (`https://hub.example`); `now_us` is the sensor's UTC clock, `randomness` gives [0,
    1).
    """

    def __init__(
        self,
        hub_url: str,
        identity: Identity,
        spool: Spool,
        *,
        now_us: Callable[[], int] = lambda: time.time_ns() // 1_000,
        randomness: Callable[[], float] = random.random,
        timeout: aiohttp.ClientTimeout = TIMEOUT,
    ) -> None:
        url = URL(hub_url)
        if url.scheme not in {"http", "https"} or not url.host:
            raise ValueError(f"{hub_url!r} is not the address of a hub; it looks like https://hub.example")
        self._url = url.with_path(INGEST_PATH)
        self._identity = identity
        self._spool = spool
        self._now_us = now_us
        self._randomness = randomness
        self._timeout = timeout
        self._limit = MAX_BATCH
        self.lease = Lease()
        self.health = UplinkHealth()

    async def run(self) -> None:
        """Send what the spool holds and whatever comes, until cancelled."""
        async with (
            aiohttp.ClientSession(timeout=self._timeout, auto_decompress=True) as session,
            asyncio.TaskGroup() as group,
        ):
            for lane in LANES:
                group.create_task(self._carry(session, lane), name=f"uplink {lane}")
            group.create_task(self._keep_lease(session), name="uplink lease")

    async def drain(self, timeout_s: float) -> bool:
        """Wait until nothing is left to send; False where `timeout_s` passed before. `run` must be running."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._spool.emptied()
        except TimeoutError:
            return False
        return True

    async def _carry(self, session: aiohttp.ClientSession, lane: Lane) -> None:
        failures = 0
        while True:
            try:
                await self._spool.arrival(lane)
                if not failures:
                    await asyncio.sleep(LINGER_S / 4 if lane == "detection" else LINGER_S)
                revoked = self.health.state == "revoked"
                batch = await self._spool.take(lane, 1 if revoked else self._limit)
                if not batch:
                    continue
                wait = await self._send(session, batch)
            except SpoolError as error:
                self._set("waiting", error.code)
                wait = _Wait(0.0)
            if wait is None:
                failures = 0
                continue
            failures += 1
            await asyncio.sleep(max(wait.seconds, backoff_s(failures, self._randomness)))

    async def _send(self, session: aiohttp.ClientSession, batch: list[Spooled]) -> _Wait | None:
        """One request; None where the batch is settled, else how long to wait at least before the next."""
        body = pack([item.body for item in batch])
        asked_s, now_us = self.lease.now_s(), self._now_us()
        headers = self._signed("POST", INGEST_PATH, body, now_us)
        try:
            async with session.post(self._url, data=body, headers=headers, allow_redirects=False) as response:
                status = response.status
                retry_after = retry_after_s(response.headers.get("Retry-After"), now_us / 1e6)
                raw = await response.content.read(2**20)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            self._set("waiting", f"hub_unreachable: {type(error).__name__}")
            return _Wait(0.0)
        try:
            answer = msgspec.json.decode(raw, type=_Answer)
        except msgspec.MsgspecError:
            answer = _Answer()
        if answer.lease is not None:
            self.lease.take(answer.lease, asked_s)
        return await self._settle(batch, status, answer, retry_after)

    def _signed(self, method: str, path: str, body: bytes, now_us: int) -> dict[str, str]:
        return self._identity.sign(
            method=method,
            authority=authority_of(self._url),
            path=path,
            content_type=CONTENT_TYPE,
            body=body,
            created_s=now_us // 1_000_000,
        )

    async def _keep_lease(self, session: aiohttp.ClientSession) -> None:
        """Ask for a lease again and again; the hub holds the request while nothing changes."""
        failures = 0
        while True:
            asked_s = self.lease.now_s()
            wait_s = await self._ask_lease(session, asked_s)
            failures = 0 if wait_s is None else failures + 1
            if wait_s is None:
                await asyncio.sleep(max(0.0, LEASE_PAUSE_S - (self.lease.now_s() - asked_s)))
            else:
                await asyncio.sleep(max(wait_s, min(backoff_s(failures, self._randomness), LEASE_RETRY_S)))

    async def _ask_lease(self, session: aiohttp.ClientSession, asked_s: float) -> float | None:
        """One request; None where the hub answered, else how long to wait at least before the next."""
        now_us = self._now_us()
        query = {"wait": str(round(RENEW_S)), "known": self.lease.tag} if self.lease.tag else {}
        url = self._url.with_path(LEASE_PATH).with_query(query)
        headers = self._signed("GET", LEASE_PATH, b"", now_us)
        timeout = aiohttp.ClientTimeout(total=RENEW_S + LEASE_TIMEOUT_S, sock_connect=self._timeout.sock_connect)
        try:
            async with session.get(url, headers=headers, allow_redirects=False, timeout=timeout) as response:
                status = response.status
                retry_after = retry_after_s(response.headers.get("Retry-After"), now_us / 1e6)
                raw = await response.content.read(65_536)
            answer = msgspec.json.decode(raw, type=LeaseAnswer)
        except (aiohttp.ClientError, TimeoutError, OSError, msgspec.MsgspecError):
            return 0.0
        if status == 200:
            self.lease.take(answer, asked_s)
            return None
        if answer.code in _REVOKED:
            self.lease.end(answer.code)
            return REVOKED_RETRY_S
        return retry_after or 0.0

    async def _settle(
        self, batch: list[Spooled], status: int, answer: _Answer, retry_after: float | None
    ) -> _Wait | None:
        if answer.refused is not None and status in {200, 403, 422}:
            refused = {entry.index: entry for entry in answer.refused if 0 <= entry.index < len(batch)}
            for entry in refused.values():
                self._refuse(entry.code or "refused", entry.detail)
            await self._spool.done(batch, refused=len(refused))
            self.health.delivered += len(batch) - len(refused)
            self.health.last_delivery_us = self._now_us()
            self._limit = min(MAX_BATCH, self._limit * 2)
            self._set("connected")
            return None
        if answer.code in _REVOKED:
            self.lease.end(answer.code)
            self._set("revoked", answer.code)
            return _Wait(max(retry_after or 0.0, REVOKED_RETRY_S))
        if status in {429, 503}:
            self._set("busy", answer.code or f"http_{status}")
            return _Wait(retry_after or 0.0)
        if status in {400, 413, 422} and answer.code:
            # The hub can't take this batch as it is: halve it until the one message is alone that it will never take.
            if len(batch) == 1:
                self._refuse(answer.code, answer.detail)
                await self._spool.done(batch, refused=1)
            else:
                self._limit = max(1, len(batch) // 2)
            return None
        self._set("clock_wrong" if answer.code == "signature_stale" else "refused", answer.code or f"http_{status}")
        return _Wait(retry_after or 0.0)

    def _refuse(self, code: str, detail: str) -> None:
        count = self.health.refused.get(code, 0) + 1
        self.health.refused[code] = count
        # The first of a kind and then each power of two: a misconfigured sensor must not fill a disk with its log.
        if count & (count - 1) == 0:
            log.warning("message_refused", sensor=self._identity.sensor, code=code, detail=detail, count=count)

    def _set(self, state: UplinkState, reason: str = "") -> None:
        if (state, reason) != (self.health.state, self.health.reason):
            log.info("uplink", sensor=self._identity.sensor, state=state, reason=reason, hub=str(self._url.origin()))
        self.health.state = state
        self.health.reason = reason


def pack(bodies: list[bytes]) -> bytes:
    """A `protocol.Batch` of messages that are MessagePack already: one map with one array, without decoding them."""
    count = len(bodies)
    array = bytes([0x90 | count]) if count < 16 else b"\xdc" + count.to_bytes(2, "big")
    return b"\x81\xa8messages" + array + b"".join(bodies)
