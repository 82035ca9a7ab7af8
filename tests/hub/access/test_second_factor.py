"""The second factor, sessions that change at sign-in, and programs that may read but never decide."""

from __future__ import annotations

import time
from typing import Any

import pytest

from hub.access.tokens import drop_token, new_token, tokens
from hub.access.totp import STEP_S, address, code_at, new_secret, step_of
from hub.keys import ACCOUNTS, ENGINE

PASSWORD = "long enough a password"


@pytest.mark.parametrize(
    ("moment", "code"),
    [(59, "287082"), (1111111109, "081804"), (1111111111, "050471"), (1234567890, "005924"), (2000000000, "279037")],
)
def test_codes_are_those_of_the_standard(moment: int, code: str) -> None:
    """RFC 6238 appendix B, SHA-1, the last six of its eight digits."""
    assert code_at(b"12345678901234567890", moment // STEP_S) == code


def test_a_code_is_good_once_and_for_its_neighbours_and_no_longer() -> None:
    secret, now = new_secret(), 1_790_000_010.0
    step = int(now) // STEP_S
    code = code_at(secret, step)
    assert step_of(secret, code, now, 0) == step
    assert step_of(secret, f"{code[:3]} {code[3:]}", now + STEP_S, 0) == step
    assert step_of(secret, code, now, step) is None
    assert step_of(secret, code, now + 3 * STEP_S, 0) is None
    assert step_of(secret, "é23456", now, 0) is None
    assert "secret=" in address("Ana B", secret)


async def sign_in(client: Any, **body: str) -> tuple[int, str]:
    async with client.post("/api/v1/session", json={"name": "Ana", "password": PASSWORD, **body}) as answer:
        return answer.status, (await answer.json(content_type=None)).get("code", "")


async def test_an_account_with_a_second_factor_asks_for_it_and_takes_each_code_once(hub: Any) -> None:
    accounts, secret = hub.app[ACCOUNTS], new_secret()
    await accounts.create("Ana", "operator", PASSWORD, 1)
    await accounts.set_second_factor("Ana", secret)
    client = await hub.session(None)
    assert await sign_in(client) == (401, "second_factor_needed")
    assert await sign_in(client, code="000000", password="wrong wrong wrong") == (401, "sign_in_refused")
    code = code_at(secret, int(time.time()) // STEP_S)
    assert await sign_in(client, code=code) == (200, "")
    assert await sign_in(client, code=code) == (401, "second_factor_refused")
    await accounts.reset("Ana", PASSWORD)
    assert await sign_in(client) == (200, "")


async def test_wrong_codes_lock_the_account_as_wrong_passwords_do(hub: Any) -> None:
    await hub.app[ACCOUNTS].create("Ana", "operator", PASSWORD, 1)
    await hub.app[ACCOUNTS].set_second_factor("Ana", new_secret())
    client = await hub.session(None)
    statuses = [(await sign_in(client, code="1"))[0] for _ in range(8)]
    assert statuses[-1] == 429


async def test_signing_in_again_ends_the_session_that_was_there(hub: Any) -> None:
    await hub.app[ACCOUNTS].create("Ana", "operator", PASSWORD, 1)
    client = await hub.session(None)
    assert (await sign_in(client))[0] == 200
    old = {cookie.key: cookie.value for cookie in client.cookie_jar}["tocsin_session"]
    assert (await sign_in(client))[0] == 200
    assert await hub.app[ACCOUNTS].session(old, time.time_ns() // 1_000) is None
    async with client.get("/api/v1/incidents") as answer:
        assert answer.status == 200


async def test_a_programs_token_reads_and_nothing_else(hub: Any) -> None:
    engine, now = hub.app[ENGINE], time.time_ns() // 1_000
    read = {"Authorization": f"Bearer {await new_token(engine, 'grafana', 'read', 30, now)}"}
    scrape = {"Authorization": f"Bearer {await new_token(engine, 'prometheus', 'metrics', 30, now)}"}
    client = await hub.session(None)
    decide = "/api/v1/incidents/00000000-0000-0000-0000-000000000001/decisions"
    for headers, method, path, status in (
        (read, "GET", "/api/v1/incidents?reason=audit", 200),
        (read, "GET", "/api/v1/incidents", 400),
        (read, "GET", "/metrics", 200),
        (read, "GET", "/api/v1/people", 403),
        (read, "POST", decide, 403),
        (read, "POST", "/api/v1/suspensions", 403),
        (scrape, "GET", "/metrics", 200),
        (scrape, "GET", "/api/v1/incidents", 403),
        ({"Authorization": "Bearer tct_guessed"}, "GET", "/api/v1/incidents", 401),
    ):
        async with client.request(method, path, headers=headers) as answer:
            assert answer.status == status, (method, path)
    assert [one.name for one in await tokens(engine)] == ["grafana", "prometheus"]
    assert await drop_token(engine, "grafana")
    async with client.get("/api/v1/incidents", headers=read) as answer:
        assert answer.status == 401


async def test_a_token_ends_on_its_day(hub: Any) -> None:
    headers = {"Authorization": f"Bearer {await new_token(hub.app[ENGINE], 'old', 'read', 1, 1)}"}
    client = await hub.session(None)
    async with client.get("/api/v1/incidents", headers=headers) as answer:
        assert answer.status == 401
