"""An incident reaches an open Grafana as it happens; a Grafana that is away holds nothing up."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp.test_utils import TestServer

from hub.app import serving
from hub.config import GrafanaConfig, Http, HubConfig, PolicyConfig
from hub.incident import Incident
from hub.keys import STORE
from hub.sinks.context import GRAFANA
from hub.sinks.grafana import GrafanaTarget
from hub.store import Decision, Store

from .conftest import incident_of
from .recorder import TOKEN, RecordedGrafana

NOW_US = time.time_ns() // 1_000
"""The hub's own clock: saved earlier, an incident that nobody judged would expire beside the test."""


@pytest.fixture
def recorded() -> RecordedGrafana:
    return RecordedGrafana()


@pytest.fixture
async def hub(recorded: RecordedGrafana, tmp_path: Path) -> AsyncIterator[tuple[Any, Store]]:
    server = TestServer(recorded.application())
    await server.start_server()
    lab = PolicyConfig(profile="lab", responsible_person="A. Martin", start="2020-01-01", end="2100-01-01")
    config = HubConfig(
        data_dir=tmp_path,
        language="en",
        http=Http(port=0, public_url="https://hub.example"),
        policy=lab,
        grafana=GrafanaConfig(url=str(server.make_url("/")), token=TOKEN),
    )
    async with serving(config) as (app, _):
        await asyncio.sleep(0)
        yield app[GRAFANA], app[STORE]
    await server.close()


def shot(number: int = 0, **changes: Any) -> Incident:
    from random import Random

    return msgspec.structs.replace(incident_of(number, Random(1), True), **changes)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - the recording server rings no bell
            await asyncio.sleep(0.01)


async def test_each_revision_is_one_line_in_nanoseconds(hub: tuple[Any, Store], recorded: RecordedGrafana) -> None:
    _, store = hub
    first = shot(revision=1)
    await store.save([first, shot(1)], NOW_US)
    await until(lambda: len(recorded.live) == 2)
    await store.save([msgspec.structs.replace(first, revision=2, probability=0.97)], NOW_US)
    await until(lambda: len(recorded.live) == 3)
    streams, lines = zip(*recorded.live, strict=True)
    assert set(streams) == {"tocsin"}
    assert all("\n" not in line and line.startswith("incident,") for line in lines)
    assert "probability=0.97" in lines[2]
    times = [int(line.rpartition(" ")[2]) for line in lines]
    assert abs(times[2] // 1_000 - first.onset_us) < 1_000_000
    assert recorded.annotations == {}, "only what a person confirmed is marked"


async def test_a_confirmed_incident_is_marked_once_and_then_changed(
    hub: tuple[Any, Store], recorded: RecordedGrafana
) -> None:
    sink, store = hub
    incident = shot()
    await store.save([incident], NOW_US)
    await store.decide(incident.id, Decision("Claire", "confirm", "", NOW_US, incident.revision))
    await until(lambda: len(recorded.annotations) == 1)
    sink._marks.clear()  # as after a restart
    await store.decide(incident.id, Decision("Claire", "close", "", NOW_US + 1, incident.revision))
    await until(lambda: "closed" in recorded.annotations[1]["tags"])
    assert len(recorded.annotations) == 1
    mark = recorded.annotations[1]
    assert mark["time"] == incident.onset_us // 1_000
    assert {"tocsin", "gunshot", "exercise"} <= set(mark["tags"])
    assert f"https://hub.example/incidents/{incident.id}" in mark["text"]
    assert "Claire" not in str(mark)


async def test_a_grafana_that_is_away_costs_pushes_and_nothing_else(
    hub: tuple[Any, Store], recorded: RecordedGrafana
) -> None:
    sink, store = hub
    recorded.broken = ("/live",)
    await store.save([shot()], NOW_US)
    await until(lambda: sink.dropped == 1)
    assert sink.behind
    recorded.broken = ()
    await store.save([shot(1)], NOW_US)
    await until(lambda: len(recorded.live) == 1)
    await until(lambda: sink.behind == "")


def test_a_target_does_not_show_its_token() -> None:
    assert "hush" not in repr(GrafanaTarget(url="http://g", token="hush"))
