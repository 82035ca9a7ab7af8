"""Raw samples and WAV headers as they come over a network: bytes in, mono float32 out."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from sensors.microphone.sources import MAX_RATE_HZ, MIN_RATE_HZ, Samples, SourceError, mono

SampleFormat = Literal["u8", "s16le", "s16be", "s24le", "s32le", "f32le"]
FORMATS: Final[dict[str, tuple[str, int]]] = {
    "u8": ("u1", 1),
    "s16le": ("<i2", 2),
    "s16be": (">i2", 2),
    "s24le": ("", 3),
    "s32le": ("<i4", 4),
    "f32le": ("<f4", 4),
}
MAX_CHANNELS: Final = 32
MAX_HEADER: Final = 65_536


@dataclass(frozen=True, slots=True)
class WaveFormat:
    """How samples lie in a stream; SourceError `format_unusable` where it can't be analysed."""

    rate_hz: int
    channels: int = 1
    sample: str = "s16le"

    def __post_init__(self) -> None:
        if self.sample not in FORMATS:
            raise SourceError("format_unusable", f"Sample format {self.sample!r}: one of {', '.join(FORMATS)}.")
        if not MIN_RATE_HZ <= self.rate_hz <= MAX_RATE_HZ:
            raise SourceError(
                "format_unusable", f"{self.rate_hz} Hz: {MIN_RATE_HZ} to {MAX_RATE_HZ} Hz can be analysed."
            )
        if not 1 <= self.channels <= MAX_CHANNELS:
            raise SourceError("format_unusable", f"{self.channels} channels: 1 to {MAX_CHANNELS} can be analysed.")

    @property
    def frame_bytes(self) -> int:
        """Bytes of one sample of all channels."""
        return FORMATS[self.sample][1] * self.channels

    def decode(self, data: bytes) -> Samples:
        """Whole frames of `data` as mono float32, full scale 1."""
        values: Samples
        if self.sample == "s24le":
            raw = np.frombuffer(data, np.uint8).reshape(-1, 3)
            wide = np.zeros((len(raw), 4), np.uint8)
            wide[:, 1:] = raw
            values = wide.view("<i4")[:, 0].astype(np.float32) / np.float32(2**31)
        elif self.sample == "u8":
            values = (np.frombuffer(data, np.uint8).astype(np.float32) - np.float32(128)) / np.float32(128)
        elif self.sample == "f32le":
            values = np.frombuffer(data, "<f4").astype(np.float32)
        else:
            kind, size = FORMATS[self.sample]
            values = np.frombuffer(data, kind).astype(np.float32) / np.float32(2 ** (8 * size - 1))
        return mono(values.reshape(-1, self.channels))


def wave_header(data: bytes) -> tuple[WaveFormat, int] | None:
    """Format and length of the header of a WAV stream whose beginning is `data`; None while more bytes are needed.

    The lengths in the header are not believed: a stream has no end. SourceError `format_unusable` for what is no WAV.
    """
    if len(data) < 12:
        return None
    if data[:4] not in (b"RIFF", b"RF64") or data[8:12] != b"WAVE":
        raise SourceError("format_unusable", "The stream is not a WAV; give its format as PCM.")
    found: WaveFormat | None = None
    at = 12
    while at + 8 <= len(data):
        name, size = struct.unpack_from("<4sI", data, at)
        if name == b"data":
            if found is None:
                raise SourceError("format_unusable", "The WAV has no format chunk before its data.")
            return found, at + 8
        if size > MAX_HEADER or at > MAX_HEADER:
            raise SourceError("format_unusable", "The header of the WAV is longer than any real one.")
        if name == b"fmt ":
            if size < 16:
                raise SourceError("format_unusable", "The format chunk of the WAV is too short.")
            if at + 8 + size > len(data):
                return None
            found = _format(data[at + 8 : at + 8 + size])
        at += 8 + size + size % 2
    return None


def _format(chunk: bytes) -> WaveFormat:
    tag, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", chunk)
    if tag == 0xFFFE and len(chunk) >= 26:  # WAVE_FORMAT_EXTENSIBLE: the real tag begins the sub-format
        (tag,) = struct.unpack_from("<H", chunk, 24)
    names = {(1, 8): "u8", (1, 16): "s16le", (1, 24): "s24le", (1, 32): "s32le", (3, 32): "f32le"}
    if (tag, bits) not in names:
        raise SourceError(
            "format_unusable", f"WAV coding {tag} with {bits} bits; PCM and 32-bit float can be analysed."
        )
    return WaveFormat(rate, channels, names[(tag, bits)])
