"""Writes into the audit log what people and the clock did to incidents: it follows the store's numbered changes.

The record and the place that was reached are one transaction: after kill -9 nothing is missing and nothing is twice.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

import structlog
from aiohttp import web
from sqlalchemy import insert, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.access.limits import REFUSALS
from hub.cluster.lease import LeaseLost
from hub.cluster.ownership import Alone, ownership_of
from hub.keys import AUDIT, CONFIG, ENGINE, GATE, MENDINGS, STORE, SUSPENSIONS
from hub.policy.audit import AuditLog, Record, load_audit_key
from hub.policy.facts import model_cards
from hub.policy.gate import Gate
from hub.policy.hours import count_hours
from hub.policy.mode import config_hash
from hub.policy.standing import observe
from hub.policy.suspension import Suspensions
from hub.policy.walk import walk_loaded
from hub.store import Change, Store, StoreBusy
from hub.store.changes import committed_position
from hub.store.engine import reading
from hub.store.tables import COUNTER, DECISION, PURGE
from hub.tasks import running, within
from hub.twin import Mendings
from hub.words import say

if TYPE_CHECKING:
    from hub.config import HubConfig

CONSUMER: Final = "audit"
PAGE: Final = 500
HEAD_EVERY_S: Final = 86_400.0
"""A signed head a day at least (rule O-08), and one at each start."""
DAY_US: Final = 86_400_000_000
REFUSALS_EVERY_S: Final = 60.0
CREDENTIALS: Final = frozenset(
    [
        "code_invalid",
        "cross_site_refused",
        "digest_mismatch",
        "role_refused",
        "second_factor_refused",
        "sensor_mismatch",
        "sensor_revoked",
        "sensor_unknown",
        "setup_code_refused",
        "sign_in_refused",
        "signature_invalid",
        "signature_refused",
        "signature_replayed",
        "signature_stale",
        "token_invalid",
        "token_scope",
        "too_many_attempts",
    ]
)
"""Refusals of who somebody is or what he may: an attack shows in them, and so does a broken sensor."""
STANDING_EVERY_S: Final = 600.0
RETRY_S: Final = 2.0
_COUNTER: Final = f"consumer:{CONSUMER}"

log = structlog.get_logger()


def _now_us() -> int:
    return time.time_ns() // 1_000


async def records_of(store: Store, changes: Sequence[Change], pseudonym: Callable[[str], str]) -> list[Record]:
    """The audit records of `changes`; fusion's own revisions are in the event log and not here."""
    decided = [change.reference for change in changes if change.kind == "decision"]
    async with reading(store.engine) as connection:
        rows = await connection.execute(select(DECISION).where(DECISION.c.sequence.in_(decided)))
        decisions = {row.sequence: row for row in rows}
    records = []
    for change in changes:
        if change.kind == "decision" and (row := decisions.get(change.reference)) is not None:
            values: dict[str, str | int | float | bool] = {"revision": row.revision, "state": row.state}
            values["action"] = row.action
            records.append(
                Record(row.at_us, "decision", pseudonym(row.person), f"incident {change.id}", row.reason, values)
            )
        elif change.kind in {"expired", "escalated", "outcome"}:
            values = {"change": change.kind, "reference": change.reference}
            records.append(Record(change.at_us, "decision", "hub", f"incident {change.id}", "", values))
    return records


class AuditFollower:
    """One reader of the store's changes, one writer of the audit log."""

    def __init__(
        self,
        store: Store,
        audit: AuditLog,
        gate: Gate,
        config: HubConfig | None = None,
        ownership: Alone | None = None,
        refusals: Mapping[str, int] | None = None,
    ) -> None:
        self._refusals = {} if refusals is None else refusals
        self._store = store
        self._config = config
        self._audit = audit
        self._gate = gate
        self._ownership = ownership or Alone()
        self._told: dict[tuple[str, str], int] = {}

    async def run(self) -> None:
        """Follow until cancelled."""
        await self.forget(_now_us())
        position = 0
        head_at = refusals_at = stood_at = time.monotonic()
        while True:
            try:
                heard = self._store.bell.count
                if self._ownership.owns:
                    # Of several hubs one writes down what was decided, from where the one before it stopped.
                    position = await committed_position(self._store.engine, CONSUMER)
                    position = await self._catch_up(position)
                if time.monotonic() - refusals_at >= REFUSALS_EVERY_S:
                    await self.tell_refusals()
                    refusals_at = time.monotonic()
                if time.monotonic() - stood_at >= STANDING_EVERY_S:
                    await self.stand(_now_us())
                    stood_at = time.monotonic()
                if time.monotonic() - head_at >= HEAD_EVERY_S:
                    await self.forget(_now_us())
                    await self._audit.sign_head(_now_us())
                    head_at = time.monotonic()
                await within(REFUSALS_EVERY_S, self._store.bell.wait(heard))
            except (OSError, SQLAlchemyError, StoreBusy, LeaseLost) as error:
                log.error("audit_waits", position=position, reason=str(error).splitlines()[0])
                await asyncio.sleep(RETRY_S)

    async def stand(self, now_us: int) -> None:
        """Tell the gate how the hub stands: whose outcome is not known, which report is late."""
        if self._config is not None:
            models = [one.sha256 for one in await asyncio.to_thread(model_cards)]
            self._gate.stand(await observe(self._store.engine, self._config, models, now_us))

    async def _catch_up(self, position: int) -> int:
        while changes := await self._store.changes(position, PAGE):
            position = changes[-1].sequence
            reached = position

            async def commit(connection: AsyncConnection, reached: int = reached) -> None:
                await self._ownership.check(connection)
                known = update(COUNTER).where(COUNTER.c.name == _COUNTER).values(value=reached)
                if (await connection.execute(known)).rowcount == 0:
                    await connection.execute(insert(COUNTER).values(name=_COUNTER, value=reached))

            await self._audit.append(*await records_of(self._store, changes, self._audit.pseudonym), beside=commit)
        return position

    async def forget(self, now_us: int) -> int:
        """Erase the text of records whose time is over, and record that it was done; how many."""
        before_us = now_us - self._gate.policy.retention.audit_days * DAY_US
        erased = await self._audit.erase_older(before_us)
        if erased:
            proof = {"kind": "audit", "before_us": before_us, "rows": erased, "at_us": now_us}

            async def beside(connection: AsyncConnection) -> None:
                await connection.execute(insert(PURGE).values(**proof))

            await self._audit.append(Record(now_us, "erasure", "hub", "audit", "", {"rows": erased}), beside=beside)
        return erased

    async def tell_refusals(self) -> None:
        """How many messages the gate, and requests the door, refused since the last time: one record a code."""
        counts = {("gate", code): count for code, count in self._gate.refused.items()}
        counts |= {("door", code): count for code, count in self._refusals.items() if code in CREDENTIALS}
        now_us = _now_us()
        records = [
            Record(now_us, "refusal", where, code, "", {"count": count - self._told.get((where, code), 0)})
            for (where, code), count in counts.items()
            if count > self._told.get((where, code), 0)
        ]
        if records:
            await self._audit.append(*records)
        self._told = counts


async def tell_mendings(mendings: Mendings, audit: AuditLog) -> None:
    """Each damage of the disk that was mended is a record; until cancelled."""
    while True:
        done = await mendings.next()
        values: dict[str, str | int | float | bool] = {"pages": done.pages, "lost_rows": done.lost, "aside": done.aside}
        record = Record(done.at_us, "mended", "hub", done.file, "", values)
        while True:
            try:
                await audit.append(record)
                break
            except (OSError, SQLAlchemyError, StoreBusy) as error:
                log.error("audit_waits", reason=str(error).splitlines()[0])
                await asyncio.sleep(RETRY_S)


async def audit_context(app: web.Application) -> AsyncIterator[None]:
    """The audit log and the stop, for as long as the application runs; start and stop are records too."""
    config = app[CONFIG]
    routes = [resource.canonical for resource in app.router.resources()]
    if crossings := await asyncio.to_thread(walk_loaded, routes):
        raise RuntimeError(f"a red line is crossed, the hub does not start: {crossings[0].where} {crossings[0].what}")
    key = await asyncio.to_thread(load_audit_key, config.data_dir / "audit.key")
    audit = AuditLog(app[ENGINE], key)
    app[AUDIT] = audit
    app[SUSPENSIONS] = Suspensions(app[ENGINE], audit, app[GATE])
    await app[SUSPENSIONS].load()
    ownership = ownership_of(app)
    follower = AuditFollower(app[STORE], audit, app[GATE], config, ownership, app[REFUSALS])
    await follower.stand(_now_us())
    standing, assessment = app[GATE].standing, app[GATE].assessment(_now_us())
    values: dict[str, str | int | float | bool] = {
        "profile": config.policy.profile,
        "mode": assessment.mode,
        "policy": config_hash(config.policy, standing.around if standing else ""),
        "classes": ",".join(sorted(assessment.classes)),
    }
    await audit.append(Record(_now_us(), "start", "hub", config.site.name, "", values))
    for warning in assessment.warnings:
        # Rule A-09: what no known text allows is said at every start, with who asserted that one does.
        log.warning("legal_notice", code=warning.code, says=say(warning.words, warning.values, config.language))
        said: dict[str, str | int | float | bool] = dict(warning.values)
        await audit.append(Record(_now_us(), "configuration", "hub", warning.code, warning.words, said))
    await audit.sign_head(_now_us())
    works = (follower.run(), tell_mendings(app[MENDINGS], audit))
    async with running("audit", *works), running("sensor hours", ownership.during(lambda: count_hours(app))):
        yield
    await follower.tell_refusals()
    await audit.append(Record(_now_us(), "stop", "hub", config.site.name))
