"""CPU per 640 x 360 frame: all rules with decoding, beside decoding alone, decoding with MOG2, and YOLOX-nano.

Everything runs in the same process on the same file in turn, on one thread, so that CPU seconds compare. The agent
decodes in a child process, which costs a pipe more: `ms_per_frame_in_child` is both processes together, from the
hundredth frame on, without the start that a camera pays once.
"""

from __future__ import annotations

import os
import resource
import statistics
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from hub.commands._figures import Benched
from sensors.camera.analyser import RULES, Analyser
from sensors.camera.capture import ChildSource
from sensors.camera.decoder import Spec
from sensors.camera.frames import Image, StillFrame
from sensors.camera.settings import CameraSettings, Zone

START_US: Final = 1_790_000_000_000_000
FPS: Final = 12.5
WARM: Final = 100
YOLOX_FRAMES: Final = 24
"""The detector takes tens of milliseconds a frame: a few frames are enough for a median."""


def _data() -> Path:
    return Path(os.environ.get("TOCSIN_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))


def _clip(folder: Path) -> Path:
    """A real 640 x 360 clip where there is one, else a drawn street written to `folder`."""
    real = _data() / "video" / "vehicle_traffic" / "intel__car_detection_topdown.mp4"
    if real.is_file():
        return real
    path = folder / "street.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), FPS, (640, 360))
    random = np.random.default_rng(1)
    ground = cv2.resize(random.integers(70, 150, (60, 107, 3), np.uint8), (640, 360), interpolation=cv2.INTER_CUBIC)
    for index in range(200):
        image = np.clip(ground + random.normal(0, 2, ground.shape), 0, 255).astype(np.uint8)
        for car in range(3):
            left = (index * 9 + car * 210) % 760 - 100
            image[150 + 40 * car : 190 + 40 * car, max(0, left) : max(0, left + 90)] = 210
        writer.write(image)
    writer.release()
    return path


def _decoded(path: Path) -> Iterator[Image]:
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
    while True:
        ok, image = capture.read()
        if not ok:
            return
        yield image


def _cpu_s() -> float:
    own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def _ms_per_frame(run: Callable[[], int]) -> float:
    before = _cpu_s()
    frames = run()
    return (_cpu_s() - before) * 1e3 / max(1, frames)


def all_rules() -> CameraSettings:
    """Every rule over the whole picture."""
    whole = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
    zone = Zone(name="all", polygon=whole, rules=tuple(sorted(RULES)), direction=(0.0, 1.0))  # type: ignore[arg-type]
    return CameraSettings(zones=(zone,))


def _decode(path: Path) -> int:
    return sum(1 for _ in _decoded(path))


def _analyse(path: Path) -> int:
    analyser, frames = Analyser(all_rules()), 0
    for frames, image in enumerate(_decoded(path), start=1):
        analyser.step(StillFrame(image, START_US + round(frames * 1e6 / FPS), frames))
    return frames


def _on_cpu_s(pid: int | str) -> float:
    """Seconds that a process has spent on a processor, all its threads."""
    return sum(int(task.read_text().split()[0]) for task in Path(f"/proc/{pid}/task").glob("*/schedstat")) / 1e9


def _in_child(path: Path) -> float:
    """Milliseconds a frame of agent and child together."""
    analyser = Analyser(all_rules())
    source = ChildSource(Spec("file", str(path), parts=True, colour=True), start_utc_us=START_US)
    began_s = spent_s = 0.0
    for index, frame in enumerate(source.frames()):
        analyser.step(frame)
        if index % 20 == 0 and source.child_pid is not None:
            spent_s = _on_cpu_s("self") + _on_cpu_s(source.child_pid)
            began_s = spent_s if index == WARM else began_s
            frames = index - WARM
    return (spent_s - began_s) * 1e3 / frames


def _mog2(path: Path) -> int:
    subtractor = cv2.createBackgroundSubtractorMOG2(detectShadows=True)
    return sum(1 for _ in map(subtractor.apply, _decoded(path)))


def _yolox(path: Path) -> Callable[[], int] | None:
    model = _data() / "models" / "yolox_nano.onnx"
    if not model.is_file():
        return None
    net = cv2.dnn.readNetFromONNX(str(model))

    def run() -> int:
        frames = 0
        for frames, image in enumerate(_decoded(path), start=1):
            box = np.full((416, 416, 3), 114, np.uint8)
            box[:234] = cv2.resize(image, (416, 234))
            net.setInput(cv2.dnn.blobFromImage(box))
            net.forward()
            if frames >= YOLOX_FRAMES:
                break
        return frames

    return run


def run(rounds: int) -> dict[str, Benched]:
    """Medians over `rounds`; `ratio` is the cost of all rules with decoding over each baseline."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        with tempfile.TemporaryDirectory() as folder:
            path = _clip(Path(folder))
            yolox = _yolox(path)
            took: dict[str, list[float]] = {"ours": [], "child": [], "decode": [], "mog2": [], "yolox": []}
            for _ in range(rounds):
                took["decode"].append(_ms_per_frame(lambda: _decode(path)))
                took["ours"].append(_ms_per_frame(lambda: _analyse(path)))
                took["mog2"].append(_ms_per_frame(lambda: _mog2(path)))
                took["child"].append(_in_child(path))
                if yolox is not None:
                    took["yolox"].append(_ms_per_frame(yolox))
    finally:
        cv2.setNumThreads(threads)
    median = {name: statistics.median(values) for name, values in took.items() if values}
    ours = median["ours"]

    def beside(value: float, baseline: str, name: str) -> Benched:
        return Benched(value, "ms", median[baseline], value / median[baseline], name)

    figures = {
        "ms_per_frame": beside(ours, "decode", "decoding alone"),
        "ms_per_frame_mog2": beside(ours, "mog2", "decoding + MOG2"),
        "ms_per_frame_in_child": beside(median["child"], "decode", "decoding alone"),
        "cameras_per_core": Benched(100.0 / median["child"], "cameras at 10 frames/s"),
    }
    if "yolox" in median:
        figures["ms_per_frame_yolox"] = beside(ours, "yolox", "decoding + YOLOX-nano")
    return figures
