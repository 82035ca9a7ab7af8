"""A camera's microphone over RTSP, heard through the real ffmpeg from a small real server."""

from __future__ import annotations

import asyncio
import shutil
import struct
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager

import numpy as np
import pytest

from sensors.microphone.sources import SoundBlock, SourceError
from sensors.microphone.stream import FFMPEG_RATE_HZ, StreamSource

RATE = 16_000
PACKET = 320
"""Samples in a packet: 20 ms."""

needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="the program ffmpeg is not installed")


class Camera:
    """An RTSP 1.0 server (RFC 2326) that sends one track of L16 (RFC 3551) interleaved in the connection."""

    def __init__(self, samples: np.ndarray, *, known: bool = True, stays: bool = False) -> None:
        self._data = (np.clip(samples, -1.0, 1.0) * 32_767).astype(">i2").tobytes()
        self._known = known
        self._stays = stays
        self.gone = asyncio.Event()

    def _answer(self, method: str, number: str, address: str) -> bytes:
        sdp = (
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=camera\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\n"
            f"m=audio 0 RTP/AVP 97\r\na=rtpmap:97 L16/{RATE}/1\r\na=control:track1\r\n"
        )
        if not self._known:
            return f"RTSP/1.0 404 Not Found\r\nCSeq: {number}\r\n\r\n".encode()
        more = {
            "OPTIONS": "Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN\r\n",
            "DESCRIBE": f"Content-Base: {address}/\r\nContent-Type: application/sdp\r\nContent-Length: {len(sdp)}\r\n",
            "SETUP": "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\nSession: 1\r\n",
        }.get(method, "Session: 1\r\n")
        return f"RTSP/1.0 200 OK\r\nCSeq: {number}\r\n{more}\r\n{sdp if method == 'DESCRIBE' else ''}".encode()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while request := (await reader.readuntil(b"\r\n\r\n")).decode():
                method, address = request.split()[:2]
                number = request.lower().split("cseq:")[1].split()[0]
                writer.write(self._answer(method, number, address))
                if method == "PLAY":
                    await self._play(writer)
                    if not self._stays:
                        return
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the listener has left
        finally:
            self.gone.set()
            writer.close()

    async def _play(self, writer: asyncio.StreamWriter) -> None:
        for index in range(len(self._data) // (2 * PACKET)):
            part = self._data[index * 2 * PACKET : (index + 1) * 2 * PACKET]
            packet = struct.pack(">BBHII", 0x80, 97, index & 0xFFFF, index * PACKET, 7) + part
            writer.write(b"$\x00" + struct.pack(">H", len(packet)) + packet)
        await writer.drain()


@asynccontextmanager
async def on_air(camera: Camera) -> AsyncIterator[str]:
    server = await asyncio.start_server(camera.serve, "127.0.0.1", 0)
    async with server:
        yield f"rtsp://user:secret@127.0.0.1:{server.sockets[0].getsockname()[1]}/mic"


def tone(seconds: float) -> np.ndarray:
    return 0.25 * np.sin(2 * np.pi * 1_000.0 * np.arange(round(seconds * RATE)) / RATE)


async def heard(address: str, into: list[SoundBlock]) -> None:
    """Everything that is heard at `address`, until it ends with an error."""
    async with aclosing(StreamSource(address).blocks()) as blocks:  # type: ignore[type-var]
        async for block in blocks:
            into.append(block)


@needs_ffmpeg
async def test_a_cameras_microphone_is_heard_at_its_level_and_pitch_until_the_stream_ends() -> None:
    blocks: list[SoundBlock] = []
    async with asyncio.timeout(120.0), on_air(Camera(tone(6.0))) as address:
        with pytest.raises(SourceError) as ended:
            await heard(address, blocks)
    assert ended.value.code == "stream_lost"
    assert "secret" not in ended.value.detail
    assert {block.sample_rate_hz for block in blocks} == {FFMPEG_RATE_HZ}
    sound = np.concatenate([block.samples for block in blocks])[FFMPEG_RATE_HZ // 2 : 2 * FFMPEG_RATE_HZ]
    assert float(np.sqrt(np.mean(sound**2))) == pytest.approx(0.25 / np.sqrt(2), rel=0.03)
    power = np.abs(np.fft.rfft(sound)) ** 2
    assert np.fft.rfftfreq(sound.size, 1 / FFMPEG_RATE_HZ)[power.argmax()] == pytest.approx(1_000.0, abs=2.0)
    # A network tells no capture time: such a microphone is heard, and nothing is placed by it.
    assert min(block.clock_sigma_us for block in blocks) >= 250_000


@needs_ffmpeg
async def test_a_stream_that_the_camera_does_not_have_is_an_error_with_a_code() -> None:
    blocks: list[SoundBlock] = []
    async with asyncio.timeout(120.0), on_air(Camera(tone(1.0), known=False)) as address:
        with pytest.raises(SourceError) as error:
            await heard(address, blocks)
    assert (error.value.code, blocks) == ("stream_lost", [])


@needs_ffmpeg
async def test_leaving_ends_the_decoder() -> None:
    camera = Camera(tone(20.0), stays=True)
    async with asyncio.timeout(120.0), on_air(camera) as address:
        async with aclosing(StreamSource(address).blocks()) as blocks:  # type: ignore[type-var]
            async for _ in blocks:
                break
        await camera.gone.wait()


async def test_without_ffmpeg_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(SourceError) as error:
        await heard("rtsp://127.0.0.1:9/mic", [])
    assert error.value.code == "ffmpeg_missing"
    assert "apt install ffmpeg" in error.value.detail
