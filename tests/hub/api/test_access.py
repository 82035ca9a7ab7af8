"""Who may use which route: the matrix is made from the application's own routes, so a new one without a rule fails."""

from __future__ import annotations

from typing import Any

import pytest
from aiohttp import web

from hub.access.accounts import ROLES
from hub.access.rules import PUBLIC, check_complete, rule_of
from hub.app import build_application
from hub.config import HubConfig

ROUTES = sorted(
    {
        (route.method, resource.canonical)
        for resource in build_application(HubConfig()).router.resources()
        for route in resource
        if route.method != "HEAD" and isinstance(rule_of(route.method, resource.canonical), frozenset)
    }
)


def _filled(path: str) -> str:
    return (
        path.replace("{id}", "00000000-0000-0000-0000-000000000001")
        .replace("{name}", "nobody")
        .replace("{number}", "1")
    )


async def test_every_role_gets_what_its_rule_says_on_every_route(hub: Any) -> None:
    assert len(ROUTES) >= 8
    clients = {role: await hub.session(role) for role in (None, *ROLES)}
    for method, path in ROUTES:
        rule = rule_of(method, path)
        assert isinstance(rule, frozenset)
        for role, client in clients.items():
            async with client.request(method, _filled(path)) as answer:
                if role is None:
                    assert answer.status == 401, (method, path)
                elif role not in rule:
                    assert answer.status == 403, (method, path, role)
                else:
                    assert answer.status not in (401, 403), (method, path, role)


async def test_a_request_forged_by_another_site_changes_nothing(hub: Any) -> None:
    client = await hub.session("administrator")
    body = {"name": "Eve", "role": "administrator", "password": "long enough a password"}
    async with client.post("/api/v1/people", json=body, headers={"X-Tocsin": "0"}) as answer:
        assert answer.status == 403
        assert (await answer.json(content_type=None))["code"] == "cross_site_refused"


async def test_the_session_cookie_is_out_of_reach_of_scripts_and_other_sites(hub: Any) -> None:
    client = await hub.session(None)
    await hub.session("operator")
    from hub.keys import ACCOUNTS

    await hub.app[ACCOUNTS].create("Ana", "operator", "long enough a password", 1)
    async with client.post("/api/v1/session", json={"name": "Ana", "password": "long enough a password"}) as answer:
        cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie


async def test_a_stranger_on_loopback_is_nobody_unless_the_console_was_opened(hub: Any) -> None:
    client = await hub.session(None)
    async with client.get("/api/v1/status") as answer:
        status = await answer.json()
    assert status["person"] is None
    assert status["counts"] == {}


def test_a_route_without_a_rule_keeps_the_hub_from_starting() -> None:
    async def handler(_request: web.Request) -> web.Response:
        return web.Response()

    app = web.Application()
    app.router.add_post("/api/v1/forgotten", handler)
    with pytest.raises(RuntimeError, match="POST /api/v1/forgotten"):
        check_complete(app)


def test_what_is_public_is_little() -> None:
    from hub.access.rules import RULES

    public = {path for (_, path), rule in RULES.items() if rule == PUBLIC}
    assert public == {
        "/healthz",
        "/readyz",
        "/api/v1/openapi.json",
        "/api/v1/status",
        "/api/v1/session",
        "/api/v1/setup",
        "/api/v1/oidc/start",
        "/api/v1/oidc/callback",
    }
