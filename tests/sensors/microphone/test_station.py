"""A microphone station on files, on streams, and on every kind of input that is not sound."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from pathlib import Path

import numpy as np
import pytest
import soundfile
from aiohttp import web

from sensors.microphone.buffer import SoundBuffer
from sensors.microphone.hearing import FAINT_BURST, FAINT_PER_S, HearingSettings, Scorer
from sensors.microphone.loudness import LevelHistory
from sensors.microphone.offline import hear
from sensors.microphone.recording import PlayedOnce, RecordingSource
from sensors.microphone.sources import Samples, SoundBlock, Source, SourceError, SourceStatus
from sensors.microphone.station import MicrophoneStation
from sensors.microphone.stream import StreamSource
from sensors.protocol import AnyMessage, Detection, SoundLevel, json_encoder, message_json_decoder

START_US = 1_700_000_000_000_000
RATE = 16_000
Street = Callable[..., Samples]


class BlockSource:
    """Plays blocks that a test made, then ends, or breaks."""

    name = "made"

    def __init__(self, blocks: list[SoundBlock], error: SourceError | None = None) -> None:
        self._blocks = blocks
        self._error = error

    def status(self) -> SourceStatus:
        return SourceStatus()

    async def blocks(self) -> AsyncIterator[SoundBlock]:
        for block in self._blocks:
            yield block
        if self._error:
            raise self._error


def in_blocks(wave: np.ndarray, rate: int = RATE, size: int | None = None) -> list[SoundBlock]:
    size = size or rate // 4
    return [
        SoundBlock(wave[at : at + size].astype(np.float32), rate, START_US + at * 1_000_000 // rate, 500)
        for at in range(0, wave.size, size)
    ]


async def told_by(
    source: Source, model: Scorer | None, **settings: float
) -> tuple[MicrophoneStation, list[AnyMessage]]:
    told: list[AnyMessage] = []

    async def send(message: AnyMessage) -> None:
        told.append(message)

    station = MicrophoneStation("mic-1", source, HearingSettings(**settings), model=model, exercise=True)  # type: ignore[arg-type]
    await station.run(send)
    return station, told


def shots(told: list[AnyMessage]) -> list[Detection]:
    return [message for message in told if isinstance(message, Detection)]


@pytest.mark.parametrize(("rate", "channels"), [(8_000, 1), (12_000, 1), (44_100, 2), (48_000, 1), (192_000, 2)])
async def test_a_shot_in_a_file_of_any_rate_becomes_one_detection_with_its_time(
    street: Street, model: Scorer, tmp_path: Path, rate: int, channels: int
) -> None:
    wave = street(rate, 3.0, [(1.2345, 0.5)])
    soundfile.write(tmp_path / "shot.wav", np.stack([wave] * channels, axis=1), rate, subtype="PCM_24")
    source = RecordingSource(tmp_path / "shot.wav", start_utc_us=START_US)
    station, told = await told_by(source, model, period_s=1.0)
    (shot,) = shots(told)
    assert shot.event == "gunshot"
    assert shot.exercise
    assert shot.onset == pytest.approx(START_US + 1_234_500, abs=500)
    assert shot.score == 0.95
    assert 1_000 <= shot.clock_sigma_us < 1_500
    assert shot.snr_db is not None
    assert shot.snr_db > 30
    assert shot.peak_db == pytest.approx(20 * np.log10(0.45 * 20 / 20e-6), abs=3)
    assert shot.model == "standin@00000000"
    assert [type(message) for message in told].count(SoundLevel) >= 1
    assert station.health().reason == "source_ended"


async def test_a_stream_gives_what_the_whole_recording_gives(street: Street, model: Scorer) -> None:
    wave = street(RATE, 6.0, [(1.0, 0.4), (1.1, 0.5), (2.6, 0.3), (4.9, 0.6), (5.95, 0.5)])
    whole = hear(wave, RATE, START_US, model=model, clock_sigma_us=500)
    _, told = await told_by(BlockSource(in_blocks(wave, size=3_210)), model)
    found = [(shot.onset, shot.score, shot.snr_db) for shot in shots(told)]
    assert found == [(one.onset_us, one.score, one.snr_db) for one in whole.impulses]
    assert len(found) == 5


async def test_a_quiet_street_never_wakes_the_model_for_a_pick(model: Scorer) -> None:
    wave = np.random.default_rng(0).normal(0, 1e-3, 60 * RATE)
    _, told = await told_by(BlockSource(in_blocks(wave)), model)
    assert shots(told) == []
    assert len(model.windows) <= 8  # type: ignore[attr-defined]


async def test_without_a_model_only_levels_are_told(street: Street) -> None:
    wave = street(RATE, 4.0, [(1.5, 0.5)])
    _, told = await told_by(BlockSource(in_blocks(wave)), None, period_s=1.0)
    assert told
    assert not shots(told)


async def test_nothing_is_compared_across_a_gap(model: Scorer) -> None:
    """A step from one level to another at a gap is not an onset."""
    rng = np.random.default_rng(0)
    quiet, loud = rng.normal(0, 1e-3, 2 * RATE), rng.normal(0, 0.2, 2 * RATE)
    after = in_blocks(loud)
    gapped = SoundBlock(after[0].samples, RATE, START_US + 9_000_000, 500, gap=True)
    _, told = await told_by(BlockSource([*in_blocks(quiet), gapped]), model)
    assert shots(told) == []


@pytest.mark.parametrize(
    "wave",
    [
        np.zeros(4 * RATE), np.full(4 * RATE, np.nan), np.full(4 * RATE, np.inf), np.ones(4 * RATE), -np.ones(4 * RATE),
        np.zeros(16), np.zeros(0), np.full(4 * RATE, 1e30),
    ],
)  # fmt: skip
async def test_what_is_no_sound_gives_no_detection_and_no_crash(wave: np.ndarray, model: Scorer) -> None:
    _, told = await told_by(
        BlockSource(in_blocks(wave) or [SoundBlock(np.zeros(0, np.float32), RATE, START_US, 1)]), model
    )
    assert shots(told) == []


async def test_a_shot_is_heard_again_after_broken_samples(street: Street, model: Scorer) -> None:
    wave = street(RATE, 6.0, [(4.5, 0.5)])
    wave[RATE : 2 * RATE] = np.nan
    _, told = await told_by(BlockSource(in_blocks(wave)), model)
    assert [shot.onset for shot in shots(told)] == [pytest.approx(START_US + 4_500_000, abs=500)]


async def test_a_device_that_vanishes_is_a_state_with_a_code_and_comes_back(street: Street, model: Scorer) -> None:
    blocks = in_blocks(street(RATE, 2.0, [(1.0, 0.5)]))
    source = BlockSource(blocks, SourceError("device_lost", "the cable is out"))
    told: list[AnyMessage] = []

    async def send(message: AnyMessage) -> None:
        told.append(message)

    station = MicrophoneStation("mic-1", source, model=model)
    with pytest.raises(SourceError, match="device_lost"):
        await station.run(send)
    assert (station.health().capture, station.health().reason) == ("lost", "device_lost")
    assert len(shots(told)) == 1
    source._error = None
    await station.run(send)
    assert len(shots(told)) == 2


async def test_clicks_without_end_do_not_fill_the_uplink(street: Street, model: Scorer) -> None:
    wave = street(RATE, 5.0, [])
    wave[RATE // 2 :: RATE // 50] = 0.5
    station, told = await told_by(BlockSource(in_blocks(wave)), model)
    assert len(shots(told)) <= 5 * 40 + 40
    assert station._hearing.dropped_picks > 0


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (None, "file_missing"),
        (b"", "file_empty"),
        (b"RIFF" + b"\xff" * 400, "file_unreadable"),
        (b"hello" * 99, "file_unreadable"),
    ],
)
async def test_a_file_that_is_no_sound_is_a_clear_error(
    tmp_path: Path, model: Scorer, content: bytes | None, code: str
) -> None:
    path = tmp_path / "bad.wav"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SourceError) as error:
        await told_by(RecordingSource(path), model)
    assert error.value.code == code
    assert str(path) in error.value.detail


async def test_an_empty_recording_and_a_folder_are_clear_errors(tmp_path: Path, model: Scorer) -> None:
    soundfile.write(tmp_path / "empty.wav", np.zeros(0, np.float32), RATE)
    for path, code in ((tmp_path / "empty.wav", "file_empty"), (tmp_path, "file_unreadable")):
        with pytest.raises(SourceError) as error:
            await told_by(RecordingSource(path), model)
        assert error.value.code == code


def wav(wave: Samples, rate: int) -> bytes:
    """A WAV whose header says that it never ends, as live encoders write it."""
    data = (np.clip(wave, -1, 1) * 32_767).astype("<i2").tobytes()
    fmt = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, rate, 2 * rate, 2, 16)
    return b"RIFF\xff\xff\xff\xffWAVE" + fmt + b"LIST\x04\x00\x00\x00INFO" + b"data\xff\xff\xff\xff" + data


async def test_a_wav_over_http_is_heard_until_it_ends(street: Street, model: Scorer, aiohttp_server) -> None:  # type: ignore[no-untyped-def]
    body = wav(street(RATE, 4.0, [(1.5, 0.5)]), RATE)

    async def serve(_: web.Request) -> web.Response:
        return web.Response(body=body, content_type="audio/wav")

    app = web.Application()
    app.router.add_get("/mic.wav", serve)
    server = await aiohttp_server(app)
    told: list[AnyMessage] = []

    async def send(message: AnyMessage) -> None:
        told.append(message)

    station = MicrophoneStation("mic-1", StreamSource(str(server.make_url("/mic.wav"))), model=model)
    with pytest.raises(SourceError) as error:
        await station.run(send)
    assert error.value.code == "stream_lost"
    (shot,) = shots(told)
    assert shot.clock_sigma_us >= 250_000  # a network tells no capture time
    with pytest.raises(SourceError) as error:
        await told_by(StreamSource(str(server.make_url("/other"))), model)
    assert error.value.code == "stream_refused"


async def test_raw_samples_over_tcp_are_heard(street: Street, model: Scorer) -> None:
    stereo = np.repeat((street(RATE, 3.0, [(1.5, 0.5)]) * 32_767).astype("<i2"), 2).tobytes()

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for at in range(0, len(stereo), 1_001):
            writer.write(stereo[at : at + 1_001])
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    told: list[AnyMessage] = []

    async def send(message: AnyMessage) -> None:
        told.append(message)

    async with server:
        source = StreamSource(f"tcp://127.0.0.1:{port}?rate={RATE}&channels=2")
        with pytest.raises(SourceError, match="stream_lost"):
            await MicrophoneStation("mic-1", source, model=model).run(send)
    assert len(shots(told)) == 1


@pytest.mark.parametrize("url", ["", "file:///etc/passwd", "tcp://host", "http://", "ftp://a/b", "tcp://h:99999"])
def test_an_address_that_can_not_be_heard_is_refused(url: str) -> None:
    with pytest.raises(SourceError) as error:
        StreamSource(url)
    assert error.value.code == "url_unusable"


def test_a_password_is_never_named() -> None:
    assert "secret" not in StreamSource("rtsp://user:secret@camera/stream").name


def test_no_more_than_two_seconds_of_sound_are_held() -> None:
    buffer = SoundBuffer(RATE)
    for size in (100, 4_000, 70_000, 1, 4_000, 4_000, 50_000):
        buffer.append(
            np.arange(buffer.end, buffer.end + size, dtype=np.float32), START_US + buffer.end * 1_000_000 // RATE, 5
        )
        assert buffer.held <= 2 * RATE
        last = min(buffer.held, 100)
        assert buffer.piece(buffer.end - last, last).tolist() == list(range(buffer.end - last, buffer.end))
        assert buffer.utc(buffer.end - 1)[0] == pytest.approx(START_US + (buffer.end - 1) * 1e6 / RATE, abs=2)


async def test_a_long_file_can_be_left_at_any_moment(tmp_path: Path) -> None:
    """The decoder is far ahead and its pipe is full: leaving must not wait for it."""
    soundfile.write(tmp_path / "long.wav", np.random.default_rng(0).normal(0, 0.01, 60 * RATE), RATE)
    source = RecordingSource(tmp_path / "long.wav")
    async with asyncio.timeout(20.0), aclosing(source.blocks()) as blocks:  # type: ignore[type-var]
        async for _ in blocks:
            await asyncio.sleep(0.5)
            break


def test_a_crowd_that_is_kept_up_is_told_as_one_lasting_sound(model: Scorer) -> None:
    rng = np.random.default_rng(0)
    model.clamor = 0.9  # type: ignore[attr-defined]
    wave = np.concatenate([rng.normal(0, 0.001, 5 * RATE), rng.normal(0, 0.02, 20 * RATE)])
    lasting = hear(wave, RATE, START_US, model=model).lasting
    assert {one.event for one in lasting} == {"clamor"}
    assert len({one.onset_us for one in lasting}) == 1
    assert [one.over for one in lasting][-1]


@pytest.mark.parametrize(("line", "told"), [(0.5, {"clamor"}), (0.95, set())])
def test_a_lasting_sound_is_told_above_the_models_own_threshold(model: Scorer, line: float, told: set[str]) -> None:
    rng = np.random.default_rng(0)
    model.clamor, model.thresholds = 0.9, {"clamor": line}  # type: ignore[attr-defined,misc]
    wave = np.concatenate([rng.normal(0, 0.001, 5 * RATE), rng.normal(0, 0.02, 20 * RATE)])
    assert {one.event for one in hear(wave, RATE, START_US, model=model).lasting} == told


async def test_a_crowd_leaves_the_sensor_as_a_detection_of_the_wire(model: Scorer) -> None:
    rng = np.random.default_rng(0)
    model.clamor = 0.9  # type: ignore[attr-defined]
    wave = np.concatenate([rng.normal(0, 0.001, 5 * RATE), rng.normal(0, 0.02, 20 * RATE)])
    _, told = await told_by(BlockSource(in_blocks(wave)), model)
    crowd = [one for one in told if isinstance(one, Detection) and one.event == "clamor"]
    assert crowd
    assert all(message_json_decoder.decode(json_encoder.encode(one)) == one for one in crowd)


async def test_what_is_louder_than_ever_here_is_told_without_a_name(model: Scorer) -> None:
    history = LevelHistory()
    for second in range(4 * 3_600):
        history.offer(50.0, START_US - (second + 1) * 40_000)
    rng = np.random.default_rng(0)
    wave = np.concatenate([rng.normal(0, 0.0003, 6 * RATE), rng.normal(0, 0.015, 4 * RATE)])
    told: list[AnyMessage] = []

    async def send(message: AnyMessage) -> None:
        told.append(message)

    await MicrophoneStation("mic-1", BlockSource(in_blocks(wave)), model=model, history=history).run(send)
    loud = [one for one in told if isinstance(one, Detection) and one.event == "loud_unknown"]
    assert len(loud) == 1
    assert START_US + 5_000_000 < loud[0].onset < START_US + 9_000_000
    assert loud[0].peak_db is not None
    assert message_json_decoder.decode(json_encoder.encode(loud[0])) == loud[0]


async def test_a_file_that_breaks_off_is_not_played_again(model: Scorer) -> None:
    wave = np.random.default_rng(0).normal(0, 0.001, 3 * RATE)
    broken = BlockSource(in_blocks(wave), SourceError("file_unreadable", "it ends early"))
    played = PlayedOnce(MicrophoneStation("mic-1", broken, model=model))

    async def send(message: AnyMessage) -> None:
        pass

    await played.run(send)
    assert played.error is not None
    assert played.error.code == "file_unreadable"
    assert played.health().reason == "file_unreadable"


async def test_picks_that_the_model_doubts_are_told_within_an_allowance(street: Street, model: Scorer) -> None:
    wave = street(RATE, 30.0, [(1.0 + 0.6 * i, 0.05) for i in range(40)])
    _, told = await told_by(BlockSource(in_blocks(wave)), model)
    assert FAINT_BURST <= len(shots(told)) <= FAINT_BURST + 30.0 * FAINT_PER_S
    assert all(shot.score < 0.05 for shot in shots(told))
