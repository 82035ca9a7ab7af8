"""Signing in in a real browser: with a second factor, and through the city's identity provider."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from joserfc import jwt
from joserfc.jwk import ECKey

from hub.access.oidc_config import OidcConfig
from hub.access.totp import code_at, new_secret
from hub.keys import ACCOUNTS

pytestmark = pytest.mark.e2e

PASSWORD = "the bell of the old town"
STEP_S = 30


async def fill(page: Any, name: str) -> None:
    await page.fill("[name=name]", name)
    await page.fill("[name=password]", PASSWORD)
    await page.keyboard.press("Enter")


async def test_whoever_has_a_second_factor_is_asked_for_it_and_a_code_counts_once(
    closed_city: Any, open_page: Any
) -> None:
    await closed_city.account("Ana Reyes", "operator", PASSWORD)
    secret = new_secret()
    await closed_city.app[ACCOUNTS].set_second_factor("Ana Reyes", secret)
    page = await open_page(closed_city.url)
    await page.wait_for_selector("[name=name]")
    assert await page.is_hidden("[name=digits]")
    await fill(page, "Ana Reyes")
    await page.wait_for_selector("[name=digits]", state="visible")
    step = int(time.time()) // STEP_S
    await page.fill("[name=digits]", code_at(secret, step))
    await page.keyboard.press("Enter")
    await page.wait_for_selector("text=Ana Reyes")
    other = await open_page(closed_city.url)
    await other.wait_for_selector("[name=name]")
    await fill(other, "Ana Reyes")
    await other.wait_for_selector("[name=digits]", state="visible")
    await other.fill("[name=digits]", code_at(secret, step))
    await other.keyboard.press("Enter")
    await other.wait_for_selector(".sign-in [role=alert] >> text=was used already")


@pytest.fixture
async def provider() -> AsyncIterator[dict[str, Any]]:
    """An identity provider that lets everybody in as Ana Reyes; `roles` is what it says of her."""
    told: dict[str, Any] = {"roles": ["csu"], "url": "", "asked": {}}
    key = ECKey.generate_key("P-256", {"kid": "one"})

    async def discovery(_request: web.Request) -> web.Response:
        ends = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "keys"}
        addresses = {name: f"{told['url']}/{path}" for name, path in ends.items()}
        return web.json_response({"issuer": told["url"], **addresses})

    async def keys(_request: web.Request) -> web.Response:
        return web.json_response({"keys": [key.as_dict(private=False)]})

    async def authorize(request: web.Request) -> web.Response:
        told["asked"] = dict(request.query)
        back = f"{request.query['redirect_uri']}?code=c&state={request.query['state']}"
        return web.Response(text=f'<a id="agree" href="{back}">Agree</a>', content_type="text/html")

    async def token(_request: web.Request) -> web.Response:
        now = int(time.time())
        claims = {"iss": told["url"], "sub": "u-1", "aud": "tocsin", "iat": now, "exp": now + 300}
        claims |= {"nonce": told["asked"]["nonce"], "preferred_username": "Ana Reyes", "roles": told["roles"]}
        return web.json_response({"id_token": jwt.encode({"alg": "ES256", "kid": "one"}, claims, key)})

    app = web.Application()
    app.router.add_get("/.well-known/openid-configuration", discovery)
    app.router.add_get("/keys", keys)
    app.router.add_get("/authorize", authorize)
    app.router.add_post("/token", token)
    server = TestServer(app)
    await server.start_server()
    told["url"] = str(server.make_url("")).rstrip("/")
    yield told
    await server.close()


async def test_the_city_s_identity_provider_signs_people_in_and_a_refusal_is_said(
    closed_city: Any, open_page: Any, provider: dict[str, Any]
) -> None:
    await closed_city.stop()
    settings = OidcConfig(issuer=provider["url"], client_id="tocsin", roles={"csu": "operator"}, label="City of St")
    closed_city.config = msgspec.structs.replace(closed_city.config, oidc=settings)
    await closed_city.start()
    await closed_city.account("Chief", "administrator", PASSWORD)
    page = await open_page(closed_city.url)
    provider["roles"] = ["nobody"]
    await page.click("text=Sign in with City of St")
    await page.click("#agree")
    await page.wait_for_selector(".sign-in [role=alert] >> text=oidc_role_missing")
    provider["roles"] = ["csu"]
    await page.click("text=Sign in with City of St")
    await page.click("#agree")
    await page.wait_for_selector("text=Ana Reyes")
