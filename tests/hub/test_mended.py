"""A hub whose files were damaged comes up by itself, has everything, and says what happened."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import aiohttp
import pytest
from sqlalchemy import select

from hub.app import serving
from hub.config import Http, HubConfig
from hub.keys import ENGINE, LOG, REGISTRY
from hub.policy.tables import AUDIT as AUDIT_TABLE
from hub.registry import SensorRecord
from hub.store.engine import reading

SENSORS = 40


def hurt(path: Path, page: int) -> None:
    with path.open("r+b") as file:
        file.seek(page * 4_096)
        file.write(b"\xa5" * 4_096)


async def mended_records(engine) -> list[dict]:
    async with reading(engine) as connection:
        found = await connection.execute(select(AUDIT_TABLE.c.record).where(AUDIT_TABLE.c.kind == "mended"))
        return [json.loads(row.record) for row in found]


@pytest.mark.parametrize(("name", "page"), [("state", 0), ("state", 9), ("log", 0), ("log", 3)])
async def test_a_hub_with_a_damaged_file_starts_whole_and_tells_it(tmp_path: Path, name: str, page: int) -> None:
    config = HubConfig(data_dir=tmp_path, open_console=True, language="en", http=Http(port=0))
    async with serving(config) as (app, _):
        for number in range(SENSORS):
            await app[REGISTRY].add(SensorRecord(id=f"mic-{number}", kind="microphone", latitude=45.4, longitude=4.3))
    await asyncio.to_thread(hurt, tmp_path / f"{name}.sqlite", page)
    async with serving(config) as (app, port):
        assert len(await app[REGISTRY].sensors()) == SENSORS
        await app[LOG].scrub()
        async with asyncio.timeout(30):
            while not (told := await mended_records(app[ENGINE])):  # noqa: ASYNC110 - another task writes it
                await asyncio.sleep(0.05)
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://127.0.0.1:{port}/api/v1/status", params={"lang": "en"}) as answer,
        ):
            (said,) = (await answer.json())["mended"]
    assert told[0]["subject"] == said["file"] == f"{name}.sqlite"
    assert told[0]["values"]["lost_rows"] == said["lost_rows"] == 0
    assert "nothing is lost" in said["text"]
