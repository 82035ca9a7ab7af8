"""How a sensor gets in: it makes its key, shows the one-time code, and keeps what the hub calls it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

import aiohttp
import msgspec
from yarl import URL

from sensors.agent import SOFTWARE
from sensors.identity import Identity

ENROL_PATH: Final = "/api/v1/enrol"
TIMEOUT: Final = aiohttp.ClientTimeout(total=20.0)
_UNNAMED: Final = "enrolling"


class EnrolmentError(Exception):
    """The hub did not let the sensor in; `code` is the hub's, or `hub_unreachable`, `hub_unknown`."""

    def __init__(self, code: str, words: str) -> None:
        self.code = code
        super().__init__(words)


class _Answer(msgspec.Struct):
    sensor: str = ""
    code: str = ""
    detail: str = ""


async def enrol(hub_url: str, code: str, key_file: Path, kind: str | None = None) -> Identity:
    """Enrol at the hub at `hub_url` with a one-time `code`; the key lies in `key_file` afterwards.

    Nothing is left behind where it fails: IdentityError for the file, EnrolmentError for the hub. The file is made
    before the code is
    spent, so that a folder without room or rights costs no code.
    """
    url = URL(hub_url)
    if url.scheme not in {"http", "https"} or not url.host:
        raise EnrolmentError(
            "hub_unknown", f"{hub_url!r} is not the address of a hub; it looks like https://hub.example"
        )
    unnamed = await asyncio.to_thread(Identity.create, key_file, _UNNAMED)
    try:
        sensor = await _ask(url, code, unnamed.public_key, kind)
        identity = unnamed.renamed(sensor, str(url.origin()))
        await asyncio.to_thread(identity.save, key_file, replace=True)
    except BaseException:
        await asyncio.to_thread(key_file.unlink, missing_ok=True)
        raise
    return identity


async def _ask(url: URL, code: str, public_key: str, kind: str | None) -> str:
    asked = {"code": code, "public_key": public_key, "kind": kind, "software": SOFTWARE}
    try:
        async with (
            aiohttp.ClientSession(timeout=TIMEOUT) as session,
            session.post(url.with_path(ENROL_PATH), json=asked, allow_redirects=False) as response,
        ):
            status, raw = response.status, await response.content.read(65_536)
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        words = f"{url.origin()} can't be reached: {error or type(error).__name__}"
        raise EnrolmentError("hub_unreachable", words) from None
    try:
        answer = msgspec.json.decode(raw, type=_Answer)
    except msgspec.MsgspecError:
        answer = _Answer()
    if status != 200 or not answer.sensor:
        raise EnrolmentError(answer.code or f"http_{status}", answer.detail or f"The hub answered {status}.")
    return answer.sensor
