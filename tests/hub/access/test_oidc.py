"""Signing in through an identity provider, as a browser does it, and everything that must not sign anybody in."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from joserfc.jwk import ECKey

from hub.access import oidc
from hub.access.oidc_config import OidcConfig
from hub.app import serving
from hub.config import ConfigError, Http, HubConfig, parse_config
from hub.keys import ACCOUNTS
from hub.policy.basis import PolicyConfig

LAB = PolicyConfig(profile="lab", responsible_person="A. Martin", start="2020-01-01", end="2100-01-01")
ROLES = {"csu": "operator", "chiefs": "supervisor"}
PORT: web.AppKey[int] = web.AppKey("port")
Visit = Callable[[], Awaitable[tuple[str, dict[str, Any] | None]]]


@pytest.fixture
async def house(tmp_path: Path, provider: Any) -> AsyncIterator[tuple[Any, Visit]]:
    """A hub that knows the provider, and a visit: where the browser ends, and who is signed in then."""
    settings = OidcConfig(
        issuer=provider.url, client_id="tocsin", client_secret="the client's own secret", roles=ROLES, label="City"
    )  # type: ignore[arg-type]
    config = HubConfig(data_dir=tmp_path / "data", http=Http(port=0), policy=LAB, oidc=settings)
    async with AsyncExitStack() as stack:
        app, port = await stack.enter_async_context(serving(config))
        app._state[PORT] = port  # the application is frozen

        async def visit() -> tuple[str, dict[str, Any] | None]:
            jar = aiohttp.CookieJar(unsafe=True)
            async with aiohttp.ClientSession(f"http://127.0.0.1:{port}", cookie_jar=jar) as browser:
                async with browser.get("/api/v1/oidc/start") as answer:
                    end = str(answer.url.relative())
                async with browser.get("/api/v1/status") as answer:
                    return end, (await answer.json())["person"]

        yield app, visit


async def test_whom_the_provider_gives_a_role_is_signed_in_with_it(house: tuple[Any, Visit]) -> None:
    app, visit = house
    assert await visit() == ("/", {"name": "Ana Reyes", "role": "operator"})
    assert await visit() == ("/", {"name": "Ana Reyes", "role": "operator"})
    assert [person.name for person in await app[ACCOUNTS].people()] == ["Ana Reyes"]


async def test_the_role_follows_the_provider_and_a_closed_account_stays_closed(
    house: tuple[Any, Visit], provider: Any
) -> None:
    app, visit = house
    await visit()
    provider.claims["roles"] = ["csu", "chiefs"]
    assert (await visit())[1] == {"name": "Ana Reyes", "role": "supervisor"}
    await app[ACCOUNTS].disable("Ana Reyes", 1)
    assert await visit() == ("/?sign_in=oidc_account_closed", None)


@pytest.mark.parametrize("roles", [None, [], ["all"], "all", 7, {"csu": True}, [["csu"]]])
async def test_without_a_role_no_account_is_made(house: tuple[Any, Visit], provider: Any, roles: Any) -> None:
    app, visit = house
    provider.claims["roles"] = roles
    assert await visit() == ("/?sign_in=oidc_role_missing", None)
    assert await app[ACCOUNTS].people() == []


async def test_a_role_may_stand_in_what_the_provider_tells_of_the_person(
    house: tuple[Any, Visit], provider: Any
) -> None:
    _, visit = house
    del provider.claims["roles"]
    provider.info = {"roles": "chiefs"}
    assert (await visit())[1] == {"name": "Ana Reyes", "role": "supervisor"}
    provider.info = {"roles": "chiefs", "sub": "u-18"}
    assert await visit() == ("/?sign_in=oidc_token_refused", None)


@pytest.mark.parametrize(
    "spoil",
    [
        {"nonce": "of another attempt"},
        {"nonce": None},
        {"aud": "another client"},
        {"aud": ["tocsin", "another"]},
        {"aud": None},
        {"iss": "https://evil.example"},
        {"exp": 1_700_000_000},
        {"exp": None},
        {"iat": 4_000_000_000},
        {"sub": None},
    ],
)
async def test_a_token_for_somebody_or_some_time_else_signs_nobody_in(
    house: tuple[Any, Visit], provider: Any, spoil: dict[str, Any]
) -> None:
    app, visit = house
    provider.spoil = spoil
    assert await visit() == ("/?sign_in=oidc_token_refused", None)
    assert await app[ACCOUNTS].people() == []


async def test_a_token_that_another_key_signed_signs_nobody_in(
    house: tuple[Any, Visit], provider: Any, shared_secret: Any
) -> None:
    _, visit = house
    for key, algorithm in ((ECKey.generate_key("P-256", {"kid": "first"}), "ES256"), (shared_secret, "HS256")):
        provider.sign_with = (key, algorithm)
        assert await visit() == ("/?sign_in=oidc_token_refused", None), algorithm


async def test_new_keys_of_the_provider_are_found(
    house: tuple[Any, Visit], provider: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, visit = house
    monkeypatch.setattr(oidc, "KEYS_AGAIN_S", 0.0)
    await visit()
    provider.turn_keys()
    assert (await visit())[0] == "/"


async def test_an_attempt_belongs_to_the_browser_that_began_it_and_counts_once(house: tuple[Any, Visit]) -> None:
    app, _ = house
    origin = f"http://127.0.0.1:{app[PORT]}"
    jars = [aiohttp.CookieJar(unsafe=True) for _ in range(2)]
    async with (
        aiohttp.ClientSession(origin, cookie_jar=jars[0]) as mine,
        aiohttp.ClientSession(origin, cookie_jar=jars[1]) as theirs,
    ):
        async with mine.get("/api/v1/oidc/start", allow_redirects=False) as answer:
            to_provider = answer.headers["Location"]
        async with mine.get(to_provider, allow_redirects=False) as answer:
            back = answer.headers["Location"]
        for browser, end in (
            (theirs, "/?sign_in=oidc_state_unknown"),
            (mine, "/"),
            (mine, "/?sign_in=oidc_state_unknown"),
        ):
            async with browser.get(back, allow_redirects=False) as answer:
                assert answer.headers["Location"] == end


async def test_a_name_that_somebody_has_here_is_not_taken_over(house: tuple[Any, Visit]) -> None:
    app, visit = house
    await app[ACCOUNTS].create("Ana Reyes", "administrator", "the bell of the old town", 1)
    assert await visit() == ("/?sign_in=oidc_name_taken", None)


async def test_an_account_of_the_provider_has_no_password(house: tuple[Any, Visit]) -> None:
    app, visit = house
    await visit()
    for password in ("!", "", "the bell of the old town"):
        with pytest.raises(Exception, match="sign_in_refused"):
            await app[ACCOUNTS].sign_in("Ana Reyes", password, 1)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('issuer = "http://id.city.example"\nclient_id = "x"', "needs https"),
        ('issuer = "https://id.city.example"', "client_id"),
        ('issuer = "https://id.city.example"\nclient_id = "x"', "nobody could sign in"),
    ],
)
def test_a_provider_that_can_not_be_trusted_is_refused_at_the_start(text: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        parse_config(f"[oidc]\n{text}\n", Path("tocsin.toml"))
