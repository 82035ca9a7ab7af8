"""Ten minutes of speech before a microphone: nothing that the agent sends or has on its disk could carry it."""

from __future__ import annotations

import lzma
from typing import Any

import msgspec
import numpy as np

from hub.policy.walk import walk_wire
from sensors.protocol import AnyMessage, Detection, Heartbeat, SoundLevel

SPEECH_BITS_A_SECOND = 450
"""The slowest open speech coder (Codec 2, mode 450) needs this much, with a vocoder made for nothing else."""


def told(bodies: list[bytes]) -> list[AnyMessage]:
    decoder = msgspec.msgpack.Decoder(AnyMessage)
    return [decoder.decode(body) for body in bodies]


def test_the_agent_tells_only_levels_detections_and_its_own_health(evening: Any) -> None:
    messages = told(evening.sent)
    assert any(isinstance(message, SoundLevel) for message in messages), "it heard something"
    assert {type(message) for message in messages} <= {SoundLevel, Detection, Heartbeat}
    assert walk_wire() == []


def test_what_it_says_of_the_sound_is_less_than_the_slowest_voice_coder_needs(evening: Any) -> None:
    bodies = [
        body
        for body, message in zip(evening.sent, told(evening.sent), strict=True)
        if not isinstance(message, Heartbeat)
    ]
    assert 8 * sum(map(len, bodies)) / evening.seconds < SPEECH_BITS_A_SECOND
    # And of these bits most are names, times and ids: what depends on the sound are these numbers.
    numbers = sum(6 if isinstance(message, SoundLevel) else 5 for message in told(bodies))
    assert numbers / evening.seconds < 1.0, "a voice moves four times a second in a dozen dimensions"


def test_levels_are_means_over_a_second_and_more(evening: Any) -> None:
    periods = [message.period_s for message in told(evening.sent) if isinstance(message, SoundLevel)]
    assert min(periods) >= 1.0


def test_no_piece_of_the_sound_stands_on_the_disk_or_in_a_message(evening: Any) -> None:
    folder, speech, bodies = evening.folder, evening.speech, evening.sent
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


def test_on_the_disk_there_is_the_spool_and_nothing_else(evening: Any) -> None:
    names = {path.name for path in evening.folder.rglob("*") if path.is_file()}
    assert {name.removesuffix("-wal").removesuffix("-shm") for name in names} <= {"agent.spool", "left-agent.spool"}
    # SQLite's log repeats whole pages for every row: what counts is what is not a repetition.
    held = b"".join((evening.folder / name).read_bytes() for name in sorted(names))
    assert len(lzma.compress(held)) < speech_bytes(evening.seconds) / 100


def speech_bytes(seconds: float) -> float:
    """What the telephone (G.711) would take."""
    return 8_000 * seconds
