"""The example that a dispatch service copies takes real messages and refuses forged ones."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from aiohttp.test_utils import TestClient, TestServer

from hub.incident import Incident
from hub.sinks.endpoints import Endpoint
from hub.sinks.receiver_example import make_receiver
from hub.sinks.webhook import Webhook
from hub.store import Notice

NOW_US = 1_790_000_001_000_000


async def test_the_example_receives_each_message_once_and_no_forgery(
    endpoint: Endpoint, make_incident: Callable[..., Incident]
) -> None:
    app, received = make_receiver(endpoint.secret)
    incident = make_incident()
    notice = Notice(kind="dispatch", message_id="msg_1", incident=incident, confirmed_us=NOW_US, sent_us=NOW_US)
    async with TestClient(TestServer(app)) as client:
        webhook = await Webhook.open(msgspec.structs.replace(endpoint, url=str(client.make_url("/"))), "tocsin")
        for attempt in (1, 2):
            assert (await webhook.deliver(notice, attempt)).verdict == "delivered"
        await webhook.close()
        assert (await client.post("/", data=b"{}")).status == 401
    assert list(received) == ["msg_1"]
    assert received["msg_1"]["data"]["incident"] == str(incident.id)
