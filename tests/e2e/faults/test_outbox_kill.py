"""The worker is killed with -9 again and again in the middle: nothing is lost, and a message keeps its id."""

from __future__ import annotations

import asyncio
import base64
import os
import random
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from standardwebhooks.webhooks import Webhook as Reference

from hub.incident import Incident
from hub.sinks.endpoints import Endpoint
from hub.store import Decision, Store, migrate, open_engine
from hub.store.outbox import Outbox

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
NOW_US = 1_790_000_001_000_000
MESSAGES = 40
KILLS = int(os.environ.get("TOCSIN_FAULT_KILLS", "4"))

WORKER = """
import asyncio, sys
from hub.sinks.endpoints import Endpoint
from hub.sinks.outbox import OutboxWorker
from hub.store import Store, open_engine

async def main(url, hook, secret):
    endpoint = Endpoint(name="police", url=hook, secret=secret, allow_private=("127.0.0.1",))
    store = Store(open_engine(url), [endpoint])
    worker = OutboxWorker(store, [endpoint])
    await worker.open()
    await worker.run()

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.mark.e2e
async def test_a_worker_killed_in_the_middle_loses_nothing_and_keeps_the_ids(
    tmp_path: Path, make_incident: Callable[..., Incident]
) -> None:
    got: Counter[str] = Counter()
    news = asyncio.Event()
    dice = random.Random(7)

    async def take(request: web.Request) -> web.Response:
        body = await request.read()
        Reference(SECRET).verify(body, dict(request.headers), json_parse=False)
        got[request.headers["webhook-id"]] += 1
        news.set()
        await asyncio.sleep(dice.uniform(0.0, 0.02))  # the kill falls before, during and after the answer
        return web.Response()

    app = web.Application()
    app.router.add_post("/hook", take)
    server = TestServer(app)
    await server.start_server()
    hook = str(server.make_url("/hook"))

    url = f"sqlite:///{tmp_path}/state.sqlite"
    await migrate(url)
    engine = open_engine(url)
    store = Store(engine, [Endpoint(name="police", url=hook, secret=SECRET)])
    incidents = [make_incident(f"n{index}") for index in range(MESSAGES)]
    await store.save(incidents, NOW_US)
    for incident in incidents:
        await store.decide(incident.id, Decision("Claire", "confirm", "", NOW_US, 1))

    for kill in range(KILLS + 1):
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", WORKER, url, hook, SECRET)
        if kill < KILLS:
            news.clear()
            await asyncio.wait_for(news.wait(), 30)
            await asyncio.sleep(dice.uniform(0.0, 0.03))
            process.kill()
            await process.wait()
            if not await Outbox(engine, store.bell).rows("pending"):
                break
        else:
            await _until_all_delivered(Outbox(engine, store.bell))
            process.kill()
            await process.wait()
    outbox = Outbox(engine, store.bell)
    await _until_all_delivered(outbox)
    ids = {row.notice.message_id for row in await outbox.rows(limit=1_000)}
    assert set(got) == ids
    assert len(ids) == MESSAGES
    await engine.dispose()
    await server.close()


async def _until_all_delivered(outbox: Outbox) -> None:
    async with asyncio.timeout(60):
        while len(await outbox.rows("delivered", limit=1_000)) < MESSAGES:  # noqa: ASYNC110 - another process writes
            await asyncio.sleep(0.05)
