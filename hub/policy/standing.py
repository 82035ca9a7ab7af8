"""What the running hub knows of itself that no configuration says, and the rules that close by it.

A rule here lowers the mode as far as it must and no further: where the outcome of too many dispatches of a class is not
known, that class is shown and no longer dispatched; where the weekly report is late, nothing is.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import importlib.metadata
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Struct
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from hub.policy.basis import PolicyConfig
from hub.policy.rules import Reason, is_filled, moment
from hub.policy.tables import AUDIT
from hub.store.engine import reading
from hub.store.quality import QualityReport, quality

if TYPE_CHECKING:
    from hub.config import HubConfig

SOFTWARE: Final = importlib.metadata.version("tocsin")
DAY_US: Final = 86_400_000_000
COVERAGE: Final = 0.9
"""Share of dispatches whose outcome was told; Chicago's record keeping, at 83 %, made an evaluation impossible."""
COVERAGE_DAYS: Final = 30
TOLD_WITHIN_US: Final = DAY_US
"""A dispatch has a day until its missing outcome counts."""
FEWEST: Final = 10
"""Below this one report that is still to come would close a class."""
REPORT_EVERY: Final = dt.timedelta(days=8)
"""The prefect is informed each week (law 2023-380 article 10, VII), with a day for the post."""

_encoder: Final = msgspec.json.Encoder(order="deterministic")


class Standing(Struct, frozen=True):
    """The running build, what stands around the policy, and what people have or have not reported."""

    software: str = SOFTWARE
    around: str = ""
    """Hash of recipients, models and times beside the policy: a change of one makes the assessment stale too."""
    coverage: dict[str, tuple[int, int]] = {}
    """By class, of how many dispatches of the last 30 days the outcome was told, and how many there were."""
    reported_us: int | None = None
    """When the last weekly report was recorded as handed over."""

    def uncovered(self) -> Iterator[tuple[str, int, int]]:
        """Classes of which too little is known: (class, told, dispatched)."""
        for event, (told, sent) in sorted(self.coverage.items()):
            if sent >= FEWEST and told < COVERAGE * sent:
                yield event, told, sent


def attested(policy: PolicyConfig, now: dt.datetime, standing: Standing) -> Iterator[Reason]:
    """J-07: the running build is the one that was attested."""
    stated = policy.attestation.software.strip()
    if policy.profile == "fr-2023-380" and is_filled(stated) and stated != standing.software:
        values = {"stated": stated, "running": standing.software}
        yield Reason("LEGAL_ATTESTATION_MISMATCH", "policy_attestation", values)


def reported(policy: PolicyConfig, now: dt.datetime, standing: Standing) -> Iterator[Reason]:
    """J-11: without its weekly report an order's deployment shows signals and dispatches nothing."""
    start = moment(policy.order.start, now.tzinfo)
    if policy.profile != "fr-2023-380" or start is None:
        return
    last = start
    if standing.reported_us is not None:
        last = max(start, dt.datetime.fromtimestamp(standing.reported_us / 1e6, dt.UTC))
    if now >= last + REPORT_EVERY:
        values = {"date": last.astimezone(now.tzinfo).date().isoformat(), "days": str(REPORT_EVERY.days)}
        yield Reason("LEGAL_REPORT_MISSED", "policy_report_missed", values, lowers_to="signal")


def covered(policy: PolicyConfig, now: dt.datetime, standing: Standing) -> Iterator[Reason]:
    """O-04: a class is dispatched only while of nine dispatches in ten the outcome is told."""
    if policy.profile == "lab":
        return
    for event, told, sent in standing.uncovered():
        values = {"event": event, "told": str(told), "all": str(sent), "percent": str(round(100 * COVERAGE))}
        yield Reason("LEGAL_COVERAGE", "policy_coverage", values, lowers_to="signal", event=event)


STANDING_RULES: Final = (attested, reported, covered)


def around(config: HubConfig, models: Iterable[str] = ()) -> str:
    """Hash of what an assessment covers beside `[policy]`: recipients, times of keeping, confirmations, models."""
    keep = config.keeping.retention
    told = {
        "recipients": sorted([one.name, one.url, str(one.exercise)] for one in config.webhooks),
        "series": config.influxdb.url,
        "keeping": msgspec.to_builtins(keep),
        "confirmations": config.confirmations,
        "models": sorted(models),
    }
    return hashlib.sha256(_encoder.encode(told)).hexdigest()[:16]


def coverage_of(report: QualityReport) -> dict[str, tuple[int, int]]:
    """By class, how many outcomes were told and how many dispatches there were."""
    return {event: (one.all - one.unreported, one.all) for event, one in report.by_event.items()}


async def observe(engine: AsyncEngine, config: HubConfig, models: Iterable[str], now_us: int) -> Standing:
    """Count how the hub stands at `now_us`."""
    until_us = now_us - TOLD_WITHIN_US
    report = await quality(engine, now_us - COVERAGE_DAYS * DAY_US, until_us, exercise=config.exercise)
    async with reading(engine) as connection:
        last = (await connection.execute(select(func.max(AUDIT.c.at_us)).where(AUDIT.c.kind == "report"))).scalar()
    return Standing(around=around(config, models), coverage=coverage_of(report), reported_us=last)
