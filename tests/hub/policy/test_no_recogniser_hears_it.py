"""A recogniser understands what is said in the street, and nothing of what the agent sends or has on its disk."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
import pytest
import soxr

from sensors.protocol import AnyMessage, SoundLevel

RATE: Final = 16_000
ROOT: Final = Path(__file__).resolve().parents[3]
FOLDER: Final = ROOT / ".recogniser"
UNDERSTOOD: Final = 12
"""Runs of three words that have to be made out for "it understands"; of the minute of speech it finds some 40."""
CHANCE: Final = 1
"""A recogniser answers noise with words too; three in the right order are met once by chance, if ever."""
WILD: Final = 1e100
"""What no sample is: bytes of anything, read as floats, are of any size."""
PIECE: Final = 64
PAGE: Final = 4_096
FRAME_HEAD: Final = 24
WAL_HEAD: Final = 32

pytestmark = [
    pytest.mark.skipif(not FOLDER.exists(), reason="no recogniser: make recogniser puts one into .recogniser"),
    pytest.mark.timeout(600),
]


@pytest.fixture
def hear(tmp_path: Path) -> Callable[[list[np.ndarray]], list[str]]:
    """`hear(sounds)`: what the recogniser makes out of each, in a process of its own."""

    def listen(sounds: list[np.ndarray]) -> list[str]:
        files = []
        for number, sound in enumerate(sounds):
            path = tmp_path / f"{number}.raw"
            path.write_bytes((np.clip(loud(sound), -1, 1) * 32_000).astype("<i2").tobytes())
            files.append(str(path))
        command = [sys.executable, str(ROOT / "tests/checks/recogniser.py"), str(FOLDER), *files]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        heard: list[str] = json.loads(done.stdout)
        return heard

    return listen


def loud(sound: np.ndarray) -> np.ndarray:
    """Without its mean, and as loud as it goes; float32."""
    with np.errstate(invalid="ignore"):  # bytes read as floats are also signalling NaNs
        wide = np.asarray(sound, dtype=np.float64)
    wide = np.where(np.abs(wide) < WILD, wide, 0.0)
    plain = wide - wide.mean()
    # A few wild values (half of all floats are) must not make silence of the rest.
    peak = np.percentile(np.abs(plain), 99.0)
    return (plain / peak if peak > 0 else plain).clip(-1, 1).astype(np.float32)


def runs_of_three(text: str) -> set[tuple[str, ...]]:
    words = "".join(sign if sign.isalpha() or sign == "'" else " " for sign in text.lower()).split()
    return set(zip(words, words[1:], words[2:], strict=False))


def made_out(heard: str, said: str) -> int:
    """How many runs of three words of what was said are in what was heard."""
    return len(runs_of_three(heard) & runs_of_three(said))


def pieces(folder: Path) -> bytes:
    """Everything in the files of `folder`, each piece once: SQLite's log holds many states of the same page."""
    seen: set[bytes] = set()
    found = []
    for path in sorted(folder.rglob("*")):
        if not path.is_file():
            continue
        held = path.read_bytes()
        pages = [held]
        if path.name.endswith("-wal"):
            starts = range(WAL_HEAD, len(held), FRAME_HEAD + PAGE)
            pages = [held[:WAL_HEAD], *(held[start + FRAME_HEAD : start + FRAME_HEAD + PAGE] for start in starts)]
        for page in pages:
            for start in range(0, len(page), PIECE):
                piece = page[start : start + PIECE]
                if piece not in seen:
                    seen.add(piece)
                    found.append(piece)
    return b"".join(found)


def as_numbers(held: bytes, kind: str, offset: int = 0) -> np.ndarray:
    usable = held[offset:]
    return np.frombuffer(usable[: len(usable) - len(usable) % np.dtype(kind).itemsize], dtype=kind)


def g711(held: bytes) -> np.ndarray:
    """µ-law, the telephone's coding (ITU-T G.711)."""
    code = ~np.frombuffer(held, dtype=np.uint8)
    magnitude = (((code & 0x0F).astype(np.int32) << 3) + 0x84 << ((code & 0x70) >> 4)) - 0x84
    return np.where(code & 0x80, -magnitude, magnitude)


def of_three_bytes(held: bytes) -> np.ndarray:
    three = np.frombuffer(held[: len(held) - len(held) % 3], dtype=np.uint8).reshape(-1, 3).astype(np.int32)
    return ((three[:, 2] << 24) | (three[:, 1] << 16) | (three[:, 0] << 8)) >> 8


def as_sound(held: bytes) -> Iterator[tuple[str, np.ndarray]]:
    """The bytes as samples of each usual width and coding, at 16 kHz, and the narrow ones at the telephone's 8 kHz."""
    yield "16 bit", as_numbers(held, "<i2")
    yield "16 bit, odd", as_numbers(held, "<i2", 1)
    yield "16 bit, big-endian", as_numbers(held, ">i2")
    yield "24 bit", of_three_bytes(held)
    yield "32 bit", as_numbers(held, "<i4")
    yield "float", as_numbers(held, "<f4")
    yield "double", as_numbers(held, "<f8")
    yield "8 bit, signed", as_numbers(held, "i1")
    for name, wave in (("8 bit", as_numbers(held, "u1")), ("G.711", g711(held))):
        yield f"{name} at 8 kHz", soxr.resample(loud(wave), RATE // 2, RATE)
        yield f"{name} at 16 kHz", wave


def carriers(samples: int) -> dict[str, np.ndarray]:
    """What an envelope is laid on: a voice's pulses, and noise as of a whisper."""
    pulses = np.zeros(samples, np.float32)
    pulses[:: RATE // 120] = 1.0
    return {"pulses": pulses, "whisper": np.random.default_rng(3).normal(0, 0.3, samples).astype(np.float32)}


def band(sound: np.ndarray, low_hz: float, high_hz: float) -> np.ndarray:
    spectrum = np.fft.rfft(sound)
    hertz = np.fft.rfftfreq(sound.size, 1 / RATE)
    spectrum[(hertz < low_hz) | (hertz >= high_hz)] = 0
    return np.fft.irfft(spectrum, sound.size)


def as_envelopes(levels: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """A series of levels (n times 6, dB) as the loudness of a carrier, and as the six bands of a vocoder."""
    gains = 10 ** ((levels - levels.max(axis=0)) / 20)
    edges = np.geomspace(150, 6_000, gains.shape[1] + 1)
    for step_s in (0.01, 0.1):
        samples = int(step_s * RATE) * len(gains)
        at = np.arange(samples) / (step_s * RATE)
        moving = np.stack([np.interp(at, np.arange(len(gains)), gains[:, k]) for k in range(gains.shape[1])])
        for name, carrier in carriers(samples).items():
            yield f"levels as loudness of {name}, {step_s} s", moving[0] * carrier
            bands = [moving[k] * band(carrier, edges[k], edges[k + 1]) for k in range(gains.shape[1])]
            yield f"levels as bands of {name}, {step_s} s", np.sum(bands, axis=0)


def numbers_of(bodies: list[bytes]) -> np.ndarray:
    """Every number of every message, in the order of their sending."""
    found: list[float] = []

    def walk(value: Any) -> None:
        if isinstance(value, dict):
            for part in value.values():
                walk(part)
        elif isinstance(value, list):
            for part in value:
                walk(part)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            found.append(float(value))

    for body in bodies:
        walk(msgspec.msgpack.decode(body))
    return np.array(found)


def test_it_understands_what_was_said_in_the_street(evening: Any, hear: Any) -> None:
    if evening.english.size == 0:
        pytest.skip("no voice: apt-get install espeak-ng")
    (heard,) = hear([evening.english])
    assert made_out(heard, evening.text) >= UNDERSTOOD, heard


def test_it_would_find_speech_that_lay_among_the_bytes_of_a_disk(evening: Any, hear: Any, tmp_path: Path) -> None:
    if evening.english.size == 0:
        pytest.skip("no voice: apt-get install espeak-ng")
    disk = tmp_path / "leaking agent"
    disk.mkdir()
    whole = np.clip(evening.english[: 25 * RATE] * 32_767, -32_768, 32_767).astype("<i2")
    for path in evening.folder.iterdir():
        (disk / path.name).write_bytes(path.read_bytes())
    (disk / "core").write_bytes(b"#" * PIECE + b"!" + whole.tobytes())
    ways = dict(as_sound(pieces(disk)))
    heard = hear([ways["16 bit, odd"]])
    assert made_out(heard[0], evening.text) >= UNDERSTOOD // 2, heard


def test_it_gets_nothing_from_what_the_agent_sent_or_has_on_its_disk(evening: Any, hear: Any) -> None:
    decoder = msgspec.msgpack.Decoder(AnyMessage)
    messages = [decoder.decode(body) for body in evening.sent]
    rows = [
        (one.laeq, one.lafmax, one.lcpeak, one.l10, one.l50, one.l90) for one in messages if isinstance(one, SoundLevel)
    ]
    assert len(rows) >= 5, "ten minutes have levels"
    sounds = {f"disk, {name}": sound for name, sound in as_sound(pieces(evening.folder))}
    sounds |= {f"sent, {name}": sound for name, sound in as_sound(b"".join(evening.sent))}
    sounds |= dict(as_envelopes(np.array(rows)))
    numbers = numbers_of(evening.sent)
    sounds["numbers as samples"] = np.tile(numbers, max(1, RATE // numbers.size))
    sounds["changes of the numbers"] = np.diff(sounds["numbers as samples"])
    heard = dict(zip(sounds, hear(list(sounds.values())), strict=True))
    found = {name: text for name, text in heard.items() if made_out(text, evening.text) > CHANCE}
    assert found == {}
