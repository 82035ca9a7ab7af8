"""A network camera: its pictures over TCP, never its sound, and what happens when it falls silent."""

from __future__ import annotations

import importlib.util
import shutil
import socket
import subprocess
import threading
from pathlib import Path

import pytest

from sensors.camera.capture import ChildSource
from sensors.camera.decoder import Spec
from sensors.camera.described import offered_sound
from sensors.camera.frames import SourceError

pytestmark = pytest.mark.e2e
_AT = Path(__file__).with_name("rtsp_camera.py")
_SPEC = importlib.util.spec_from_file_location("rtsp_camera", _AT)
rtsp_camera = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(rtsp_camera)


@pytest.fixture
def camera(street, write_video, tmp_path):
    """`camera(frames=...)`: a started camera that shows the street."""
    if shutil.which("ffmpeg") is None:
        pytest.skip("ffmpeg is not installed: apt-get install ffmpeg")
    stream = tmp_path / "street.264"
    clip = write_video([street.frame([(i / 50, 0.4, 0.1, 0.3)]) for i in range(50)])
    command = ["ffmpeg", "-v", "error", "-i", str(clip), "-c:v", "libx264", "-preset", "ultrafast", "-g", "10"]
    subprocess.run([*command, "-bf", "0", "-pix_fmt", "yuv420p", "-f", "h264", str(stream)], check=True, timeout=120)
    started = []

    def start(**how):
        started.append(rtsp_camera.RtspCamera(stream, **how))
        return started[-1]

    yield start
    for one in started:
        one.close()


def test_pictures_come_over_tcp_and_the_sound_is_never_asked_for(camera):
    street = camera()
    source = ChildSource(Spec("url", street.url, parts=True))
    frames = source.frames()
    taken = [next(frames) for _ in range(8)]
    source.close()
    frames.close()
    assert {frame.image.shape for frame in taken} == {(180, 320, 3)}
    assert sorted(frame.utc_us for frame in taken) == [frame.utc_us for frame in taken]
    setups = [one for one in street.asked if one.startswith("SETUP")]
    assert [one.split()[1] for one in setups] == ["video"]
    assert "RTP/AVP/TCP" in setups[0]
    assert source.health().audio_tracks_dropped == 1


def test_a_camera_with_a_password_is_opened_with_it_and_its_sound_counted(camera):
    street = camera(password="s3cret")
    address = street.url.replace("//", "//viewer:s3cret@")
    source = ChildSource(Spec("url", address, parts=True))
    frames = source.frames()
    next(frames)
    source.close()
    frames.close()
    assert source.health().audio_tracks_dropped == 1
    assert offered_sound(street.url.replace("//", "//viewer:wrong@"), 10.0) == 0


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 OK\r\n\r\n", b"RTSP/1.0 200 OK\r\nContent-Length: -5\r\n\r\n"])
def test_a_description_that_is_none_counts_nothing(answer):
    with socket.create_server(("127.0.0.1", 0)) as server:

        def speak():
            link, _ = server.accept()
            with link:
                link.recv(4_096)
                link.sendall(answer)

        speaking = threading.Thread(target=speak)
        speaking.start()
        assert offered_sound(f"rtsp://127.0.0.1:{server.getsockname()[1]}/x", 10.0) == 0
        speaking.join(30)
    assert offered_sound("http://127.0.0.1/x", 1.0) == 0


def test_a_camera_that_falls_silent_is_a_stall_and_is_asked_again(camera):
    street = camera(frames=12)
    source = ChildSource(Spec("url", street.url, parts=True, timeout_ms=3_000), stall_s=3.0)
    frames = source.frames()
    first = next(frames)
    while street.connections < 2 or source.health().restarts < 1:
        last = next(frames)
    source.close()
    frames.close()
    assert last.utc_us - first.utc_us > 2_500_000
    assert source.health().restarts >= 1


def test_a_camera_that_is_not_there_is_a_clear_error():
    source = ChildSource(Spec("url", "rtsp://127.0.0.1:9/substream", timeout_ms=2_000), patient=False)
    with pytest.raises(SourceError) as caught:
        next(source.frames())
    assert caught.value.code == "open_failed"
