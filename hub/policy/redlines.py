"""The red lines: what no profile, flag, plug-in or environment variable opens, by number.

They are held by absent code. This module names what may not be asked for, so that asking is answered with the line's
number and its sentence; `hub.policy.walk` looks through the built tree for what must not be in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from msgspec import Struct


class RedLine(Struct, frozen=True):
    """One line: its number in the list of the profiles, a pattern of names that lie behind it, its sentence's key."""

    number: int
    pattern: re.Pattern[str]
    words: str


def _line(number: int, pattern: str) -> RedLine:
    return RedLine(number, re.compile(rf"(?:^|[^a-z])(?:{pattern})(?:$|[^a-z])"), f"redline_{number}")


RED_LINES: Final = (
    _line(1, r"face|facial|faces|biometric|biometrics|fingerprint|iris|gait|voiceprint|identify_person|face_gate"),
    _line(
        2, r"speech|speaker|keyword|asr|transcript|transcription|language_id|listen|listening|record_audio|audio_clip"
    ),
    _line(3, r"emotion|anger|panic|distress|threat|intention|suspicious|suspicion|abnormal|mood|stress"),
    _line(
        4, r"age|gender|sex|ethnicity|religion|skin|clothing|clothes|appearance|appearance_search|bag_colour|disability"
    ),
    _line(5, r"reid|re_identification|reidentification|follow_person|person_following|cross_camera|wifi_tracking|imsi"),
    _line(6, r"plate|plates|anpr|lapi|number_plate|license_plate"),
    _line(7, r"file_crossing|join_files|social_media|wanted_list|watchlist|wanted_persons|police_files"),
    _line(8, r"automatic_dispatch|auto_dispatch|automatic_fine|fine|evidence_certificate|priority_ranking"),
    _line(9, r"prediction|predictive|predictive_policing|risk_score|patrol_planning"),
    _line(10, r"sound_to_camera|turn_camera_on_sound|audio_ptz"),
    _line(11, r"dwelling_view|unmask|moving_camera"),
    _line(12, r"archive_search|retrospective_search|recording_search|forensic_search"),
    _line(17, r"online_learning|learn_from_operators|operator_feedback_training"),
    _line(18, r"drone|drones|bodycam|body_camera"),
)

FORBIDDEN_PACKAGES: Final = frozenset(
    {
        "face_recognition", "dlib", "deepface", "insightface", "facenet_pytorch", "mtcnn", "retinaface",
        "whisper", "faster_whisper", "openai_whisper", "vosk", "speech_recognition", "speechrecognition", "pyannote",
        "pyannote.audio", "speechbrain", "resemblyzer", "webrtcvad", "pocketsphinx", "nemo_toolkit", "kaldi",
        "openalpr", "easyocr", "pytesseract", "paddleocr", "fast_alpr", "torchreid", "fer", "mediapipe",
    }
)  # fmt: skip
"""Libraries whose purpose lies behind a red line: none may be imported, required or installed with the product."""


def crossed(names: Iterable[str]) -> list[tuple[str, RedLine]]:
    """Each name that lies behind a red line, with the line."""
    found = []
    for name in names:
        plain = re.sub(r"[\s\-./]+", "_", name.strip().lower())
        spaced = plain.replace("_", " ")
        for line in RED_LINES:
            if line.pattern.search(plain) or line.pattern.search(spaced):
                found.append((name, line))
                break
    return found
