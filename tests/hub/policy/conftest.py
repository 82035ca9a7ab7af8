"""Deployments that are complete, one message of each kind, and an evening of speech before a microphone."""

from __future__ import annotations

import asyncio
import datetime as dt
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import pytest
import soundfile
import soxr
from uuid6 import uuid7

from hub.policy.basis import (
    Attestation,
    Basis,
    Council,
    Dpia,
    Dpo,
    Operator,
    Order,
    PolicyConfig,
    Profile,
    SensorFacts,
)
from models.runtime import AcousticModel
from sensors.agent import Agent
from sensors.microphone.recording import RecordingSource
from sensors.microphone.station import MicrophoneStation
from sensors.protocol import SOUND_EVENTS, AnyMessage, Counts, Detection, Occupancy, SoundLevel
from sensors.spool import LANES, Spool

NOON: Final = dt.datetime(2026, 11, 22, 12, tzinfo=dt.UTC)
SQUARE: Final = ((45.0, 4.0), (45.0, 5.0), (46.0, 5.0), (46.0, 4.0))


def _complete(profile: Profile, **changes: Any) -> PolicyConfig:
    kind: Any = "microphone" if profile == "noise-levels" else "camera"
    facts = SensorFacts(
        "s-*", kind, notice="Panneau microphone et caméra n° 3", mask_review="C. Roux, 2026-11-10",
        calibration="CAL-2026-07", latitude=45.5, longitude=4.5,
    )  # fmt: skip
    values: dict[str, Any] = {
        "profile": profile,
        "controller": "Ville de Saint-Étienne",
        "purpose": "plan-velo",
        "dpo": Dpo("C. Roux", "dpo@saint-etienne.test", "+33 4 77 00 00 00"),
        "dpia": Dpia("AIPD-1", "2", "2026-01-01", "DPO-31", "2027-06-30"),
        "sensors": (facts,),
        "council": Council("Délibération 2026-118", "2026-09-15"),
    }
    if profile == "fr-2023-380":
        values["order"] = Order(
            "42-1", "Loire", "2026-11-02", "https://prefecture.test/1", "2026-11-15", "2026-12-10", "Fête du Livre",
            ("police municipale",), SQUARE,
        )  # fmt: skip
        values["attestation"] = Attestation("ATT-1", "Ministère", "0.1.0")
        values["operators"] = (Operator("A. Martin", "police municipale", "2026-10-20", "2027-10-20"),)
    if profile == "authorised":
        values["basis"] = Basis(
            "Ley 1/2026", "ES", "Ayuntamiento", "2026-01-01", "2027-05-31", SQUARE, ("video", "dispatch"),
            ("intrusion",), "M. Ruiz",
        )  # fmt: skip
    if profile == "lab":
        values |= {"responsible_person": "A. Martin", "start": "2026-01-01", "end": "2027-01-01"}
    return PolicyConfig(**{**values, **changes})


@pytest.fixture(scope="session")
def complete() -> Callable[..., PolicyConfig]:
    """`complete(profile, **changes)`: a deployment of that profile which nothing speaks against on 22 November 2026."""
    return _complete


def _message(kind: str, event: str = "", sensor: str = "s-1") -> AnyMessage:
    now = int(NOON.timestamp() * 1e6)
    common: dict[str, Any] = {"id": uuid7(), "sensor": sensor, "sent": now}
    if kind == "sound_level":
        return SoundLevel(**common, start=now, period_s=60.0, laeq=60, lafmax=70, lcpeak=90, l10=65, l50=60, l90=55)
    if kind == "video_count":
        return Occupancy(**common, start=now, period_s=1_200.0, zone="kerb", counts=Counts(person=20))
    assert (event in SOUND_EVENTS) == (kind == "sound_event")
    detected: Any = {"event": event, "onset": now, "duration_s": 0.1, "score": 0.9, "clock_sigma_us": 100}
    return Detection(**common, **detected, model="m@00000000")


@pytest.fixture(scope="session")
def message() -> Callable[..., AnyMessage]:
    """`message(modality, event, sensor)`: what a sensor sends of that kind."""
    return _message


@pytest.fixture(scope="session")
def noon() -> dt.datetime:
    """The moment at which the complete deployments are complete."""
    return NOON


RATE: Final = 16_000
MINUTES: Final = 10
ENGLISH: Final = (
    "The meeting of the city council is on Monday morning. We will walk to the station tomorrow morning. "
    "The president of the United States said that the government will increase the budget. "
    "My brother and my sister will come to the house on Sunday evening. The children went to school in the morning. "
    "The police said the man was in the building. She said that she will see the doctor on Thursday afternoon. "
    "The number of people in the city has increased. "
    "The company said that the price of oil will increase this year. Our friends will arrive at seven in the evening."
)
FRENCH: Final = 4 * (
    "Bonjour madame, je m'appelle Lucie Fabre et j'habite au douze de la rue Roannelle. "
    "Demain à dix-huit heures nous allons à la réunion du syndicat, place Jean Jaurès. "
    "Mon numéro est le zéro quatre, soixante-dix-sept, vingt et un, trente-deux, quarante-trois. "
)


class Evening(NamedTuple):
    """What was said before a microphone, and all that is left of it."""

    folder: Path
    """The agent's disk."""
    speech: np.ndarray
    """float32, 16 kHz: the street."""
    sent: list[bytes]
    """Each message as it would go out."""
    english: np.ndarray
    """The first minute of `speech`, where a synthesiser is at hand; else empty."""
    text: str
    """What is said in `english`."""

    @property
    def seconds(self) -> float:
        """How long was spoken."""
        return self.speech.size / RATE


def _synthesised(voice: str, words_a_minute: int, text: str) -> np.ndarray:
    command = ["espeak-ng", "-v", voice, "-s", str(words_a_minute), "-g", "3", "--stdout", text]
    raw = subprocess.run(command, capture_output=True, check=True).stdout
    wave = np.frombuffer(raw[44:], dtype="<i2").astype(np.float32) / 32_768
    return np.asarray(soxr.resample(wave, 22_050, RATE), dtype=np.float32)


def _made_voice(seconds: float) -> np.ndarray:
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


@pytest.fixture(scope="session")
def evening(tmp_path_factory: pytest.TempPathFactory) -> Evening:
    """Ten minutes of English and French before a whole agent with the shipped model, faster than real time."""
    folder = tmp_path_factory.mktemp("agent")
    if shutil.which("espeak-ng"):
        english = _synthesised("en-us+f5", 115, ENGLISH)
        once = np.concatenate([english, _synthesised("fr", 170, FRENCH)])
    else:
        english, once = np.zeros(0, np.float32), _made_voice(60.0)
    speech = np.tile(once, int(np.ceil(MINUTES * 60 * RATE / once.size)))[: MINUTES * 60 * RATE]
    file = tmp_path_factory.mktemp("street") / "speech.wav"
    soundfile.write(file, speech, RATE)

    async def play() -> list[bytes]:
        spool = Spool(folder / "agent.spool")
        station = MicrophoneStation("mic-01", RecordingSource(file), model=AcousticModel.load())
        agent = Agent("mic-01", station, spool, None, heartbeat_s=0.5)
        try:
            await agent.run()
            sent = [row.body for lane in LANES for row in await spool.take(lane, 100_000, 2**27)]
            # What a thief finds who takes the box out of the street, power and all.
            for path in list(folder.iterdir()):
                (folder / f"left-{path.name}").write_bytes(path.read_bytes())
        finally:
            await agent.aclose()
        return sent

    return Evening(folder, speech, asyncio.run(play()), english, ENGLISH)
