"""A credential that was refused stands in the audit log, by code: replayed, forged, or guessed."""

from __future__ import annotations

import base64
import json
import time
from pathlib import Path

import aiohttp
import msgspec
import uuid6
from sqlalchemy import select

from hub.app import serving
from hub.config import Http, HubConfig, PolicyConfig
from hub.keys import REGISTRY
from hub.policy.tables import AUDIT
from hub.registry import SensorRecord
from hub.store.engine import open_engine, reading
from sensors.identity import Identity
from sensors.protocol import Batch, Heartbeat

POLICY = PolicyConfig(profile="lab", responsible_person="A. Tester", start="2026-01-01", end="2099-01-01")


async def test_replays_and_wrong_credentials_are_refused_counted_and_audited(tmp_path: Path) -> None:
    config = HubConfig(data_dir=tmp_path, policy=POLICY, http=Http(port=0))
    identity = Identity.generate("mic-1")
    async with serving(config) as (app, port), aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
        registry = app[REGISTRY]
        await registry.add(SensorRecord(id="mic-1", kind="microphone", latitude=45.4, longitude=4.3))
        now_us = time.time_ns() // 1_000
        code = await registry.new_code("mic-1", now_us)
        await registry.enrol(code, base64.b64decode(identity.public_key), None, "test", now_us)
        beat = Heartbeat(
            id=uuid6.uuid7(), sensor="mic-1", sent=now_us, uptime_s=1.0, clock_offset_us=0, clock_sigma_us=1,
            queue_depth=0, dropped=0, capture="ok", software="x",
        )  # fmt: skip
        body = msgspec.json.encode(Batch([beat]))
        headers = identity.sign(
            method="POST", authority=f"127.0.0.1:{port}", path="/api/v1/ingest", content_type="application/json",
            body=body, created_s=now_us // 1_000_000,
        )  # fmt: skip
        statuses = []
        for sent in (headers, headers, headers, {**headers, "Signature": "sig1=:" + "A" * 86 + "==:"}):
            async with session.post("/api/v1/ingest", data=body, headers=sent) as answer:
                statuses.append(answer.status)
        assert statuses[:3] == [200, 401, 401]
        assert statuses[3] in (400, 401)
        wrong = {"name": "nobody", "password": "guessed it once"}
        async with session.post("/api/v1/session", json=wrong, headers={"X-Tocsin": "1"}) as answer:
            assert answer.status == 401
    engine = open_engine(config.database_url)
    async with reading(engine) as connection:
        rows = await connection.execute(select(AUDIT.c.record).where(AUDIT.c.kind == "refusal"))
        told = {record["subject"]: record["values"]["count"] for record in (json.loads(row.record) for row in rows)}
    await engine.dispose()
    assert told["signature_replayed"] == 2
    assert told["sign_in_refused"] == 1
