"""A receiver of Tocsin's webhooks, to copy: it verifies with the reference library and keeps what it got.

    TOCSIN_SECRET=whsec_... python -m hub.sinks.receiver_example 8500

The body must be verified as it came: parse it only afterwards. The same `webhook-id` may come twice.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from aiohttp import web
from standardwebhooks.webhooks import Webhook, WebhookVerificationError


def make_receiver(secret: str) -> tuple[web.Application, dict[str, dict[str, Any]]]:
    """The application, and what it received by `webhook-id`."""
    webhook = Webhook(secret)
    received: dict[str, dict[str, Any]] = {}

    async def take(request: web.Request) -> web.Response:
        body = await request.read()
        try:
            webhook.verify(body, dict(request.headers))
        except WebhookVerificationError as error:
            return web.json_response({"refused": str(error)}, status=401)
        received.setdefault(request.headers["webhook-id"], json.loads(body))
        return web.json_response({"received": len(received)})

    app = web.Application()
    app.router.add_post("/", take)
    return app, received


if __name__ == "__main__":
    if len(sys.argv) != 2 or "TOCSIN_SECRET" not in os.environ:
        sys.exit("Usage: TOCSIN_SECRET=whsec_... python -m hub.sinks.receiver_example PORT")
    web.run_app(make_receiver(os.environ["TOCSIN_SECRET"])[0], host="127.0.0.1", port=int(sys.argv[1]))
