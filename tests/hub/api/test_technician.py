"""What a technician does to sensors over HTTP, against a whole hub on a free port."""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import pytest
import zxingcpp

from hub.access.accounts import Role
from hub.app import serving
from hub.config import Http, HubConfig, PolicyConfig
from hub.keys import ACCOUNTS, REGISTRY
from hub.registry import CodeRefused

SECRET = "a-long-enough-secret"
MICROPHONE = {"id": "mic-1", "kind": "microphone", "latitude": 45.44, "longitude": 4.387}


def read_qr(rows: list[str]) -> str:
    """What a camera reads from the rows of a QR code ('1' is dark)."""
    dark = np.array([[cell == "1" for cell in row] for row in rows])
    picture = np.where(np.pad(dark, 4), 0, 255).astype(np.uint8).repeat(8, axis=0).repeat(8, axis=1)
    return zxingcpp.read_barcodes(picture)[0].text


class Hub:
    """A hub and the address of its interface."""

    def __init__(self, app: Any, port: int) -> None:
        self.app = app
        self.url = f"http://127.0.0.1:{port}/api/v1"

    @contextlib.asynccontextmanager
    async def signed_in(self, role: Role) -> AsyncIterator[aiohttp.ClientSession]:
        """A session of a person of `role`."""
        await self.app[ACCOUNTS].create(f"A. {role}", role, SECRET, time.time_ns() // 1_000)
        jar = aiohttp.CookieJar(unsafe=True)
        async with aiohttp.ClientSession(headers={"X-Tocsin": "1"}, cookie_jar=jar) as session:
            answer = await session.post(f"{self.url}/session", json={"name": f"A. {role}", "password": SECRET})
            assert answer.status == 200
            yield session


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[Hub]:
    policy = PolicyConfig(profile="lab", responsible_person="A. Tester", start="2020-01-01", end="2099-01-01")
    async with serving(HubConfig(data_dir=tmp_path, http=Http(port=0), policy=policy)) as (app, port):
        yield Hub(app, port)


async def test_a_new_sensor_gets_a_code_a_command_and_a_qr_that_hold_the_same(hub: Hub) -> None:
    async with hub.signed_in("technician") as technician:
        answer = await technician.post(f"{hub.url}/sensors", json=MICROPHONE)
        assert answer.status == 201
        found = await answer.json()
    assert found["sensor"]["state"] == "never"
    enrolment = found["enrolment"]
    assert enrolment["code"] in enrolment["command"]
    assert hub.url.removesuffix("/api/v1") in enrolment["command"]
    assert read_qr(enrolment["qr"]) == enrolment["command"]
    record = await hub.app[REGISTRY].enrol(enrolment["code"], bytes(32), "microphone", "0.1.0", time.time_ns() // 1_000)
    assert record.id == "mic-1"


async def test_a_newer_code_closes_the_older(hub: Hub) -> None:
    async with hub.signed_in("technician") as technician:
        first = (await (await technician.post(f"{hub.url}/sensors", json=MICROPHONE)).json())["enrolment"]["code"]
        second = (await (await technician.post(f"{hub.url}/sensors/mic-1/code")).json())["enrolment"]["code"]
    assert first != second
    with pytest.raises(CodeRefused):
        await hub.app[REGISTRY].enrol(first, bytes(32), None, "0.1.0", time.time_ns() // 1_000)


async def test_a_sensor_is_moved_and_taken_out_with_a_reason(hub: Hub) -> None:
    async with hub.signed_in("administrator") as person:
        await person.post(f"{hub.url}/sensors", json=MICROPHONE)
        place = {"latitude": 45.5, "longitude": 4.4, "height_m": 6.5}
        moved = (await (await person.patch(f"{hub.url}/sensors/mic-1", json=place)).json())["sensor"]
        assert {name: moved[name] for name in place} == place
        gone = await person.post(f"{hub.url}/sensors/mic-1/revoke", json={"reason": "stolen"})
        view = (await gone.json())["sensor"]
    assert (view["state"], view["state_reason"]) == ("revoked", "stolen")


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("POST", "/sensors", {**MICROPHONE, "latitude": 91.0}, 422, "body_invalid"),
        ("POST", "/sensors", {**MICROPHONE, "id": "no spaces"}, 422, "body_invalid"),
        ("POST", "/sensors", MICROPHONE, 409, "sensor_exists"),
        ("POST", "/sensors/none/code", {}, 404, "sensor_unknown"),
        ("PATCH", "/sensors/none", {"latitude": 1.0, "longitude": 2.0}, 404, "sensor_unknown"),
        ("POST", "/sensors/none/revoke", {"reason": "lost"}, 404, "sensor_unknown"),
        ("POST", "/sensors/mic-1/revoke", {"reason": ""}, 422, "body_invalid"),
    ],
)
async def test_what_cannot_be_is_refused_with_its_code(
    hub: Hub, method: str, path: str, body: dict[str, Any], status: int, code: str
) -> None:
    async with hub.signed_in("technician") as technician:
        await technician.post(f"{hub.url}/sensors", json=MICROPHONE)
        answer = await technician.request(method, hub.url + path, json=body)
        assert (answer.status, (await answer.json())["code"]) == (status, code)


@pytest.mark.parametrize("role", ["operator", "supervisor", "auditor"])
async def test_who_is_no_technician_may_not_touch_a_sensor(hub: Hub, role: Role) -> None:
    async with hub.signed_in(role) as person:
        answer = await person.post(f"{hub.url}/sensors", json=MICROPHONE)
        assert (answer.status, (await answer.json())["code"]) == (403, "role_refused")
    assert await hub.app[REGISTRY].sensors() == []
