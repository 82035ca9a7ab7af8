"""The optional detector: asked where something moves, of masked pixels only, believed where it helps."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from models.fetched import YOLOX_NANO
from sensors.camera.analyser import Analyser
from sensors.camera.blobs import Blob
from sensors.camera.capture import ChildSource
from sensors.camera.decoder import Spec
from sensors.camera.detector import KIND_OF, MOST_SHARE, Detector, Sighting
from sensors.camera.frames import FeedSource, ReducedFrame, StillFrame
from sensors.camera.masks import POISON, raster
from sensors.camera.opinions import GAIN, Opinion
from sensors.camera.settings import CameraSettings, Zone
from sensors.camera.station import CameraStation
from sensors.camera.statistics.kinds import Kinds

START_US = 1_790_000_000_000_000
WHOLE = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
MASK = ((0.0, 0.0), (0.3, 0.0), (0.3, 1.0), (0.0, 1.0))
MARK = 251


class StandIn:
    """Says of every part that it shows `kind`, right there, and keeps what it was given to look at."""

    name = "stand-in@0123456789ab"

    def __init__(self, kind=None, *, only=None):
        self.kind = kind
        self.only = only
        self.asked = []

    def look(self, picture, part):
        self.asked.append((picture, part))
        if self.kind is None:
            return []
        if self.only is not None:
            return [Sighting(self.kind, 0.8, self.only)]
        # What was asked for lies in the middle of the part, with a margin round it.
        x, y, w, h = part
        return [Sighting(self.kind, 0.8, (x + 0.15 * w, y + 0.15 * h, 0.7 * w, 0.7 * h))]


def watching(rule, detector, images, *, polygon=WHOLE, masks=(), fps=10.0, **more):
    """What `rule` says of pictures with a detector: (second, finding)."""
    zone = Zone(name="z", polygon=polygon, rules=(rule,), **more)
    analyser = Analyser(CameraSettings(zones=(zone,), masks=masks), detector)
    said = []
    for index, image in enumerate(images):
        analysis = analyser.step(StillFrame(image, START_US + round(index / fps * 1e6), index))
        said += [(index / fps, finding) for finding in analysis.findings]
    return said


def walking(street, seconds=10):
    return [street.frame([((i / 10 - 3) * 0.1, 0.4, 0.06, 0.36)] if i > 30 else []) for i in range(10 * seconds)]


def left_bag(street):
    """Somebody puts a bag down at 6.5 s and goes."""
    images = []
    for i in range(220):
        t = i / 10
        x = (min(t, 6.0) - 3.0) * 0.13 + max(0.0, t - 8.0) * 0.13
        boxes = [(x, 0.4, 0.06, 0.36)] if t > 3.0 and x < 1.0 else []
        images.append(street.frame([*boxes, (0.31, 0.69, 0.05, 0.07)] if t > 6.5 else boxes))
    return images


BAG = (0.31, 0.69, 0.05, 0.07)


def test_nobody_is_looked_at_in_an_empty_street(street):
    detector = StandIn("person")
    assert watching("intrusion", detector, [street.frame() for _ in range(100)]) == []
    assert detector.asked == []


def test_a_look_goes_to_what_moves_and_at_most_twice_a_second(street):
    detector = StandIn("person")
    watching("intrusion", detector, walking(street))
    assert 3 <= len(detector.asked) <= 14
    for _, (x, y, w, h) in detector.asked:
        assert w < 0.4
        assert y < 0.5 < y + h
        assert -0.05 <= x < 1.0


def test_a_detector_that_is_slow_is_asked_less_often(street):
    clock = iter(np.arange(0.0, 1e4, 0.3))
    zone = Zone(name="z", polygon=WHOLE, rules=("intrusion",))
    detector = StandIn("person")
    analyser = Analyser(CameraSettings(zones=(zone,)), detector)
    analyser._looker._processor_s = lambda: next(clock)
    for index, image in enumerate(walking(street, 12)):
        analyser.step(StillFrame(image, START_US + index * 100_000, index))
    # Each look takes 0.3 s of a processor, of which it may have a tenth.
    assert 1 <= len(detector.asked) <= 4


def test_who_moves_outside_of_every_zone_is_not_looked_at(street):
    detector = StandIn("person")
    watching("intrusion", detector, walking(street), polygon=((0.0, 0.0), (1.0, 0.0), (1.0, 0.2), (0.0, 0.2)))
    assert detector.asked == []


@pytest.mark.parametrize("rule", ["fire", "crowd_density", "crowd_movement", "tagging"])
def test_a_rule_that_gains_nothing_asks_nothing(street, rule):
    assert rule not in GAIN
    detector = StandIn("person")
    watching(rule, detector, walking(street))
    assert detector.asked == []


def test_no_pixel_under_a_mask_reaches_the_detector(street):
    images = walking(street)
    for image in images:
        image[np.isin(image, MARK)] = MARK - 1
        image[raster([MASK], image.shape[1::-1]) > 0] = MARK
    detector = StandIn("person")
    watching("intrusion", detector, images, masks=(MASK,))
    assert detector.asked
    assert all(not (picture == MARK).any() for picture, _ in detector.asked)


@pytest.mark.parametrize("told", [(MASK,), ()])
def test_no_pixel_under_a_mask_reaches_it_by_way_of_the_child_whatever_that_was_told(street, write_video, told):
    images = [np.asarray(cv2.resize(image, (640, 360))) for image in walking(street)]
    for image in images:
        image[raster([MASK], (640, 360)) > 0] = MARK
    path = write_video(images)
    detector = StandIn("person")
    zone = Zone(name="z", polygon=WHOLE, rules=("intrusion",))
    analyser = Analyser(CameraSettings(zones=(zone,), masks=(MASK,)), detector)
    source = ChildSource(Spec("file", str(path), masks=told, parts=True, detail=True), start_utc_us=START_US)
    for frame in source.frames():
        analyser.step(frame)
    assert detector.asked
    for picture, _ in detector.asked:
        assert picture.shape == (360, 640, 3)
        assert (picture[:, :190] == POISON).all()


def test_the_child_hands_over_a_larger_picture_twice_a_second(street, write_video):
    path = write_video([cv2.resize(street.frame(), (960, 540)) for _ in range(50)])
    frames = list(ChildSource(Spec("file", str(path), parts=True, detail=True)).frames())
    details = [frame.detail for frame in frames if isinstance(frame, ReducedFrame) and frame.detail is not None]
    assert 9 <= len(details) <= 11
    assert {detail.shape for detail in details} == {(360, 640, 3)}
    assert {frame.grey.shape for frame in frames} == {(180, 320)}


@pytest.mark.parametrize(("kind", "expected"), [("person", []), (None, ["abandoned_object"])])
def test_somebody_who_sits_there_is_not_taken_for_luggage(street, kind, expected):
    said = watching("abandoned_object", StandIn(kind, only=BAG), left_bag(street), unattended_s=6.0)
    assert [finding.event for _, finding in said] == expected


def test_a_bag_that_was_seen_as_one_is_surer(street):
    images = left_bag(street)
    (without,) = watching("abandoned_object", None, images, unattended_s=6.0)
    (with_one,) = watching("abandoned_object", StandIn("bag", only=BAG), images, unattended_s=6.0)
    assert with_one[1].score > without[1].score


def test_an_intruder_is_said_with_and_without_and_surer_where_he_was_seen(street):
    images = walking(street)
    scores = {}
    for kind in (None, "person"):
        (said, *_) = watching("intrusion", StandIn(kind) if kind else None, images)
        scores[kind] = said[1].score
    assert scores["person"] >= scores[None]


def test_who_walks_against_the_traffic_is_no_vehicle(street):
    cars = [street.frame([(1.0 - (i / 10 - 3) * 0.25, 0.5, 0.2, 0.12)] if i > 30 else []) for i in range(80)]
    lane = {"polygon": WHOLE, "direction": (1.0, 0.0)}
    assert [f.event for _, f in watching("wrong_way", StandIn("car"), cars, **lane)] == ["wrong_way"]
    assert watching("wrong_way", StandIn("person"), cars, **lane) == []


def test_what_was_seen_decides_the_kind_that_is_counted():
    wide = Blob(0.4, 0.5, 0.2, 0.1, 0.02)
    assert Kinds(None).of(wide, 0.2, 0.5625) == ("car", 1)
    three = Opinion(looks=3, sums={"person": 2.1}, people=6, peopled=2)
    assert Kinds(None).of(wide, 0.2, 0.5625, three) == ("person", 3)
    assert Kinds(None).of(wide, 0.2, 0.5625, Opinion(looks=2, sums={"person": 1.4, "cycle": 1.0})) == ("cycle", 1)
    # One weak look of four is no opinion.
    assert Kinds(None).of(wide, 0.2, 0.5625, Opinion(looks=4, sums={"heavy": 0.5})) == ("car", 1)


async def test_the_heartbeat_says_whether_a_detector_helps():
    source = FeedSource()
    gains = CameraSettings(zones=(Zone(name="z", polygon=WHOLE, rules=("intrusion",)),))
    gains_not = CameraSettings(zones=(Zone(name="z", polygon=WHOLE, rules=("fire",)),))
    detector = StandIn()
    assert CameraStation("cam", source, gains, detector=detector).health().models[1:] == (detector.name,)
    assert CameraStation("cam", source, gains_not, detector=detector).health().models[1:] == ()
    assert CameraStation("cam", source, gains).health().models[1:] == ()


def test_only_the_kinds_of_a_street_are_read():
    assert set(KIND_OF.values()) == {"person", "cycle", "car", "heavy", "bag"}


@pytest.fixture(scope="module")
def real(shared_data):
    content = (shared_data / "models" / "yolox_nano.onnx").read_bytes()
    return Detector(YOLOX_NANO.known(content), content)


@pytest.fixture
def square(shared_data):
    """A picture of people on a square."""
    capture = cv2.VideoCapture(str(shared_data / "video" / "intrusion_zone" / "debian_opencv_doc__vtest_pets2009.mp4"))
    capture.set(cv2.CAP_PROP_POS_MSEC, 5_000)
    ok, image = capture.read()
    capture.release()
    assert ok
    return image


def test_people_on_a_square_are_seen_in_the_whole_picture_and_in_a_part_of_it(real, square):
    people = [one for one in real.look(square, (0.0, 0.0, 1.0, 1.0)) if one.kind == "person" and one.score > 0.6]
    assert len(people) >= 4
    x, y, w, h = people[0].box
    (again, *_) = real.look(square, (x - 0.1, y - 0.1, w + 0.2, h + 0.2))
    assert again.kind == "person"
    assert np.allclose(again.box, people[0].box, atol=0.03)


def test_a_box_over_a_third_of_the_picture_is_dropped(real):
    boxes = np.array([[0.1, 0.1, 0.6, 0.6], [0.1, 0.1, 0.2, 0.3]], np.float32)
    scores = np.zeros((2, len(KIND_OF)), np.float32)
    scores[:, 0] = 0.9
    (kept,) = real._sightings(boxes, scores)
    assert kept.box[2] * kept.box[3] < MOST_SHARE


@pytest.mark.parametrize(
    "part", [(0.0, 0.0, 0.0, 0.0), (0.9, 0.9, 0.5, 0.5), (-0.3, -0.3, 0.5, 0.5), (2.0, 2.0, 0.1, 0.1)]
)
def test_a_part_at_the_rim_or_outside_is_no_error(real, square, part):
    assert all(0.0 <= one.score <= 1.0 for one in real.look(square, part))
