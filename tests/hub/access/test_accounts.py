"""Nobody gets in without an account of his own, and guessing takes longer each time."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from hub.access.accounts import FREE_FAILURES, SESSION_LIFE_US, Accounts
from hub.problem import Problem
from hub.store import migrate_engine, open_engine

NOW = 1_795_000_000_000_000
PASSWORD = "the bell of the old town"


@pytest.fixture
async def accounts() -> AsyncIterator[Accounts]:
    engine = open_engine("sqlite://")
    await migrate_engine(engine)
    yield Accounts(engine)
    await engine.dispose()


async def refused(call: object) -> Problem:
    with pytest.raises(Problem) as caught:
        await call  # type: ignore[misc]
    return caught.value


async def test_the_first_start_makes_one_administrator_with_a_code_used_once(accounts: Accounts) -> None:
    code = await accounts.setup_code(NOW)
    assert code is not None
    assert (
        await refused(accounts.create_first("0000-0000-0000-0000", "Ana", PASSWORD, NOW))
    ).code == "setup_code_refused"
    person = await accounts.create_first(code, "Ana", PASSWORD, NOW)
    assert person.role == "administrator"
    assert (await refused(accounts.create_first(code, "Eve", PASSWORD, NOW))).code == "setup_code_refused"
    assert await accounts.setup_code(NOW) is None


async def test_a_new_code_ends_the_one_before(accounts: Accounts) -> None:
    first, second = await accounts.setup_code(NOW), await accounts.setup_code(NOW)
    assert first is not None
    assert second is not None
    assert (await refused(accounts.create_first(first, "Ana", PASSWORD, NOW))).status == 403
    await accounts.create_first(second, "Ana", PASSWORD, NOW)


async def test_a_session_ends_by_itself_by_signing_out_and_with_the_account(accounts: Accounts) -> None:
    await accounts.create("Bo", "operator", PASSWORD, NOW)
    token = await accounts.sign_in("Bo", PASSWORD, NOW)
    person = await accounts.session(token, NOW)
    assert person is not None
    assert (person.name, person.role) == ("Bo", "operator")
    assert await accounts.session(token, NOW + SESSION_LIFE_US) is None
    await accounts.sign_out(token)
    assert await accounts.session(token, NOW) is None
    token = await accounts.sign_in("Bo", PASSWORD, NOW)
    assert await accounts.disable("Bo", NOW)
    assert await accounts.session(token, NOW) is None
    assert (await refused(accounts.sign_in("Bo", PASSWORD, NOW))).status == 401


async def test_an_unknown_name_and_a_wrong_password_get_the_same_answer(accounts: Accounts) -> None:
    await accounts.create("Bo", "operator", PASSWORD, NOW)
    wrong = await refused(accounts.sign_in("Bo", "not the password", NOW))
    unknown = await refused(accounts.sign_in("Nobody", "not the password", NOW))
    assert (wrong.status, wrong.code, wrong.detail) == (unknown.status, unknown.code, unknown.detail)


async def test_guessing_is_made_to_wait_and_the_wait_grows(accounts: Accounts) -> None:
    await accounts.create("Bo", "operator", PASSWORD, NOW)
    for _ in range(FREE_FAILURES + 1):
        assert (await refused(accounts.sign_in("Bo", "wrong password", NOW))).status == 401
    locked = await refused(accounts.sign_in("Bo", PASSWORD, NOW))
    assert locked.status == 429
    first_wait_s = int(locked.headers["Retry-After"])
    later = NOW + first_wait_s * 1_000_000
    assert (await refused(accounts.sign_in("Bo", "wrong password", later))).status == 401
    again = await refused(accounts.sign_in("Bo", PASSWORD, later))
    assert int(again.headers["Retry-After"]) > first_wait_s
    assert await accounts.sign_in("Bo", PASSWORD, later + 3_600_000_000)


async def test_a_short_password_and_a_taken_name_are_refused(accounts: Accounts) -> None:
    assert (await refused(accounts.create("Bo", "operator", "short", NOW))).code == "password_too_short"
    await accounts.create("Bo", "operator", PASSWORD, NOW)
    assert (await refused(accounts.create("Bo", "auditor", PASSWORD, NOW))).code == "person_exists"


async def test_no_password_and_no_token_is_kept_in_the_clear(accounts: Accounts) -> None:
    from sqlalchemy import select

    from hub.access.tables import PERSON, SESSION
    from hub.store.engine import reading

    await accounts.create("Bo", "operator", PASSWORD, NOW)
    token = await accounts.sign_in("Bo", PASSWORD, NOW)
    async with reading(accounts._engine) as connection:
        rows = [*(await connection.execute(select(PERSON))), *(await connection.execute(select(SESSION)))]
    kept = repr(rows)
    assert "argon2id" in kept
    assert PASSWORD not in kept
    assert token not in kept
