"""An incident read as one sentence: who heard it, who saw it, who didn't hear it, how many rounds, how sure."""

from __future__ import annotations

from uuid import UUID

import pytest

from hub.api.views import explanation
from hub.incident import Evidence, Incident, Place
from hub.words import Language

EVIDENCE = (
    Evidence(kind="agreement", log_odds=1.0, words="evidence_agreement",
             values={"agreeing": 6, "in_range": 7, "residual_ms": 1.8}),
    Evidence(kind="rounds", log_odds=0.0, words="evidence_rounds", values={"rounds": 3}),
    Evidence(kind="sound", log_odds=2.0, words="evidence_sound", values={"score": 0.9}),
    *(Evidence(kind="silence", log_odds=-0.4, words="evidence_silence_noise",
               values={"sensor": f"mic-{i}", "distance_m": 120 + i, "noise_db": 71}) for i in (7, 8, 9)),
    Evidence(kind="camera", log_odds=0.8, words="evidence_camera_crowd_movement",
             values={"sensor": "Place X", "delay_s": 0.9, "distance_m": 0}),
)  # fmt: skip


@pytest.mark.parametrize(
    ("language", "sentence"),
    [
        (
            "en",
            "6 of 7 sensors in range heard it; arrival times agree to 1.8 ms; camera Place X saw people run "
            "0.9 s later; sensor mic-7, 127 m away, heard nothing (its noise was 71 dB(A)); "
            "sensor mic-8, 128 m away, heard nothing (its noise was 71 dB(A)); 3 rounds from one place; 92 %.",
        ),
        (
            "fr",
            "6 des 7 capteurs à portée l'ont entendu ; les temps d'arrivée concordent à 1,8 ms; "
            "la caméra Place X a vu des gens courir 0,9 s plus tard; "
            "le capteur mic-7, à 127 m, n'a rien entendu (son bruit de fond : 71 dB(A)); "
            "le capteur mic-8, à 128 m, n'a rien entendu (son bruit de fond : 71 dB(A)); "
            "3 coups depuis un même lieu; 92 %.",
        ),
    ],
)
def test_an_incident_reads_as_one_sentence(language: Language, sentence: str) -> None:
    incident = Incident(
        id=UUID(int=1), revision=1, event="gunshot", onset_us=0, end_us=0, updated_us=0,
        place=Place(kind="ellipse", latitude=45.0, longitude=4.0), probability=0.92, rounds=3, evidence=EVIDENCE,
    )  # fmt: skip
    assert explanation(incident, language) == sentence


def test_without_evidence_only_the_probability_is_told() -> None:
    incident = Incident(
        id=UUID(int=1), revision=1, event="fire", onset_us=0, end_us=0, updated_us=0,
        place=Place(kind="zone", latitude=45.0, longitude=4.0), probability=0.5,
    )  # fmt: skip
    assert explanation(incident, "en") == "50 %."
