"""The body of a request, bounded in size and time before anything is done with it."""

from __future__ import annotations

import asyncio
from typing import Final

from aiohttp import web

from hub.problem import Problem

MAX_BODY: Final = 2**20
"""Bytes of one request: 1,000 detections are 0.25 MB as MessagePack and 0.4 MB as JSON."""
READ_S: Final = 20.0
"""How long a body may take: a slow sender holds a connection, never a worker."""


def check_head(request: web.Request, max_body: int = MAX_BODY) -> None:
    """Refuse by the header alone what will not be read: no length, too much, or compressed.

    A compressed body is refused (415), because MessagePack is small already and a bomb then can't be sent at all.
    """
    encoding = request.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in {"", "identity"}:
        raise Problem(
            415,
            "encoding_unsupported",
            f"Content-Encoding {encoding[:20]!r} is not taken; send the body as it is, large ones as MessagePack.",
            headers={"Accept-Encoding": "identity"},
        )
    length = request.content_length
    if length is None:
        raise Problem(411, "length_required", "Content-Length is missing.")
    if length > max_body:
        raise Problem(413, "body_too_large", f"The body has {length} bytes, {max_body} are taken; send less at once.")


async def read_body(request: web.Request) -> bytes:
    """The whole body; Problem 408 where it takes longer than `READ_S`, 400 where the sender went away."""
    try:
        if request.content.is_eof():
            return await request.read()  # it is here already: nothing to wait for
        async with asyncio.timeout(READ_S):
            return await request.read()
    except TimeoutError:
        raise Problem(408, "body_too_slow", f"The body took longer than {READ_S:g} s.") from None
    except ConnectionResetError:
        raise Problem(400, "body_incomplete", "The sender went away before its body was complete.") from None
