"""Brings data source, folder, dashboards, alert rules and contact point to a Grafana: twice is the same as once.

What a person changed stays: a dashboard whose newest version was not saved by this command, and any other thing that is
neither what is wanted nor what was put there, are kept and said, unless `force`. A dashboard's version carries the
message `Tocsin DIGEST`; rules carry their digest in an annotation, the data source in its settings.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from dashboards.alerts import CONTACT, FOLDER_UID, SOURCE_UID, with_route
from dashboards.grafana import EDITABLE, NEWEST, OLDEST, Grafana, GrafanaRefused

Act = Literal["create", "update", "same", "kept"]

MESSAGE: Final = "Tocsin "
MARK: Final = "tocsin_digest"
MOST_LINES: Final = 12
"""Differences that are shown of one thing."""


@dataclass(frozen=True, slots=True)
class Change:
    """What was done, or would be, to one thing; `lines` are its differences."""

    kind: str
    name: str
    act: Act
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Wanted:
    """Everything that is to be there. `contact` is None where the hub takes no alerts."""

    source: dict[str, Any]
    dashboards: Sequence[dict[str, Any]]
    rules: Sequence[dict[str, Any]] = ()
    contact: dict[str, Any] | None = None
    folder: str = "Tocsin"
    library: Sequence[dict[str, Any]] = ()


class TooOld(Exception):
    """This Grafana lacks what is needed."""

    code = "grafana_too_old"


def data_source(influx_url: str, database: str, token: str = "") -> dict[str, Any]:
    """The InfluxDB as an InfluxQL data source; a token serves 1.8 (`user:password`), 2.x and 3 alike."""
    settings: dict[str, Any] = {"dbName": database, "httpMode": "POST", "version": "InfluxQL", "timeInterval": "10s"}
    made: dict[str, Any] = {
        "uid": SOURCE_UID, "name": "Tocsin", "type": "influxdb", "access": "proxy", "url": influx_url.rstrip("/"),
        "database": database, "jsonData": settings,
    }  # fmt: skip
    if token:
        settings["httpHeaderName1"] = "Authorization"
        made["secureJsonData"] = {"httpHeaderValue1": f"Token {token}"}
    return made


def digest(value: Any) -> str:
    """Sixteen hexadecimal digits of a JSON value."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


def differences(there: Any, wanted: Any, path: str = "") -> Iterator[str]:
    """Each place where `there` is not as `wanted`; what only `there` has (defaults of the server) is no difference."""
    if isinstance(wanted, dict) and isinstance(there, dict):
        for key, value in wanted.items():
            yield from differences(there.get(key), value, f"{path}.{key}" if path else key)
    elif isinstance(wanted, list) and isinstance(there, list) and len(wanted) == len(there):
        for index, (a, b) in enumerate(zip(there, wanted, strict=True)):
            yield from differences(a, b, f"{path}[{index}]")
    elif there != wanted and not (there is None and wanted in ("", [], {}, False)):
        yield f"{path}: {_short(there)} -> {_short(wanted)}"


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:57]}..."


def as_wanted(there: Any, wanted: Any) -> Any:
    """`there` cut down to the keys that `wanted` has, to tell whether it is still what was put there."""
    if isinstance(wanted, dict) and isinstance(there, dict):
        return {key: as_wanted(there.get(key), value) for key, value in wanted.items()}
    if isinstance(wanted, list) and isinstance(there, list) and len(wanted) == len(there):
        return [as_wanted(a, b) for a, b in zip(there, wanted, strict=True)]
    return there


class Push:
    """One push; `dry_run` only reads."""

    def __init__(self, grafana: Grafana, *, dry_run: bool = False, force: bool = False) -> None:
        self._grafana = grafana
        self._dry_run = dry_run
        self._force = force
        self.notes: list[str] = []

    async def run(self, wanted: Wanted) -> list[Change]:
        """Everything in the order in which one needs the other. Raises GrafanaAway, GrafanaRefused, TooOld."""
        await self._look()
        changes = [await self._source(wanted.source), await self._folder(wanted.folder)]
        changes += [await self._dashboard(dashboard) for dashboard in wanted.dashboards]
        changes += [await self._element(element) for element in wanted.library]
        changes += [await self._rule(rule) for rule in wanted.rules]
        if wanted.contact is not None:
            changes += [await self._contact(wanted.contact), await self._route()]
        return changes

    async def _look(self) -> None:
        version = await self._grafana.version()
        said = ".".join(map(str, version))
        if version < OLDEST:
            raise TooOld(f"{self._grafana.url} is Grafana {said}; it takes {OLDEST[0]}.{OLDEST[1]} or newer.")
        if version[:1] > NEWEST:
            self.notes.append(f"Grafana {said} is newer than what this was written for ({NEWEST[0]}).")

    def _decide(self, there: Any, lines: Sequence[str], ours: bool) -> Act:
        if there is None:
            return "create"
        if not lines:
            return "same"
        return "update" if ours or self._force else "kept"

    async def _do(self, act: Act, create: tuple[str, Any], update: tuple[str, Any]) -> None:
        """Write, unless this only looks: POST to create, PUT to update."""
        if self._dry_run or act in {"same", "kept"}:
            return
        if act == "create":
            await self._grafana.call("POST", *create, headers=EDITABLE)
        else:
            await self._grafana.call("PUT", *update, headers=EDITABLE)

    async def _source(self, wanted: dict[str, Any]) -> Change:
        secret = wanted.get("secureJsonData", {})
        mark = digest({key: value for key, value in wanted.items() if key != "secureJsonData"})
        body = {**wanted, "jsonData": {**wanted["jsonData"], MARK: mark}}
        plain = {key: value for key, value in wanted.items() if key != "secureJsonData"}
        there = await self._grafana.find(f"/datasources/uid/{wanted['uid']}")
        lines = list(differences(there, plain)) if there else []
        if there and any(not (there.get("secureJsonFields") or {}).get(name) for name in secret):
            lines.append("secureJsonData: missing -> set")
        ours = bool(there) and (there.get("jsonData") or {}).get(MARK) == digest(as_wanted(there, plain))
        act = self._decide(there, lines, ours)
        if act == "same" and self._force and secret:
            act = "update"  # a token that was changed can't be seen, only written again
        await self._do(act, ("/datasources", body), (f"/datasources/uid/{wanted['uid']}", body))
        return Change("data source", wanted["name"], act, _cut(lines))

    async def _folder(self, title: str) -> Change:
        there = await self._grafana.find(f"/folders/{FOLDER_UID}")
        act: Act = "same" if there else "create"  # a folder that a person renamed stays renamed
        await self._do(act, ("/folders", {"uid": FOLDER_UID, "title": title}), ("", None))
        return Change("folder", title, act)

    async def _dashboard(self, wanted: dict[str, Any]) -> Change:
        uid = wanted["uid"]
        there = await self._grafana.find(f"/dashboards/uid/{uid}")
        lines = list(differences(there["dashboard"], wanted)) if there else []
        act = self._decide(there, lines, bool(there and lines) and await self._was_ours(uid))
        if act in {"create", "update"} and not self._dry_run:
            body = {
                "dashboard": {**wanted, "id": None},
                "folderUid": FOLDER_UID,
                "message": MESSAGE + digest(wanted),
                "overwrite": act == "update",
            }
            await self._grafana.call("POST", "/dashboards/db", body)
        return Change("dashboard", wanted["title"], act, _cut(lines))

    async def _was_ours(self, uid: str) -> bool:
        """True where the newest version of a dashboard was saved by this command."""
        try:
            said = await self._grafana.call("GET", f"/dashboards/uid/{uid}/versions?limit=1")
        except GrafanaRefused:
            return False
        versions = said.get("versions", []) if isinstance(said, dict) else said  # a bare list up to Grafana 10
        return bool(versions) and str(versions[0].get("message", "")).startswith(MESSAGE)

    async def _element(self, wanted: dict[str, Any]) -> Change:
        """A library element; what was put there carries its digest in the panel's own model."""
        uid, model = wanted["uid"], wanted["model"]
        answer = await self._grafana.find(f"/library-elements/{uid}")
        there = answer["result"] if answer else None
        lines = list(differences(there["model"], model)) if there is not None else []
        ours = there is not None and there["model"].get(MARK) == digest(as_wanted(there["model"], model))
        act = self._decide(there, lines, ours)
        if act in {"create", "update"} and not self._dry_run:
            body = {**wanted, "folderUid": FOLDER_UID, "model": {**model, MARK: digest(model)}}
            if there is None:
                await self._grafana.call("POST", "/library-elements", body)
            else:
                await self._grafana.call("PATCH", f"/library-elements/{uid}", {**body, "version": there["version"]})
        return Change("library element", wanted["name"], act, _cut(lines))

    async def _rule(self, wanted: dict[str, Any]) -> Change:
        uid = wanted["uid"]
        body = {**wanted, "annotations": {**wanted["annotations"], MARK: digest(wanted)}}
        there = await self._grafana.find(f"/v1/provisioning/alert-rules/{uid}")
        lines = list(differences(there, wanted)) if there else []
        ours = bool(there) and (there.get("annotations") or {}).get(MARK) == digest(as_wanted(there, wanted))
        act = self._decide(there, lines, ours)
        path = "/v1/provisioning/alert-rules"
        await self._do(act, (path, body), (f"{path}/{uid}", body))
        return Change("alert rule", wanted["title"], act, _cut(lines))

    async def _contact(self, wanted: dict[str, Any]) -> Change:
        path = "/v1/provisioning/contact-points"
        listed = await self._grafana.call("GET", path)
        there = next((one for one in listed or [] if one.get("uid") == wanted["uid"]), None)
        settings = {
            k: v for k, v in wanted["settings"].items() if k != "authorization_credentials"
        }  # never shown again
        lines = list(differences(there, {**wanted, "settings": settings})) if there else []
        act = self._decide(there, lines, ours=False)
        if act == "same" and self._force and len(settings) < len(wanted["settings"]):
            act = "update"
        await self._do(act, (path, wanted), (f"{path}/{wanted['uid']}", wanted))
        return Change("contact point", wanted["name"], act, _cut(lines))

    async def _route(self) -> Change:
        """A branch in the tree of notification policies; the tree itself is a person's and only grows."""
        path = "/v1/provisioning/policies"
        tree = with_route(await self._grafana.call("GET", path))
        if tree is not None and not self._dry_run:
            await self._grafana.call("PUT", path, tree, headers=EDITABLE)
        return Change("notification policy", CONTACT, "same" if tree is None else "create")


def _cut(lines: Sequence[str]) -> tuple[str, ...]:
    if len(lines) <= MOST_LINES:
        return tuple(lines)
    return (*lines[:MOST_LINES], f"... and {len(lines) - MOST_LINES} more")
