"""How much one visitor may ask, hold and keep waiting, on a real hub."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.access.door import DOOR, Door
from hub.access.limits import Pace
from hub.app import serving
from hub.config import ConfigError, Http, HubConfig, Limits, parse_config


@given(st.lists(st.floats(0.0, 5.0), max_size=200), st.floats(0.1, 100.0), st.integers(1, 50))
def test_nobody_gets_more_than_the_burst_and_the_rate(pauses: list[float], rate: float, burst: int) -> None:
    pace, now, taken = Pace(rate, burst), 0.0, 0
    for pause in pauses:
        now += pause
        taken += pace.wait_s("one", now) == 0.0
    assert taken <= burst + rate * now + 1e-6


def test_whoever_waits_as_long_as_he_was_told_is_let_in_and_others_never_wait_for_him() -> None:
    pace = Pace(2.0, 3)
    assert [pace.wait_s("one", 0.0) for _ in range(4)] == [0.0, 0.0, 0.0, 0.5]
    assert pace.wait_s("another", 0.0) == 0.0
    assert pace.wait_s("one", 0.5) == 0.0


def test_a_million_addresses_take_no_more_room_than_a_few() -> None:
    pace = Pace(1.0, 1, names=100)
    for number in range(10_000):
        pace.wait_s(str(number), 0.0)
    assert len(pace._buckets) == 100


def test_the_door_counts_each_address_and_lets_a_proxy_hold_more() -> None:
    from hub.access.address import networks_of

    door = Door(Limits(connections=10, connections_per_address=4), networks_of(("10.0.0.1",)))
    assert [door.enter("203.0.113.9") for _ in range(5)] == [True] * 4 + [False]
    assert [door.enter("10.0.0.1") for _ in range(7)] == [True] * 6 + [False]  # the whole house is full
    door.leave("203.0.113.9")
    assert door.enter("203.0.113.9")
    assert door.turned_away == 2


def hub_with(folder: Path, **limits: Any) -> HubConfig:
    return HubConfig(data_dir=folder, http=Http(port=0, limits=Limits(**limits)))


@pytest.fixture
async def small(tmp_path: Path) -> AsyncIterator[tuple[Any, int]]:
    config = hub_with(
        tmp_path, per_address_s=0.5, per_address_burst=5, connections_per_address=4, connections=8, idle_s=1.0
    )
    async with serving(config) as running:
        yield running


async def test_an_address_that_asks_too_much_is_told_when_to_come_back(small: tuple[Any, int]) -> None:
    async with aiohttp.ClientSession(f"http://127.0.0.1:{small[1]}") as client:
        statuses = []
        for _ in range(8):
            async with client.get("/healthz") as answer:
                statuses.append(answer.status)
                refused = await answer.json(content_type=None)
        assert statuses == [200] * 5 + [429] * 3
        assert refused["code"] == "too_many_requests"
        assert int(answer.headers["Retry-After"]) >= 1


async def test_nobody_is_somebody_else_by_a_header(small: tuple[Any, int]) -> None:
    async with aiohttp.ClientSession(f"http://127.0.0.1:{small[1]}") as client:
        statuses = []
        for number in range(8):
            async with client.get("/healthz", headers={"X-Forwarded-For": f"203.0.113.{number}"}) as answer:
                statuses.append(answer.status)
    assert 429 in statuses


async def test_behind_a_trusted_proxy_each_client_has_its_own_measure(tmp_path: Path) -> None:
    http = Http(port=0, trusted_proxies=("127.0.0.1",), limits=Limits(per_address_s=0.5, per_address_burst=2))
    async with (
        serving(HubConfig(data_dir=tmp_path, http=http)) as (_, port),
        aiohttp.ClientSession(f"http://127.0.0.1:{port}") as client,
    ):
        for number in range(8):
            async with client.get("/healthz", headers={"X-Forwarded-For": f"203.0.113.{number}"}) as answer:
                assert answer.status == 200


async def test_a_connection_too_many_is_closed_and_the_others_go_on(small: tuple[Any, int]) -> None:
    app, port = small
    held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(4)]
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
        await asyncio.wait_for(reader.readexactly(1), 5)
    writer.close()
    assert app[DOOR].turned_away == 1
    held[0][1].write(b"GET /healthz HTTP/1.1\r\nHost: here\r\n\r\n")
    assert (await held[0][0].readline()).startswith(b"HTTP/1.1 200")
    for _, open_one in held:
        open_one.close()


@pytest.mark.parametrize("sent", [b"", b"GET /hea", b"GET /healthz HTTP/1.1\r\nHost: here\r\nX-Slow: "])
async def test_a_head_that_never_ends_does_not_hold_its_connection(small: tuple[Any, int], sent: bytes) -> None:
    app, port = small
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(sent)
    assert await asyncio.wait_for(reader.read(), 10) == b""
    writer.close()
    async with asyncio.timeout(5):
        while app[DOOR].open:  # noqa: ASYNC110 - the other end is the loop's own
            await asyncio.sleep(0.01)


def test_a_proxy_that_is_no_address_is_told_with_its_line() -> None:
    with pytest.raises(ConfigError, match=r"hub.toml:2.*trusted_proxies.*no address"):
        parse_config('[http]\ntrusted_proxies = ["proxy.example"]\n', Path("hub.toml"))
