"""A network stream as a source: WAV or raw PCM over HTTP(S) or TCP, and RTSP by a child `ffmpeg`.

Sound over a network carries no capture time: blocks are stamped when they arrive, and the uncertainty says so (0.25 s),
so that fusion hears such a sensor but never places anything by it. An agent beside the microphone is the better way.
"""

from __future__ import annotations

import asyncio
import re
import shutil
import time
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from typing import Final, Protocol, TypeVar
from urllib.parse import parse_qs, urlsplit

import aiohttp

from sensors.children import end
from sensors.clock import CaptureClock, read_system_clock
from sensors.microphone.sources import BLOCK_S, SoundBlock, SourceError, SourceStatus
from sensors.microphone.wave import MAX_HEADER, WaveFormat, wave_header

NETWORK_SIGMA_US: Final = 250_000
CONNECT_S: Final = 10.0
STALL_S: Final = 10.0
FFMPEG_RATE_HZ: Final = 48_000
SYSTEM_CLOCK_EVERY_S: Final = 64.0
_CREDENTIALS: Final = re.compile(r"//[^/@]*@")

T = TypeVar("T")


class _Reader(Protocol):
    async def read(self, n: int = -1) -> bytes: ...


class StreamSource:
    """Hears `url`: `http(s)://` (WAV, or `audio/L16;rate=R;channels=C`), `tcp://host:port` (WAV, or raw PCM with
    `?rate=48000&channels=1&format=s16le`), `rtsp(s)://` (needs the program ffmpeg; video is dropped before decoding).

    Raises SourceError: `url_unusable`, `stream_refused`, `stream_lost` (closed, or silent on the wire for 10 s),
    `format_unusable`, `ffmpeg_missing`.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        parts = urlsplit(url)
        try:
            port = parts.port
        except ValueError:
            port = None
        usable = parts.scheme in ("http", "https", "rtsp", "rtsps") and parts.hostname
        if not usable and not (parts.scheme == "tcp" and parts.hostname and port):
            raise SourceError("url_unusable", "Give http://, https://, rtsp:// or tcp://host:port.")
        self._scheme, self._host, self._port = parts.scheme, parts.hostname or "", port or 0
        self._query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
        self._clock: CaptureClock | None = None

    @property
    def name(self) -> str:
        """The address without its password."""
        return _CREDENTIALS.sub("//", self._url)

    def status(self) -> SourceStatus:
        """The clock; a stream tells nothing of its losses."""
        if self._clock is None:
            return SourceStatus()
        return SourceStatus(0, self._clock.offset_us, self._clock.synchronised)

    async def blocks(self) -> AsyncIterator[SoundBlock]:
        """Connect and deliver what comes."""
        opener = {"tcp": self._tcp, "http": self._http, "https": self._http}.get(self._scheme, self._ffmpeg)
        async with opener() as (reader, given):
            wave, rest = (given, b"") if given else await self._header(reader)
            self._clock = clock = CaptureClock(wave.rate_hz, path_sigma_us=NETWORK_SIGMA_US)
            size = round(BLOCK_S * wave.rate_hz) * wave.frame_bytes
            pending, count, next_look = bytearray(rest), 0, 0.0
            while True:
                if time.monotonic() >= next_look:
                    clock.set_system(await read_system_clock())
                    next_look = time.monotonic() + SYSTEM_CLOCK_EVERY_S
                pending += await self._read(reader, size)
                whole = len(pending) // size * size
                for at in range(0, whole, size):
                    samples = wave.decode(bytes(pending[at : at + size]))
                    # The last sample came now; what waits behind it in `pending` came later still.
                    behind_s = (len(pending) - at) / wave.frame_bytes / wave.rate_hz
                    clock.stamp(count, time.time_ns() // 1_000 - round(behind_s * 1e6))
                    yield SoundBlock(samples, wave.rate_hz, clock.utc_us(count), clock.sigma_us)
                    count += samples.size
                del pending[:whole]

    async def _read(self, reader: _Reader, size: int) -> bytes:
        try:
            async with asyncio.timeout(STALL_S):
                data = await reader.read(size)
        except TimeoutError:
            raise SourceError("stream_lost", f"{self.name} has sent nothing for {STALL_S:.0f} s.") from None
        except (aiohttp.ClientError, OSError) as error:
            raise SourceError("stream_lost", f"{self.name} broke off: {error or type(error).__name__}") from None
        if not data:
            raise SourceError("stream_lost", f"{self.name} has ended.")
        return data

    async def _header(self, reader: _Reader) -> tuple[WaveFormat, bytes]:
        data = b""
        while (found := wave_header(data)) is None:
            if len(data) > 2 * MAX_HEADER:
                raise SourceError("format_unusable", f"{self.name}: the header of the WAV has no end.")
            data += await self._read(reader, 4_096)
        return found[0], data[found[1] :]

    async def _connect(self, connecting: Awaitable[T]) -> T:
        try:
            async with asyncio.timeout(CONNECT_S):
                return await connecting
        except TimeoutError:
            raise SourceError("stream_refused", f"{self.name} does not answer.") from None
        except (aiohttp.ClientError, OSError) as error:
            raise SourceError("stream_refused", f"{self.name} can't be reached: {error}") from None

    @asynccontextmanager
    async def _tcp(self) -> AsyncIterator[tuple[_Reader, WaveFormat | None]]:
        reader, writer = await self._connect(asyncio.open_connection(self._host, self._port))
        try:
            yield reader, _pcm(self._query) if "rate" in self._query else None
        finally:
            writer.close()

    @asynccontextmanager
    async def _http(self) -> AsyncIterator[tuple[_Reader, WaveFormat | None]]:
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S, sock_read=STALL_S)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            response = await self._connect(session.get(self._url))
            async with response:
                if response.status != 200:
                    raise SourceError("stream_refused", f"{self.name} answers {response.status}.")
                kind, _, parameters = response.headers.get("Content-Type", "").partition(";")
                raw = None
                if kind.strip().lower() in ("audio/l16", "audio/pcm"):
                    given = dict(item.strip().partition("=")[::2] for item in parameters.split(";"))
                    # RFC 2586: audio/L16 is big-endian.
                    raw = _pcm({"format": "s16be" if kind.lower().endswith("l16") else "s16le", **given})
                yield response.content, raw

    @asynccontextmanager
    async def _ffmpeg(self) -> AsyncIterator[tuple[_Reader, WaveFormat | None]]:
        program = await asyncio.to_thread(shutil.which, "ffmpeg")
        if program is None:
            words = "RTSP needs the program ffmpeg: sudo apt install ffmpeg (Debian, Ubuntu)."
            raise SourceError("ffmpeg_missing", words)
        child = await asyncio.create_subprocess_exec(
            *(program, "-nostdin", "-loglevel", "quiet", "-rtsp_transport", "tcp", "-i", self._url),
            *("-vn", "-sn", "-dn", "-ac", "1", "-ar", str(FFMPEG_RATE_HZ), "-f", "f32le", "-"),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            assert child.stdout is not None
            yield child.stdout, WaveFormat(FFMPEG_RATE_HZ, 1, "f32le")
        finally:
            await end(child)


def _pcm(given: dict[str, str]) -> WaveFormat:
    try:
        return WaveFormat(int(given["rate"]), int(given.get("channels", "1")), given.get("format", "s16le"))
    except (KeyError, ValueError):
        raise SourceError(
            "format_unusable", "Give rate, channels and format of the PCM as numbers and a name."
        ) from None
