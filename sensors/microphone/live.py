"""A sound card as a source: PortAudio through `sounddevice`, block time stamps mapped to UTC."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from sensors.clock import CaptureClock, read_system_clock
from sensors.microphone.sources import BLOCK_S, MAX_RATE_HZ, MIN_RATE_HZ, Samples, SoundBlock, SourceError, SourceStatus

PREFERRED_RATE_HZ: Final = 48_000
QUEUE_BLOCKS: Final = 8
"""Two seconds wait at most: what analysis can't keep up with is dropped and counted, never hoarded."""
VANISHED_S: Final = 3.0
"""A device that delivers nothing for this long is gone."""
SYSTEM_CLOCK_EVERY_S: Final = 64.0
JUMP_KEPT_S: Final = 600.0
CARD_SIGMA_US: Final = 1_000
"""Converter and driver delay that PortAudio's ADC times do not know of."""
NO_ADC_SIGMA_US: Final = 20_000
"""Where the host tells no ADC time, the call-back's own time stands in: buffers of 10 ms and more are unknown."""


@dataclass(frozen=True, slots=True)
class Device:
    """One input that PortAudio offers."""

    index: int
    name: str
    host: str
    channels: int
    rate_hz: int
    default: bool


@dataclass(frozen=True, slots=True)
class _Captured:
    samples: Samples
    utc_us: int
    first: int
    gap: bool


def portaudio() -> Any:
    """The `sounddevice` module; SourceError `portaudio_missing` or `sounddevice_missing` says what to install."""
    try:
        import sounddevice
    except ImportError:
        raise SourceError("sounddevice_missing", "Install the live capture: pip install 'tocsin[mic]'.") from None
    except OSError:
        words = "The PortAudio library is not installed: sudo apt install libportaudio2 (Debian, Ubuntu)."
        raise SourceError("portaudio_missing", words) from None
    return sounddevice


def devices() -> list[Device]:
    """The inputs of this machine. Raises SourceError where PortAudio is missing or broken."""
    sd = portaudio()
    try:
        hosts = sd.query_hostapis()
        default = sd.default.device[0]
        return [
            Device(
                index=int(entry["index"]),
                name=str(entry["name"]),
                host=str(hosts[entry["hostapi"]]["name"]),
                channels=int(entry["max_input_channels"]),
                rate_hz=round(entry["default_samplerate"]),
                default=entry["index"] == default,
            )
            for entry in sd.query_devices()
            if entry["max_input_channels"] > 0
        ]
    except sd.PortAudioError as error:
        raise SourceError("portaudio_failed", f"PortAudio can't list devices: {error}") from None


class LiveSource:
    """Captures from `device` (index, part of a name, or None for the default) at `rate_hz` (None: 48 kHz if it can).

    Raises SourceError: `portaudio_missing`, `device_missing` (no such input), `device_busy` (it can't be opened),
    `device_lost` (nothing came for 3 s, or the stream was stopped).
    """

    def __init__(self, device: int | str | None = None, *, rate_hz: int | None = None, channels: int = 1) -> None:
        self._device = device
        self._rate_hz = rate_hz
        self._channels = channels
        self._clock: CaptureClock | None = None
        self._overruns = 0
        self._jumped_at: float | None = None

    @property
    def name(self) -> str:
        """The device as it was asked for."""
        return "default input" if self._device is None else str(self._device)

    def status(self) -> SourceStatus:
        """Overruns since the start, and the clock."""
        clock = self._clock
        jumped = self._jumped_at is not None and time.monotonic() - self._jumped_at < JUMP_KEPT_S
        if clock is None:
            return SourceStatus(overruns=self._overruns)
        return SourceStatus(self._overruns, clock.offset_us, clock.synchronised, jumped)

    async def blocks(self) -> AsyncIterator[SoundBlock]:
        """Open the device and deliver what it hears."""
        sd = portaudio()
        loop = asyncio.get_running_loop()
        queue: asyncio.Queue[_Captured | None] = asyncio.Queue(QUEUE_BLOCKS)
        gap = count = 0
        adc_known = True

        def offer(captured: _Captured | None) -> None:
            nonlocal gap
            try:
                queue.put_nowait(captured)
            except asyncio.QueueFull:
                self._overruns += 1
                gap = 1

        def heard(data: Any, frames: int, times: Any, status: Any) -> None:
            # PortAudio's own thread: stamp, copy, hand over.
            nonlocal count, gap, adc_known
            now_us = time.time_ns() // 1_000
            if status.input_overflow:
                self._overruns += 1
                gap = 1
            adc_known = times.inputBufferAdcTime > 0.0
            late_s = times.currentTime - times.inputBufferAdcTime if adc_known else frames / rate
            samples = np.asarray(data, np.float32).mean(axis=1, dtype=np.float32)
            captured = _Captured(samples, now_us - round(late_s * 1e6), count, bool(gap))
            gap, count = 0, count + frames
            loop.call_soon_threadsafe(offer, captured)

        def stopped() -> None:
            loop.call_soon_threadsafe(offer, None)

        stream, rate = await asyncio.to_thread(self._open, sd, heard, stopped)
        self._clock = clock = CaptureClock(rate, path_sigma_us=CARD_SIGMA_US)
        try:
            next_look = 0.0
            await asyncio.to_thread(stream.start)
            while True:
                if time.monotonic() >= next_look:
                    clock.set_system(await read_system_clock())
                    next_look = time.monotonic() + SYSTEM_CLOCK_EVERY_S
                try:
                    async with asyncio.timeout(VANISHED_S):
                        captured = await queue.get()
                except TimeoutError:
                    captured = None
                if captured is None:
                    raise SourceError("device_lost", f"{self.name} has stopped delivering sound: check its cable.")
                if clock.stamp(captured.first, captured.utc_us):
                    self._jumped_at = time.monotonic()
                clock.path_sigma_us = CARD_SIGMA_US if adc_known else NO_ADC_SIGMA_US
                start_us = clock.utc_us(captured.first)
                yield SoundBlock(captured.samples, rate, start_us, clock.sigma_us, captured.gap)
        except sd.PortAudioError as error:
            raise SourceError("device_lost", f"{self.name} failed: {error}") from None
        finally:
            await asyncio.to_thread(stream.abort, ignore_errors=True)
            await asyncio.to_thread(stream.close, ignore_errors=True)

    def _open(self, sd: Any, heard: Any, stopped: Any) -> tuple[Any, int]:
        try:
            info = sd.query_devices(self._device, "input")
        except (ValueError, sd.PortAudioError):
            words = f"There is no input {self.name!r}: `tocsin mic --list` shows what there is."
            raise SourceError("device_missing", words) from None
        wanted = [self._rate_hz] if self._rate_hz else [PREFERRED_RATE_HZ, round(info["default_samplerate"])]
        reason = ""
        for rate in wanted:
            if not MIN_RATE_HZ <= rate <= MAX_RATE_HZ:
                continue
            try:
                stream = sd.InputStream(
                    device=self._device,
                    samplerate=rate,
                    channels=min(self._channels, info["max_input_channels"]),
                    dtype="float32",
                    blocksize=round(BLOCK_S * rate),
                    callback=heard,
                    finished_callback=stopped,
                )
            except sd.PortAudioError as error:
                reason = str(error)
                continue
            return stream, rate
        raise SourceError("device_busy", f"{self.name} can't be opened: {reason or 'no usable sample rate'}.")
