"""`/metrics` on a running hub: it can be read by Prometheus, and only from where it should."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from hub.app import serving
from hub.config import Http, HubConfig


async def read(client: aiohttp.ClientSession) -> dict[str, Any]:
    async with client.get("/metrics") as answer:
        assert answer.status == 200
        text = await answer.text()
    return {family.name: family for family in text_string_to_metric_families(text)}


async def test_it_tells_the_mode_the_build_the_log_and_what_was_refused(hub: Any) -> None:
    client = await hub.session(None)
    async with client.get("/api/v1/incidents") as answer:
        assert answer.status == 401
    async with client.post("/api/v1/ingest", data=b"x", headers={"Content-Type": "application/json"}) as answer:
        assert answer.status == 401
    families = await read(client)
    codes = {sample.labels["code"]: sample.value for sample in families["tocsin_http_refusals"].samples}
    assert codes["sign_in_needed"] == 1
    assert codes["credentials_missing"] == 1
    mode = {sample.labels["tocsin_mode"]: sample.value for sample in families["tocsin_mode"].samples}
    assert mode == {"off": 0, "aggregate": 0, "signal": 0, "dispatch": 1}
    assert families["tocsin_log_up"].samples[0].value == 1
    assert families["tocsin_database_up"].samples[0].value == 1
    assert families["tocsin_build_info"].samples[0].labels["version"]
    counted = {sample.labels.get("status"): sample.value for sample in families["tocsin_ingest_seconds"].samples
               if sample.name.endswith("_count")}  # fmt: skip
    assert counted == {"4xx": 1}
    assert "process_resident_memory_bytes" in families


async def test_names_follow_the_rules_of_prometheus_and_labels_are_bounded(hub: Any) -> None:
    client = await hub.session(None)
    for number in range(50):
        async with client.get(f"/nowhere/{number}") as answer:
            assert answer.status == 404
    families = await read(client)
    for name, family in families.items():
        assert family.documentation, name
        assert not name.endswith(("_ms", "_us", "_minutes")), name
    routes = {sample.labels["route"] for sample in families["tocsin_http_requests"].samples}
    assert not any("nowhere" in route for route in routes)


@pytest.mark.parametrize(("allowed", "status"), [((), 401), (("127.0.0.0/8",), 200), (("10.0.0.0/8",), 401)])
async def test_it_is_for_the_addresses_that_the_configuration_names(
    tmp_path: Path, allowed: tuple[str, ...], status: int
) -> None:
    config = HubConfig(data_dir=tmp_path, http=Http(port=0, metrics_from=allowed))
    async with (
        serving(config) as (_, port),
        aiohttp.ClientSession(f"http://127.0.0.1:{port}") as client,
        client.get("/metrics") as answer,
    ):
        assert answer.status == status


async def test_whoever_may_read_may_read_it_from_anywhere(tmp_path: Path) -> None:
    from hub.keys import ACCOUNTS

    config = HubConfig(data_dir=tmp_path, http=Http(port=0, metrics_from=()))
    async with serving(config) as (app, port):
        await app[ACCOUNTS].create("Ana", "auditor", "long enough a password", 1)
        jar = aiohttp.CookieJar(unsafe=True)
        headers = {"X-Tocsin": "1"}
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}", cookie_jar=jar, headers=headers) as client:
            body = {"name": "Ana", "password": "long enough a password"}
            async with client.post("/api/v1/session", json=body) as answer:
                assert answer.status == 200
            await read(client)
