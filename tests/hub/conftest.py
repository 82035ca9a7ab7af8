"""A whole hub on a free port, with people signed in, for the tests of its interfaces."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import aiohttp
import pytest
from aiohttp import web

from hub.access.accounts import Role
from hub.app import serving
from hub.config import Http, HubConfig, PolicyConfig
from hub.incident import Arrival, Ellipse, Evidence, Incident, Place
from hub.keys import ACCOUNTS, GATE

PASSWORD = "the bell of the old town"
LAB = PolicyConfig(profile="lab", responsible_person="A. Martin", start="2020-01-01", end="2100-01-01")
CHANGES = {"X-Tocsin": "1"}
"""What a request that changes something carries."""


@dataclass
class RunningHub:
    """The application, its address, and sessions of people by role."""

    app: web.Application
    url: str
    session: Callable[[Role | None], Awaitable[aiohttp.ClientSession]]


@asynccontextmanager
async def _running(config: HubConfig) -> AsyncIterator[RunningHub]:
    async with AsyncExitStack() as stack:
        app, port = await stack.enter_async_context(serving(config))
        url = f"http://127.0.0.1:{port}"

        async def session(role: Role | None) -> aiohttp.ClientSession:
            jar = aiohttp.CookieJar(unsafe=True)
            client = await stack.enter_async_context(aiohttp.ClientSession(url, cookie_jar=jar, headers=CHANGES))
            if role is not None:
                name = f"{role} {id(client)}"
                await app[ACCOUNTS].create(name, role, PASSWORD, 1)
                async with client.post("/api/v1/session", json={"name": name, "password": PASSWORD}) as answer:
                    assert answer.status == 200
            return client

        yield RunningHub(app, url, session)


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[RunningHub]:
    """A laboratory: everything is allowed, and an exercise."""
    async with _running(HubConfig(data_dir=tmp_path / "data", http=Http(port=0), policy=LAB)) as running:
        yield running


@pytest.fixture
async def real_hub(tmp_path: Path) -> AsyncIterator[RunningHub]:
    """A hub in which nothing is an exercise by itself; its gate lets through what a laboratory's does."""
    async with _running(HubConfig(data_dir=tmp_path / "data", http=Http(port=0))) as running:
        running.app[GATE].policy = LAB
        running.app[GATE].suspend(())  # what it judged before counts no more
        yield running


@pytest.fixture
def gunshot() -> Callable[..., Incident]:
    """Makes an incident as fusion would."""

    def make(number: int = 1, revision: int = 1, **changes: Any) -> Incident:
        values: dict[str, Any] = {
            "id": UUID(int=number),
            "revision": revision,
            "event": "gunshot",
            "onset_us": 1_795_000_000_000_000 + number,
            "end_us": 1_795_000_000_500_000 + number,
            "updated_us": 1_795_000_001_000_000 + number,
            "place": Place("ellipse", 45.4361, 4.3780, Ellipse(9.0, 4.0, 30.0), residual_ms=1.8),
            "probability": 0.92,
            "rounds": 3,
            "evidence": (Evidence("sensors", 2.1, "event_gunshot", sensor="mic-01"),),
            "arrivals": (Arrival("mic-01", UUID(int=7), 1_795_000_000_300_000, 102.0, 0.4),),
            "exercise": True,
        }
        return Incident(**{**values, **changes})

    return make


_NAMES = UUID("018f0000-0000-7000-8000-000000000000")
_ONSET_US = 1_790_000_000_000_000


def _incident(name: str = "first", revision: int = 1, **changes: Any) -> Incident:
    place = Place("ellipse", 45.4397, 4.3872, Ellipse(8.0, 4.0, 30.0), residual_ms=0.7)
    detection = uuid5(_NAMES, "detection")
    values: dict[str, Any] = {
        "id": uuid5(_NAMES, name),
        "revision": revision,
        "event": "gunshot",
        "onset_us": _ONSET_US,
        "end_us": _ONSET_US + 200_000,
        "updated_us": _ONSET_US + 900_000 + revision,
        "place": place,
        "probability": 0.87,
        "rounds": 2,
        "evidence": (Evidence("sound", 2.1, "evidence_sound", {"sensor": "mic-1"}, "mic-1", (detection,)),),
        "arrivals": (Arrival("mic-1", detection, _ONSET_US + 100_000, 34.0, 0.3),),
    }
    return Incident(**{**values, **changes})


@pytest.fixture
def make_incident() -> Callable[..., Incident]:
    """`make_incident(name, revision, **changes)`: a located gunshot; the same name is the same incident."""
    return _incident
