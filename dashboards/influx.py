"""Databases, retention, the mapping for InfluxQL and roll-ups, for InfluxDB 1.8, 2.x and 3 Core.

| | 1.8 | 2.x | 3 Core |
|---|---|---|---|
| raw points | database, its default policy | bucket | database |
| roll-ups | policy `long`, continuous queries | bucket `NAME/long`, tasks | not made: said |
| InfluxQL | as it is | DBRP mapping | as it is |

Roll-ups of `sound_level` by minute, hour and day are averaged by energy. What exists is never shortened nor dropped:
retention is set when a database is made, and a difference later is said. InfluxDB 3 Core has neither continuous queries
nor tasks; there long statistics read the points themselves, 72 hours at a time.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import aiohttp

from dashboards.noise import TO_ENERGY
from dashboards.push import Act, Change

LONG: Final = "long"
STEPS: Final = {"minute": "1m", "hour": "1h", "day": "1d"}
TIMEOUT: Final = aiohttp.ClientTimeout(total=20)
_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,60}")


class InfluxRefused(Exception):
    """InfluxDB is not there, is none, or would not."""

    code = "influx_refused"


@dataclass(frozen=True, slots=True)
class Storage:
    """What is wanted: `days` of raw points are kept, 0 for all. The token needs the right to make them."""

    url: str
    database: str = "tocsin"
    org: str = "tocsin"
    token: str = field(default="", repr=False)
    days: int = 0

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.database):
            raise ValueError(f"a database is named by letters, digits, - and _, not {self.database!r}")


def continuous_query(database: str, step: str) -> str:
    """InfluxQL of 1.x that keeps one roll-up up to date, also when points come late."""
    every = STEPS[step]
    inner = ", ".join(
        f'exp({TO_ENERGY} * "{name}") AS "{energy}"' for name, energy in (("laeq", "e"), ("laeq_den", "e_den"))
    )
    plain = ", ".join(
        f'"{name}"' for name in ("lafmax", "lcpeak", "l10", "l50", "l90", "latitude", "longitude", "hour")
    )
    back = "3h" if step != "day" else "3d"
    return (
        f'CREATE CONTINUOUS QUERY "sound_level_{step}" ON "{database}" RESAMPLE FOR {back} BEGIN '
        f'SELECT 10 * log10(mean("e")) AS "laeq", 10 * log10(mean("e_den")) AS "laeq_den", max("lafmax") AS "lafmax", '
        f'max("lcpeak") AS "lcpeak", mean("l10") AS "l10", mean("l50") AS "l50", mean("l90") AS "l90", '
        f'last("latitude") AS "latitude", last("longitude") AS "longitude", min("hour") AS "hour" '
        f'INTO "{database}"."{LONG}"."sound_level_{step}" '
        f'FROM (SELECT {inner}, {plain} FROM "{database}".."sound_level") GROUP BY time({every}), "sensor" END'
    )


def task(database: str, step: str) -> str:
    """Flux of a 2.x task that does the same."""
    means = {"l10": "mean", "l50": "mean", "l90": "mean", "lafmax": "max", "lcpeak": "max", "hour": "min"}
    plain = "\n".join(
        f'points |> filter(fn: (r) => r._field == "{name}") '
        f'|> aggregateWindow(every: {STEPS[step]}, fn: {how}, createEmpty: false, timeSrc: "_start") |> keep_it()'
        for name, how in (means | {"latitude": "last", "longitude": "last"}).items()
    )
    energy = "\n".join(
        f'points |> filter(fn: (r) => r._field == "{name}") '
        f"|> map(fn: (r) => ({{r with _value: math.pow(x: 10.0, y: r._value / 10.0)}})) "
        f'|> aggregateWindow(every: {STEPS[step]}, fn: mean, createEmpty: false, timeSrc: "_start") '
        f"|> map(fn: (r) => ({{r with _value: 10.0 * math.log10(x: r._value)}})) |> keep_it()"
        for name in ("laeq", "laeq_den")
    )
    back = "3h" if step != "day" else "3d"
    return (
        f'import "math"\nimport "date"\n'
        f'option task = {{name: "tocsin sound_level_{step}", every: {STEPS[step]}, offset: 30s}}\n'
        f'points = from(bucket: "{database}") |> range(start: date.truncate(t: -{back}, unit: {STEPS[step]})) '
        f'|> filter(fn: (r) => r._measurement == "sound_level")\n'
        f'keep_it = (tables=<-) => tables |> set(key: "_measurement", value: "sound_level_{step}") '
        f'|> to(bucket: "{database}/{LONG}")\n{plain}\n{energy}\n'
    )


class Keeper:
    """One InfluxDB being made ready; `dry_run` only reads. `notes` says what this version can't."""

    def __init__(self, session: aiohttp.ClientSession, wanted: Storage, *, dry_run: bool = False) -> None:
        self._session = session
        self._wanted = wanted
        self._dry_run = dry_run
        self._url = wanted.url.rstrip("/")
        self.notes: list[str] = []

    async def run(self) -> list[Change]:
        """Make what is missing. Raises InfluxRefused."""
        version = await self._version()
        if version.startswith("1."):
            return await self._one()
        if version.startswith("2."):
            return await self._two()
        if version.startswith("3."):
            return await self._three()
        raise InfluxRefused(f"{self._url} says it is InfluxDB {version!r}; 1.8, 2.x and 3 Core are known.")

    async def _ask(self, method: str, path: str, **options: Any) -> tuple[int, Any, dict[str, str]]:
        headers = {"Authorization": f"Token {self._wanted.token}"} if self._wanted.token else {}
        try:
            async with self._session.request(
                method, self._url + path, headers=headers, timeout=TIMEOUT, allow_redirects=False, **options
            ) as answer:
                said = await answer.json(content_type=None) if answer.status != 204 else {}
                return answer.status, said, {name.lower(): value for name, value in answer.headers.items()}
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise InfluxRefused(f"{self._url} does not answer as an InfluxDB: {type(error).__name__}.") from error

    async def _version(self) -> str:
        _, said, headers = await self._ask("GET", "/ping")
        version = headers.get("x-influxdb-version", "") or (said or {}).get("version", "")
        if not version:
            raise InfluxRefused(f"{self._url} does not say which InfluxDB it is.")
        return str(version).removeprefix("v")

    # 1.8

    async def _query(self, text: str) -> list[list[Any]]:
        status, said, _ = await self._ask("POST", "/query", params={"q": text})
        problem = said.get("error") or next((r["error"] for r in said.get("results", ()) if "error" in r), "")
        if status != 200 or problem:
            raise InfluxRefused(f"{self._url} refuses {text.split(' ON ')[0]!r}: {problem or status}.")
        series = said["results"][0].get("series", ())
        return [[one.get("name", ""), *row] for one in series for row in one.get("values", ())]

    async def _make(self, kind: str, name: str, there: bool, *texts: str) -> Change:
        if not there and not self._dry_run:
            for text in texts:
                await self._query(text)
        return Change(kind, name, "same" if there else "create")

    async def _one(self) -> list[Change]:
        name = self._wanted.database
        database_there = any(row[1] == name for row in await self._query("SHOW DATABASES"))
        kept = f"{self._wanted.days}d" if self._wanted.days else "INF"
        create = f'CREATE DATABASE "{name}" WITH DURATION {kept}'
        changes = [await self._make("database", name, database_there, create)]
        policies = await self._query(f'SHOW RETENTION POLICIES ON "{name}"') if database_there else []
        self._compare([row for row in policies if row[-1] is True])
        long_there = any(row[1] == LONG for row in policies)
        policy = f'CREATE RETENTION POLICY "{LONG}" ON "{name}" DURATION INF REPLICATION 1'
        changes.append(await self._make("retention policy", LONG, long_there, policy))
        queries = await self._query("SHOW CONTINUOUS QUERIES") if database_there else []
        for step in STEPS:
            title = f"sound_level_{step}"
            there = any(row[0] == name and row[1] == title for row in queries)
            changes.append(await self._make("roll-up", title, there, continuous_query(name, step)))
        return changes

    def _compare(self, default: Sequence[Sequence[Any]]) -> None:
        wanted_s = self._wanted.days * 86_400
        for row in default:
            hours = re.match(r"(\d+)h", str(row[2]))
            if hours and int(hours[1]) * 3_600 != wanted_s:
                self.notes.append(
                    f"Retention of {self._wanted.database!r} is {row[2]}, not {self._wanted.days or 'unlimited'} days; "
                    "it is left as it is, because shortening it deletes."
                )

    # 2.x

    async def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        status, said, _ = await self._ask("POST", path, json=body)
        if status not in {200, 201}:
            raise InfluxRefused(f"{self._url}{path}: {status} {(said or {}).get('message', '')}")
        return dict(said)

    async def _list(self, path: str, key: str, **query: str) -> list[dict[str, Any]]:
        status, said, _ = await self._ask("GET", path, params=query)
        if status == 404:
            return []
        if status != 200:
            raise InfluxRefused(f"{self._url}{path}: {status} {(said or {}).get('message', '')}")
        return list(said.get(key) or [])

    async def _two(self) -> list[Change]:
        organisations = await self._list("/api/v2/orgs", "orgs", org=self._wanted.org)
        if not organisations:
            raise InfluxRefused(f"{self._url} has no organisation {self._wanted.org!r} that this token may see.")
        org = str(organisations[0]["id"])
        changes = []
        for policy, name, days in (
            ("autogen", self._wanted.database, self._wanted.days),
            (LONG, f"{self._wanted.database}/{LONG}", 0),
        ):
            found = await self._list("/api/v2/buckets", "buckets", orgID=org, name=name)
            bucket = found[0] if found else None
            changes.append(Change("bucket", name, "same" if bucket else "create"))
            if bucket is None and not self._dry_run:
                keep = [{"type": "expire", "everySeconds": days * 86_400}] if days else []
                bucket = await self._post("/api/v2/buckets", {"orgID": org, "name": name, "retentionRules": keep})
            changes.append(await self._mapping(org, policy, bucket))
        for step in STEPS:
            title = f"tocsin sound_level_{step}"
            there = bool(await self._list("/api/v2/tasks", "tasks", orgID=org, name=title))
            if not there and not self._dry_run:
                await self._post("/api/v2/tasks", {"orgID": org, "flux": task(self._wanted.database, step)})
            changes.append(Change("roll-up", title, "same" if there else "create"))
        return changes

    async def _mapping(self, org: str, policy: str, bucket: dict[str, Any] | None) -> Change:
        mapped = await self._list("/api/v2/dbrps", "content", orgID=org, db=self._wanted.database)
        there = any(one.get("retention_policy") == policy for one in mapped)
        act: Act = "same" if there else "create"
        if not there and bucket is not None and not self._dry_run:
            body = {
                "orgID": org, "bucketID": bucket["id"], "database": self._wanted.database, "retention_policy": policy,
                "default": policy != LONG,
            }  # fmt: skip
            await self._post("/api/v2/dbrps", body)
        return Change("InfluxQL mapping", f"{self._wanted.database}.{policy}", act)

    # 3 Core

    async def _three(self) -> list[Change]:
        name = self._wanted.database
        status, said, _ = await self._ask("GET", "/api/v3/configure/database", params={"format": "json"})
        if status != 200:
            raise InfluxRefused(f"{self._url} does not list its databases to this token: {status}.")
        there = any(name in one.values() for one in said)
        if not there and not self._dry_run:
            keep = {"retention_period": f"{self._wanted.days}d"} if self._wanted.days else {}
            await self._post("/api/v3/configure/database", {"db": name, **keep})
        self.notes.append(
            "InfluxDB 3 Core has neither continuous queries nor tasks: no roll-ups are made, and in the noise "
            "observatory `Read from` stays at `As written`. A query spans 72 hours; the thirty days of the precision "
            "rule need 1.8 or 2.x."
        )
        return [Change("database", name, "same" if there else "create")]
