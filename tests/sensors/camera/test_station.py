"""A camera station from source to wire message."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from sensors.camera.capture import ChildSource
from sensors.camera.decoder import Spec
from sensors.camera.frames import FeedSource, SourceError
from sensors.camera.settings import CameraSettings, Ground, Zone
from sensors.camera.station import CameraStation
from sensors.protocol import AnyMessage, Detection, json_encoder, message_json_decoder

START_US = 1_790_000_000_000_000
LAWN = Zone(name="lawn", polygon=((0.4, 0.2), (1.0, 0.2), (1.0, 1.0), (0.4, 1.0)), rules=("intrusion",))
GROUND = Ground(
    image=((0.1, 0.9), (0.9, 0.9), (0.7, 0.3), (0.3, 0.3)),
    latitude_longitude=((45.4301, 4.3790), (45.4301, 4.3793), (45.4304, 4.3793), (45.4304, 4.3790)),
)
SETTINGS = CameraSettings(zones=(LAWN,), ground=GROUND)


def walk(street: object, seconds: float, fps: float = 10.0) -> list[object]:
    """Pictures of somebody who goes from left to right after three seconds."""
    frames = []
    for index in range(round(seconds * fps)):
        t = index / fps
        boxes = [((t - 3.0) * 0.12, 0.5, 0.05, 0.25)] if t >= 3.0 else []
        frames.append(street.frame(boxes))  # type: ignore[attr-defined]
    return frames


async def collect(station: CameraStation) -> list[AnyMessage]:
    sent: list[AnyMessage] = []

    async def send(message: AnyMessage) -> None:
        sent.append(message)

    await station.run(send)
    return sent


async def test_somebody_who_walks_onto_the_lawn_is_one_detection_with_a_place(street: object) -> None:
    source = FeedSource(wait=True, capacity=200)
    for index, image in enumerate(walk(street, 10.0)):
        source.put(image, START_US + index * 100_000)  # type: ignore[arg-type]
    source.finish()
    sent = await collect(CameraStation("cam-1", source, SETTINGS, exercise=True))
    assert len(sent) == 1
    detection = sent[0]
    assert isinstance(detection, Detection)
    assert (detection.event, detection.zone, detection.exercise) == ("intrusion", "lawn", True)
    # The foot reaches x = 0.4 at 3 + (0.4 - 0.025) / 0.12 s.
    assert detection.onset == pytest.approx(START_US + 6_125_000, abs=400_000)
    assert detection.position is not None
    assert 45.4301 < detection.position.latitude < 45.4304
    assert 4.3790 < detection.position.longitude < 4.3793
    assert 0.5 < detection.position.sigma_m < 10
    assert message_json_decoder.decode(json_encoder.encode(detection)) == detection


async def test_a_file_is_decoded_in_a_child_and_gives_the_same_detection(
    street: object, write_video: Callable[..., Path]
) -> None:
    path = write_video(walk(street, 9.0))
    source = ChildSource(Spec("file", str(path)), start_utc_us=START_US)
    station = CameraStation("cam-1", source, SETTINGS)
    sent = await collect(station)
    assert [message.event for message in sent if isinstance(message, Detection)] == ["intrusion"]
    assert station.health().reason == "source_ended"


async def test_a_decoder_that_is_killed_is_started_again_and_the_walker_is_still_seen(
    street: object, write_video: Callable[..., Path]
) -> None:
    path = write_video(walk(street, 16.0))
    source = ChildSource(Spec("file", str(path)), start_utc_us=START_US)
    killed = []
    original = source.frames

    def frames():  # type: ignore[no-untyped-def]
        for frame in original():
            if frame.index == 5:
                killed.append(source.child_pid)
                os.kill(source.child_pid or 0, signal.SIGKILL)
            yield frame

    source.frames = frames  # type: ignore[method-assign]
    sent = await collect(CameraStation("cam-1", source, SETTINGS))
    assert killed
    assert source.health().restarts == 1
    assert [message.event for message in sent if isinstance(message, Detection)] == ["intrusion"]


async def test_a_file_that_is_no_video_is_a_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "letter.mp4"
    path.write_text("Dear mayor, this is not a video.")
    station = CameraStation("cam-1", ChildSource(Spec("file", str(path))), SETTINGS)
    with pytest.raises(SourceError, match="Check the address") as caught:
        await collect(station)
    assert caught.value.code == "open_failed"
    assert (station.health().capture, station.health().reason) == ("lost", "open_failed")


async def test_a_cancelled_station_ends_and_leaves_no_child(street: object, write_video: Callable[..., Path]) -> None:
    path = write_video(walk(street, 30.0))
    source = ChildSource(Spec("file", str(path), paced=True))
    station = CameraStation("cam-1", source, SETTINGS)
    task = asyncio.create_task(collect(station))
    async with asyncio.timeout(20):
        while source.health().frames < 3:  # noqa: ASYNC110 - the counter has no event
            await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert source.child_pid is None
