"""What intake does with a batch once it is known who speaks, whichever way it came: judge, keep, answer."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from typing import Final

import msgspec
from aiohttp import web
from msgspec import Struct

from hub.access.limits import Pace, too_many
from hub.ingest.caller import CLOCK
from hub.ingest.decode import Format, Refused, decode_batch
from hub.ingest.judge import judge
from hub.ingest.lease import Lease, lease_for
from hub.keys import GATE, LOG, REGISTRY
from hub.log import LogFull, LogUnavailable
from hub.problem import Problem
from hub.registry import SensorRecord

REFUSED: Final = web.AppKey("ingest_refused", Counter[str])
"""Messages refused so far, by code: for the metrics and the public page."""
SET_BACK_US: Final = 60_000_000
"""Less is a clock that is being disciplined."""
PACE: Final = web.AppKey("sensor_pace", Pace)


class Wall:
    """The latest that the hub's clock ever showed: shows it much less, it was set back."""

    def __init__(self, now_us: int) -> None:
        self._latest_us = now_us

    def set_back(self, now_us: int) -> bool:
        """Whether the clock shows `now_us` after it had shown much more."""
        self._latest_us = max(self._latest_us, now_us)
        return now_us < self._latest_us - SET_BACK_US


WALL: Final = web.AppKey("wall", Wall)


class Taken(Struct, frozen=True):
    """The answer: how many messages are new, how many were there already, which were refused for good, and what the
    sensor may do from now on."""

    accepted: int
    repeated: int
    refused: Sequence[Refused]
    lease: Lease


async def take(app: web.Application, sensor: SensorRecord, body: bytes, form: Format) -> Taken:
    """Keep what is good of one batch; returns once it is on disk.

    Raises Problem: 429 where the sensor sends too often, 400 or 422 for no batch, 403 or 422 with the list `refused`
    where no message was good, 503 with Retry-After where the log can't keep up or can't write.
    """
    if wait_s := app[PACE].wait_s(sensor.id, time.monotonic()):
        raise too_many(wait_s, sensor.id)
    now_us = app[CLOCK]()
    messages, refused = decode_batch(body, form)
    good, judged = judge(messages, sensor, app[GATE], now_us)
    if app[WALL].set_back(now_us) and any(entry.code == "sent_in_future" for entry in judged):
        # It is the hub's clock that is wrong: nothing may be refused for good by it.
        raise Problem(503, "clock_set_back", "The hub's clock was set back; send again later.", headers=_later(5.0))
    if judged:
        refused = sorted([*refused, *judged], key=_index)
    if refused:
        app[REFUSED].update(entry.code for entry in refused)
    if not good:
        foreign = all(entry.code == "sensor_mismatch" for entry in refused)
        raise Problem(
            403 if foreign else 422,
            "sensor_mismatch" if foreign else "batch_refused",
            "No message of this batch was taken; `refused` says why.",
            refused=msgspec.to_builtins(refused),
            lease=msgspec.to_builtins(lease_for(app, sensor, now_us)),
        )
    try:
        result = await app[LOG].append(good)
    except LogFull as full:
        later = _later(full.retry_after_s)
        raise Problem(503, "log_full", "More waits for the disk than may; send again later.", headers=later) from None
    except LogUnavailable as fault:
        later = _later(fault.retry_after_s)
        raise Problem(503, fault.code, "The hub can't write now; nothing was taken.", headers=later) from None
    app[REGISTRY].heard(sensor.id, good, now_us)
    return Taken(result.accepted, result.repeated, refused, lease_for(app, sensor, app[CLOCK]()))


def _index(entry: Refused) -> int:
    return entry.index


def _later(seconds: float) -> dict[str, str]:
    return {"Retry-After": str(max(1, round(seconds)))}
