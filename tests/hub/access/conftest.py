"""A small identity provider on a free port, for signing in through it as a browser would."""

from __future__ import annotations

import base64
import hashlib
import secrets
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey

CLIENT, SECRET = "tocsin", "the client's own secret"


@dataclass
class Provider:
    """OpenID Connect: discovery, keys, a visitor who always agrees, codes that work once, PKCE."""

    url: str = ""
    claims: dict[str, Any] = field(default_factory=lambda: {"preferred_username": "Ana Reyes", "roles": ["csu", "all"]})
    spoil: dict[str, Any] = field(default_factory=dict)
    """Claims that a token carries instead of the right ones; None leaves one out."""
    info: dict[str, Any] = field(default_factory=dict)
    key: ECKey = field(default_factory=lambda: ECKey.generate_key("P-256", {"kid": "first"}))
    sign_with: Any = None
    """Another key than the published one, with its algorithm."""
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)

    def turn_keys(self) -> None:
        """From now on another key is published and used."""
        self.key = ECKey.generate_key("P-256", {"kid": secrets.token_hex(4)})

    async def discovery(self, _request: web.Request) -> web.Response:
        ends = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "keys"}
        told = {name: f"{self.url}/{path}" for name, path in ends.items()}
        return web.json_response({"issuer": self.url, **told, "userinfo_endpoint": f"{self.url}/userinfo"})

    async def keys(self, _request: web.Request) -> web.Response:
        return web.json_response({"keys": [self.key.as_dict(private=False)]})

    async def authorize(self, request: web.Request) -> web.Response:
        asked = dict(request.query)
        assert asked["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe(8)
        self.codes[code] = asked
        back = urlencode({"code": code, "state": asked["state"], "iss": self.url})
        return web.Response(status=302, headers={"Location": f"{asked['redirect_uri']}?{back}"})

    async def token(self, request: web.Request) -> web.Response:
        form = await request.post()
        asked = self.codes.pop(str(form["code"]), None)
        scheme, _, pair = request.headers.get("Authorization", "").partition(" ")
        known = base64.b64decode(pair).decode() == f"{CLIENT}:{SECRET.replace(' ', '%20').replace(chr(39), '%27')}"
        digest = hashlib.sha256(str(form["code_verifier"]).encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if asked is None or scheme != "Basic" or not known or challenge != asked["code_challenge"]:
            self.refused.append(str(form["code"]))
            return web.json_response({"error": "invalid_grant"}, status=400)
        now = int(time.time())
        right = {"iss": self.url, "sub": "u-17", "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": asked["nonce"]}
        claims = {name: value for name, value in {**right, **self.claims, **self.spoil}.items() if value is not None}
        key, algorithm = self.sign_with or (self.key, "ES256")
        header = {"alg": algorithm, "kid": key.kid} if key.kid else {"alg": algorithm}
        token = jwt.encode(header, claims, key, algorithms=[algorithm])
        return web.json_response({"id_token": token, "access_token": "opaque", "token_type": "Bearer"})

    async def userinfo(self, request: web.Request) -> web.Response:
        assert request.headers["Authorization"] == "Bearer opaque"
        return web.json_response({"sub": "u-17", **self.info})


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    one = Provider()
    app = web.Application()
    app.router.add_get("/.well-known/openid-configuration", one.discovery)
    app.router.add_get("/keys", one.keys)
    app.router.add_get("/authorize", one.authorize)
    app.router.add_post("/token", one.token)
    app.router.add_get("/userinfo", one.userinfo)
    server = TestServer(app)
    await server.start_server()
    one.url = str(server.make_url("")).rstrip("/")
    yield one
    await server.close()


@pytest.fixture
def shared_secret() -> OctKey:
    """A key that everybody who knows the client's id could have."""
    return OctKey.import_key(CLIENT * 8)
