"""Why the hub believes an incident: signed terms in log-odds, each with its words.

The probability is the logistic of their sum. Terms of one modality rest on one source and are capped together.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Final

from hub.incident import Evidence

CAP_CAMERA: Final = 2.5
"""Most that all cameras together add: two cameras that see one street aren't independent."""
CAP_SILENCE: Final = -1.5
"""Most that all silent microphones together take away: one building may shield several."""
LIMIT: Final = 12.0
"""Log-odds beyond this are not claimed: keeps the probability in (0, 1)."""


def probability_of(evidence: Iterable[Evidence]) -> float:
    """The probability in (0, 1) that the terms add up to."""
    total = max(-LIMIT, min(LIMIT, sum(term.log_odds for term in evidence)))
    return 1.0 / (1.0 + math.exp(-total))


def logit(probability: float) -> float:
    """Log-odds of a probability, finite."""
    p = min(max(probability, 1e-4), 1.0 - 1e-4)
    return math.log(p / (1.0 - p))


def capped(terms: Sequence[Evidence], cap: float) -> list[Evidence]:
    """The same terms, scaled so that their sum does not pass `cap` (of either sign)."""
    total = sum(term.log_odds for term in terms)
    if abs(total) <= abs(cap) or total * cap <= 0.0:
        return list(terms)
    scale = cap / total
    return [
        Evidence(
            kind=term.kind, log_odds=term.log_odds * scale, words=term.words, values=term.values, sensor=term.sensor,
            detections=term.detections,
        )
        for term in terms
    ]  # fmt: skip
