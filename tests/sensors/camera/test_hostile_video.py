"""Video that is corrupt, empty, cut short, huge, slow, or kills its decoder."""

from __future__ import annotations

import os
import signal
import struct
import sys
import threading
from pathlib import Path

import cv2
import numpy as np
import pytest

from sensors.camera import capture as capture_module
from sensors.camera.analyser import Analyser
from sensors.camera.capture import ChildSource, shown
from sensors.camera.containers import audio_tracks
from sensors.camera.decoder import Spec
from sensors.camera.frames import FeedSource, SourceError, StillFrame
from sensors.camera.settings import CameraSettings, Zone


def read(path: Path, **spec):
    source = ChildSource(Spec("file", str(path), **spec), start_utc_us=1_790_000_000_000_000)
    return list(source.frames()), source


@pytest.fixture
def clip(street, write_video):
    return write_video([street.frame([(0.1 + i / 100, 0.5, 0.1, 0.2)]) for i in range(40)])


def test_a_file_gives_every_frame_in_order_with_its_own_time(clip):
    frames, source = read(clip)
    assert [frame.index for frame in frames] == list(range(40))
    steps = np.diff([frame.utc_us for frame in frames])
    assert set(steps.tolist()) == {100_000}
    assert (source.health().capture, source.health().reason, source.health().restarts) == ("lost", "source_ended", 0)


def test_a_file_cut_short_gives_the_frames_it_still_has(clip):
    clip.write_bytes(clip.read_bytes()[: clip.stat().st_size * 6 // 10])
    frames, _ = read(clip)
    assert 10 < len(frames) < 40


def test_a_file_with_a_torn_middle_goes_on_after_it(clip):
    data = bytearray(clip.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 3_000] = os.urandom(3_000)
    clip.write_bytes(bytes(data))
    frames, source = read(clip)
    assert len(frames) > 15
    assert source.health().frames == len(frames)


@pytest.mark.parametrize(
    "content", [b"", b"RIFF\x00\x00\x00\x00AVI LIST", os.urandom(4_096), b"\x00\x00\x00\x18ftypmp42" + bytes(64)]
)
def test_a_file_without_a_picture_is_a_clear_error(tmp_path, content):
    path = tmp_path / "clip.mp4"
    path.write_bytes(content)
    source = ChildSource(Spec("file", str(path)))
    with pytest.raises(SourceError) as caught:
        list(source.frames())
    assert caught.value.code in {"open_failed", "no_frames"}
    assert source.health().capture == "lost"


def test_a_huge_picture_is_made_small_before_it_leaves_the_child(write_video):
    frames, _ = read(write_video([np.full((2_160, 3_840, 3), 90, np.uint8)] * 3))
    assert {frame.image.shape for frame in frames} == {(180, 320, 3)}


def test_an_8k_picture_is_analysed_at_the_size_of_any_other(write_video):
    frames, source = read(write_video([np.full((4_320, 7_680, 3), 90, np.uint8)] * 2), parts=True)
    assert [frame.grey.shape for frame in frames] == [(180, 320)] * 2
    assert source.health().restarts == 0


def test_grey_and_a_few_colours_are_handed_over_where_parts_are_asked_for(clip):
    frames, _ = read(clip, parts=True, colour=True)
    pictures, _ = read(clip)
    assert [frame.utc_us for frame in frames] == [frame.utc_us for frame in pictures]
    for frame, picture in zip(frames, pictures, strict=True):
        assert np.array_equal(frame.grey, cv2.cvtColor(picture.image, cv2.COLOR_BGR2GRAY))
    colours = [frame.colour for frame in frames if frame.colour is not None]
    assert 16 <= len(colours) <= 28
    assert {colour.shape for colour in colours} == {(90, 160, 3)}
    assert all(frame.colour is None for frame in read(clip, parts=True)[0])


def test_one_picture_a_second_is_still_a_video(street, write_video):
    frames, _ = read(write_video([street.frame()] * 8, fps=1.0))
    assert set(np.diff([frame.utc_us for frame in frames]).tolist()) == {1_000_000}


def test_a_video_without_an_end_is_read_as_long_as_somebody_asks(street, write_video):
    path = write_video([street.frame()] * 12)
    source = ChildSource(Spec("file", str(path), parts=True), start_utc_us=1_790_000_000_000_000, repeat=True)
    seen = []
    for frame in source.frames():
        seen.append(frame.utc_us)
        if len(seen) == 40:
            source.close()
    assert len(seen) == 40
    assert seen == sorted(set(seen))
    assert source.health().restarts == 0


def test_pictures_that_change_their_size_are_analysed_anew_and_never_mixed(street):
    analyser = Analyser(CameraSettings())
    other = type(street)(240, 240)
    states = []
    for index in range(120):
        image = street.frame() if index < 60 else other.frame()
        states.append(analyser.step(StillFrame(image, 1_790_000_000_000_000 + index * 100_000, index)).state)
    assert states[59] == "ok"
    assert states[60] == "learning"
    assert "ok" in states[85:]


def test_pictures_at_uneven_times_say_what_even_ones_say(street):
    random = np.random.default_rng(8)
    zone = Zone(name="z", polygon=((0.5, 0.1), (1.0, 0.1), (1.0, 1.0), (0.5, 1.0)), rules=("intrusion",))
    analyser = Analyser(CameraSettings(zones=(zone,)))
    at_s, said = 0.0, []
    for index in range(200):
        at_s += float(random.uniform(0.03, 0.14))
        boxes = [((at_s - 3.0) * 0.1 - 0.04, 0.5, 0.04, 0.2)] if at_s > 3 else []
        frame = StillFrame(street.frame(boxes), 1_790_000_000_000_000 + round(at_s * 1e6), index)
        said += [finding.event for finding in analyser.step(frame).findings]
    assert said == ["intrusion"]


@pytest.mark.parametrize(("form", "length"), [(0, 10), (1, 6 * 4 + 1), (3, 6 * 4), (5, 6 * 4), (8, 24), (1, 0)])
def test_a_packet_that_is_not_as_long_as_it_says_ends_the_child(form, length):
    with pytest.raises(capture_module._ChildGone, match="bad_packet"):
        capture_module._planes(bytearray(length), form, (4, 6), (2, 3))


def test_a_fast_file_is_thinned_to_the_rate_that_is_analysed(street, write_video):
    frames, _ = read(write_video([street.frame()] * 60, fps=30.0), max_fps=10.0)
    assert 18 <= len(frames) <= 22


def test_a_decoder_that_is_killed_is_replaced_and_the_next_good_frame_comes(clip):
    source = ChildSource(Spec("file", str(clip)))
    seen = []
    for frame in source.frames():
        seen.append(frame.index)
        if len(seen) in {3, 9}:
            os.kill(source.child_pid or 0, signal.SIGKILL)
    assert source.health().restarts == 2
    assert len(seen) > 25


def test_a_decoder_that_dies_every_time_is_given_up_within_its_budget(monkeypatch, tmp_path):
    path = tmp_path / "clip.avi"
    path.write_bytes(b"x")
    monkeypatch.setattr(sys, "executable", "/bin/false")
    source = ChildSource(Spec("file", str(path)))
    with pytest.raises(SourceError) as caught:
        list(source.frames())
    assert caught.value.code == "decoder_crashed"
    assert source.health().restarts == 5


def test_a_camera_that_never_comes_is_tried_at_the_pace_of_the_budget():
    waits: list[float] = []
    now = [0.0]
    source = ChildSource(Spec("device", "/dev/video99"), monotonic=lambda: now[0], sleep=lambda s: _pass(s))

    def _pass(seconds: float) -> None:
        waits.append(seconds)
        now[0] += seconds
        if len(waits) == 7:
            source.close()

    assert list(source.frames()) == []
    assert waits[:5] == [1.0] * 5
    assert waits[5] == pytest.approx(56.0)


def test_a_child_that_speaks_nonsense_is_stopped(monkeypatch, tmp_path):
    fake = tmp_path / "fake.sh"
    fake.write_text("#!/bin/sh\nhead -c 400 /dev/zero\nsleep 60\n")
    fake.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(fake))
    with pytest.raises(SourceError) as caught:
        list(ChildSource(Spec("file", "clip.avi")).frames())
    assert caught.value.code == "bad_packet"


def test_a_child_that_says_nothing_is_a_stall(monkeypatch, tmp_path):
    fake = tmp_path / "fake.sh"
    fake.write_text("#!/bin/sh\nexec sleep 60\n")
    fake.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(fake))
    monkeypatch.setattr(capture_module, "_OPEN_S", 0.2)
    with pytest.raises(SourceError) as caught:
        list(ChildSource(Spec("file", "clip.avi")).frames())
    assert caught.value.code == "stalled"


def test_a_closed_source_ends_from_another_thread(clip):
    source = ChildSource(Spec("file", str(clip), paced=True), repeat=True)
    timer = threading.Timer(1.5, source.close)
    timer.start()
    assert len(list(source.frames())) < 40
    timer.join()
    assert source.child_pid is None


def test_sound_tracks_are_counted_from_the_index_without_being_read(tmp_path):
    hdlr = struct.pack(">I4sII4s", 24, b"hdlr", 0, 0, b"soun") + bytes(4)
    moov = struct.pack(">I4s", 8 + 2 * len(hdlr), b"moov") + hdlr + hdlr
    path = tmp_path / "two.mp4"
    path.write_bytes(struct.pack(">I4s4sI", 16, b"ftyp", b"mp42", 0) + moov)
    assert audio_tracks(str(path)) == 2
    path.write_bytes(b"RIFF\x00\x00\x00\x00AVI LIST" + b"strh\x38\x00\x00\x00auds" + b"strh\x38\x00\x00\x00vids")
    assert audio_tracks(str(path)) == 1
    path.write_bytes(os.urandom(2_000))
    assert audio_tracks(str(path)) == 0


def test_an_address_is_shown_without_its_password():
    assert shown("rtsp://admin:s3cret@10.0.0.9/sub") == "rtsp://10.0.0.9/sub"


def test_a_feed_that_is_not_read_keeps_the_newest_and_counts_the_rest(street):
    feed = FeedSource(capacity=3)
    for index in range(10):
        feed.put(street.frame(), index)
    assert feed.health().skipped == 7
    assert next(iter(feed.frames())).utc_us == 7
