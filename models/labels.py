"""What the model may say, and which of the corpus's labels stand for it; everything else is a negative."""

from __future__ import annotations

from typing import Final

LABELS: Final[tuple[str, ...]] = ("gunshot", "clamor", "siren", "horn")
"""Classes the network is trained for; the registry says which of them a model may report (`models.registry`)."""

CORPUS_LABELS: Final[dict[str, frozenset[str]]] = {
    "gunshot": frozenset({"gunshot"}),
    "clamor": frozenset({"clamor"}),
    "siren": frozenset({"siren"}),
    "horn": frozenset({"car_horn", "horn"}),
    "glass_break": frozenset({"glass_break"}),
    "scream": frozenset({"scream"}),
    "explosion": frozenset({"explosion"}),
    "firework": frozenset({"fireworks", "firework"}),
}

UNDECIDED: Final[dict[str, frozenset[str]]] = {
    "clamor": frozenset({"crowd_unclear", "applause", "children_playing"}),
}
"""Labels that may hold the class or not: used neither for it nor against it."""

CONFUSERS: Final[dict[str, frozenset[str]]] = {
    "gunshot": frozenset(
        {"fireworks", "explosion", "door_slam", "impact", "thunder", "jackhammer", "construction", "glass_break",
         "dog_bark", "footsteps", "drilling", "fire_crackle"}
    ),
    "clamor": frozenset(
        {"crowd_babble", "speech", "music", "rain", "wind", "traffic", "water", "ambience", "baby_cry", "scream"}
    ),
    "siren": frozenset({"car_horn", "alarm", "music", "scream", "baby_cry", "church_bells"}),
    "horn": frozenset({"siren", "alarm", "music", "church_bells", "dog_bark"}),
}  # fmt: skip
"""Hard negatives, which have their own rows in the report."""


def truth(label: str, corpus_label: str) -> bool | None:
    """Whether a recording labelled `corpus_label` is of class `label`; None where nobody can tell."""
    if corpus_label in CORPUS_LABELS.get(label, frozenset()):
        return True
    return None if corpus_label in UNDECIDED.get(label, frozenset()) else False
