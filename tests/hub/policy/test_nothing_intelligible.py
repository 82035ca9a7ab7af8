"""Ten minutes of speech before a microphone: nothing that the agent sends or has on its disk could carry it."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from pathlib import Path

import msgspec
import numpy as np
import pytest
import soundfile

from hub.policy.walk import walk_wire
from models.runtime import AcousticModel
from sensors.agent import Agent
from sensors.microphone.recording import RecordingSource
from sensors.microphone.station import MicrophoneStation
from sensors.protocol import AnyMessage, Detection, Heartbeat, SoundLevel
from sensors.spool import LANES, Spool

RATE = 16_000
MINUTES = 10
SPEECH_BITS_A_SECOND = 450
"""The slowest open speech coder (Codec 2, mode 450) needs this much, with a vocoder made for nothing else."""
SENTENCES = (
    "Bonjour madame, je m'appelle Lucie Fabre et j'habite au douze de la rue Roannelle. "
    "Demain à dix-huit heures nous allons à la réunion du syndicat, place Jean Jaurès. "
    "Mon numéro est le zéro quatre, soixante-dix-sept, vingt et un, trente-deux, quarante-trois. "
)


def spoken() -> np.ndarray:
    """A minute of French from a synthesiser where there is one, else a voice made of a pulse train and formants."""
    espeak = shutil.which("espeak-ng")
    if espeak is None:
        return made_voice(60.0)
    command = [espeak, "-v", "fr", "-s", "170", "--stdout", SENTENCES * 4]
    raw = subprocess.run(command, capture_output=True, check=True).stdout
    wave = np.frombuffer(raw[44:], dtype="<i2").astype(np.float32) / 32_768
    at = np.arange(0, wave.size - 1, 22_050 / RATE)
    return np.interp(at, np.arange(wave.size), wave).astype(np.float32)


def made_voice(seconds: float) -> np.ndarray:
    """Vowels at four syllables a second: a 120 Hz source through two moving resonances."""
    time = np.arange(int(seconds * RATE)) / RATE
    wave = np.zeros_like(time)
    rng = np.random.default_rng(7)
    for start in np.arange(0.0, seconds - 0.25, 0.25):
        inside = (time >= start) & (time < start + 0.22)
        local = time[inside] - start
        first, second = rng.uniform(300, 800), rng.uniform(900, 2_300)
        for harmonic in range(1, 30):
            hertz = 120.0 * harmonic
            gain = 1 / (1 + ((hertz - first) / 90) ** 2) + 0.6 / (1 + ((hertz - second) / 120) ** 2)
            wave[inside] += gain * np.sin(2 * np.pi * hertz * local) * np.sin(np.pi * local / 0.22) ** 2
    return (0.5 * wave / np.abs(wave).max()).astype(np.float32)


@pytest.fixture(scope="module")
def evening(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, np.ndarray, list[bytes], float]:
    """Plays the speech at a whole agent with the shipped model; its disk, the speech, what it would send, seconds."""
    folder = tmp_path_factory.mktemp("agent")
    minute = spoken()
    speech = np.tile(minute, int(np.ceil(MINUTES * 60 * RATE / minute.size)))[: MINUTES * 60 * RATE]
    file = tmp_path_factory.mktemp("street") / "speech.wav"
    soundfile.write(file, speech, RATE)

    async def play() -> list[bytes]:
        spool = Spool(folder / "agent.spool")
        station = MicrophoneStation("mic-01", RecordingSource(file), model=AcousticModel.load())
        agent = Agent("mic-01", station, spool, None, heartbeat_s=0.5)
        try:
            await agent.run()
            sent = [row.body for lane in LANES for row in await spool.take(lane, 100_000, 2**27)]
            (folder / "left-on-disk").write_bytes((folder / "agent.spool").read_bytes())
        finally:
            await agent.aclose()
        return sent

    return folder, speech, asyncio.run(play()), speech.size / RATE


def told(bodies: list[bytes]) -> list[AnyMessage]:
    decoder = msgspec.msgpack.Decoder(AnyMessage)
    return [decoder.decode(body) for body in bodies]


def test_the_agent_tells_only_levels_detections_and_its_own_health(
    evening: tuple[Path, np.ndarray, list[bytes], float],
) -> None:
    messages = told(evening[2])
    assert any(isinstance(message, SoundLevel) for message in messages), "it heard something"
    assert {type(message) for message in messages} <= {SoundLevel, Detection, Heartbeat}
    assert walk_wire() == []


def test_what_it_says_of_the_sound_is_less_than_the_slowest_voice_coder_needs(
    evening: tuple[Path, np.ndarray, list[bytes], float],
) -> None:
    bodies = [
        body for body, message in zip(evening[2], told(evening[2]), strict=True) if not isinstance(message, Heartbeat)
    ]
    assert 8 * sum(map(len, bodies)) / evening[3] < SPEECH_BITS_A_SECOND
    # And of these bits most are names, times and ids: what depends on the sound are these numbers.
    numbers = sum(6 if isinstance(message, SoundLevel) else 5 for message in told(bodies))
    assert numbers / evening[3] < 1.0, "a voice moves four times a second in a dozen dimensions"


def test_levels_are_means_over_a_second_and_more(evening: tuple[Path, np.ndarray, list[bytes], float]) -> None:
    periods = [message.period_s for message in told(evening[2]) if isinstance(message, SoundLevel)]
    assert min(periods) >= 1.0


def test_no_piece_of_the_sound_stands_on_the_disk_or_in_a_message(
    evening: tuple[Path, np.ndarray, list[bytes], float],
) -> None:
    folder, speech, bodies, _ = evening
    held = b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()) + b"".join(bodies)
    loud = np.flatnonzero(np.abs(speech) > 0.2 * np.abs(speech).max())
    starts = np.random.default_rng(1).choice(loud[loud < speech.size - 16], 2_000)
    whole = np.clip(speech * 32_768, -32_768, 32_767).astype("<i2")
    for coded, size in (
        (speech.astype("<f4"), 4),
        (whole, 6),
        (whole.astype(">i2"), 6),
        ((whole >> 8).astype("i1"), 12),
    ):
        for start in starts:
            piece = coded[start : start + size].tobytes()
            assert piece not in held


def test_on_the_disk_there_is_the_spool_and_nothing_else(
    evening: tuple[Path, np.ndarray, list[bytes], float],
) -> None:
    names = {path.name for path in evening[0].rglob("*") if path.is_file()}
    assert {name.removesuffix("-wal").removesuffix("-shm") for name in names} <= {"agent.spool", "left-on-disk"}
    size = sum((evening[0] / name).stat().st_size for name in names)
    assert size < speech_bytes(evening[3]) / 20


def speech_bytes(seconds: float) -> float:
    """What the telephone (G.711) would take."""
    return 8_000 * seconds
