"""A small Grafana over real HTTP: it keeps what it is given, and records every call.

It behaves as the published HTTP API documentation of Grafana 9.3 to 13 says (health, data sources by uid, folders,
dashboards with their versions, alert provisioning, annotations, Live push); it is not Grafana, which can't be installed
where the tests run.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from multidict import MultiMapping

TOKEN = "glsa_a-token-for-tests"


@dataclass
class Call:
    """One request as it came."""

    method: str
    path: str
    body: Any
    headers: dict[str, str]


@dataclass
class RecordedGrafana:
    """State and calls; `version` is what it says it is, `broken` answers 500 to paths that begin with one of these."""

    version: str = "11.2.0"
    calls: list[Call] = field(default_factory=list)
    sources: dict[str, Any] = field(default_factory=dict)
    folders: dict[str, Any] = field(default_factory=dict)
    dashboards: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    elements: dict[str, Any] = field(default_factory=dict)
    rules: dict[str, Any] = field(default_factory=dict)
    contacts: dict[str, Any] = field(default_factory=dict)
    policies: dict[str, Any] = field(default_factory=lambda: {"receiver": "grafana-default-email", "routes": []})
    annotations: dict[int, dict[str, Any]] = field(default_factory=dict)
    live: list[tuple[str, str]] = field(default_factory=list)
    broken: tuple[str, ...] = ()

    @property
    def writes(self) -> list[Call]:
        """The calls that change something."""
        return [call for call in self.calls if call.method != "GET"]

    def save(self, dashboard: dict[str, Any], message: str = "") -> None:
        """A new version of a dashboard, as a person's save makes one (with an empty message)."""
        versions = self.dashboards.setdefault(dashboard["uid"], [])
        versions.append({"dashboard": {**dashboard, "id": 7, "version": len(versions) + 1}, "message": message})

    def application(self) -> web.Application:
        """The server."""
        app = web.Application(client_max_size=8_000_000)
        app.router.add_route("*", "/{tail:.*}", self._answer)
        return app

    async def _answer(self, request: web.Request) -> web.Response:
        text = await request.text()
        is_json = "json" in request.headers.get("Content-Type", "")
        path = request.path_qs.removeprefix("/grafana").removeprefix("/api")
        body = json.loads(text) if text and is_json else text
        self.calls.append(Call(request.method, path, body, dict(request.headers)))
        if path == "/health":
            return web.json_response({"database": "ok", "version": self.version, "commit": "x"})
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return web.json_response({"message": "Invalid API key"}, status=401)
        if path.startswith(self.broken or ("no such path",)):
            return web.json_response({"message": "the database is locked"}, status=500)
        parts = path.partition("?")[0].strip("/").split("/")
        return self._route(request.method, parts, body, request.query)

    def _route(self, method: str, parts: list[str], body: Any, query: MultiMapping[str]) -> web.Response:
        match method, parts:
            case "GET", ["datasources", "uid", uid]:
                return _found(self.sources.get(uid))
            case ("POST", ["datasources"]) | ("PUT", ["datasources", "uid", _]):
                secrets = body.pop("secureJsonData", {})
                kept = {**self.sources.get(body["uid"], {}), **body, "id": 3, "readOnly": False}
                self.sources[body["uid"]] = kept | {"secureJsonFields": dict.fromkeys(secrets, True)}
                return web.json_response({"message": "Datasource added", "id": 3, "name": body["name"]})
            case "GET", ["folders", uid]:
                return _found(self.folders.get(uid))
            case "POST", ["folders"]:
                self.folders[body["uid"]] = {"id": 9, **body}
                return web.json_response(self.folders[body["uid"]])
            case "GET", ["dashboards", "uid", uid]:
                versions = self.dashboards.get(uid)
                return _found({"dashboard": versions[-1]["dashboard"], "meta": {}} if versions else None)
            case "GET", ["dashboards", "uid", uid, "versions"]:
                listed = [
                    {"version": one["dashboard"]["version"], "message": one["message"]}
                    for one in reversed(self.dashboards[uid])
                ]
                old = int(self.version.split(".")[0]) < 11
                return web.json_response(listed if old else {"continueToken": "", "versions": listed})
            case "POST", ["dashboards", "db"]:
                if body["dashboard"]["uid"] in self.dashboards and not body["overwrite"]:
                    return web.json_response({"message": "exists", "status": "name-exists"}, status=412)
                if body["folderUid"] not in self.folders:
                    return web.json_response({"message": "folder not found"}, status=400)
                self.save(body["dashboard"], body["message"])
                return web.json_response({"status": "success", "uid": body["dashboard"]["uid"]})
            case "GET", ["library-elements", uid]:
                return _found({"result": self.elements[uid]} if uid in self.elements else None)
            case "POST", ["library-elements"]:
                self.elements[body["uid"]] = {**body, "version": 1}
                return web.json_response({"result": self.elements[body["uid"]]})
            case "PATCH", ["library-elements", uid]:
                if body["version"] != self.elements[uid]["version"]:
                    return web.json_response({"message": "the library element has been changed"}, status=412)
                self.elements[uid] = {**self.elements[uid], **body, "version": body["version"] + 1}
                return web.json_response({"result": self.elements[uid]})
            case _:
                return self._alerting(method, parts, body, query)

    def _alerting(self, method: str, parts: list[str], body: Any, query: MultiMapping[str]) -> web.Response:
        match method, parts:
            case "GET", ["v1", "provisioning", "alert-rules", uid]:
                return _found(self.rules.get(uid))
            case "POST", ["v1", "provisioning", "alert-rules"]:
                if body["uid"] in self.rules:
                    return web.json_response({"message": "a conflicting alert rule is found"}, status=409)
                self.rules[body["uid"]] = {"id": 1, **body, "updated": "now"}
                return web.json_response(self.rules[body["uid"]], status=201)
            case "PUT", ["v1", "provisioning", "alert-rules", uid]:
                self.rules[uid] = {"id": 1, **body, "updated": "now"}
                return web.json_response(self.rules[uid])
            case "GET", ["v1", "provisioning", "contact-points"]:
                return web.json_response([_redacted(one) for one in self.contacts.values()])
            case "POST", ["v1", "provisioning", "contact-points"]:
                self.contacts[body["uid"]] = body
                return web.json_response(body, status=202)
            case "PUT", ["v1", "provisioning", "contact-points", uid]:
                self.contacts[uid] = body
                return web.json_response({"message": "contactpoint updated"}, status=202)
            case "GET", ["v1", "provisioning", "policies"]:
                return web.json_response(self.policies)
            case "PUT", ["v1", "provisioning", "policies"]:
                self.policies = body
                return web.json_response({"message": "policies updated"}, status=202)
            case "POST", ["annotations"]:
                number = len(self.annotations) + 1
                self.annotations[number] = body
                return web.json_response({"message": "Annotation added", "id": number})
            case "GET", ["annotations"]:
                wanted = set(query.getall("tags", []))
                found = [
                    {"id": number, **one} for number, one in self.annotations.items() if wanted <= set(one["tags"])
                ]
                return web.json_response(found)
            case "PATCH", ["annotations", number]:
                self.annotations[int(number)] |= body
                return web.json_response({"message": "Annotation patched"})
            case "POST", ["live", "push", stream]:
                self.live.append((stream, body))
                return web.Response(status=200)  # an empty body, as Grafana answers
            case _:
                return web.json_response({"message": "Not found"}, status=404)


def _found(thing: Any) -> web.Response:
    return web.json_response(thing) if thing else web.json_response({"message": "Not found"}, status=404)


def _redacted(contact: dict[str, Any]) -> dict[str, Any]:
    settings = {**contact["settings"]}
    if "authorization_credentials" in settings:
        settings["authorization_credentials"] = "[REDACTED]"
    return {**contact, "settings": settings, "provenance": ""}
