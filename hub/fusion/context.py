"""What people have declared: events of the calendar, and known sources of noise. They lower or raise what is believed.

A declaration never deletes a detection: it is one more signed term, with its words, and it ends on its date.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from hub.fusion.geometry import distance_to_ring_m
from hub.incident import Evidence

DeclaredKind = Literal["firework", "match", "works", "known_source"]

WEIGHT: Final[dict[str, float]] = {"firework": -3.0, "match": -1.0, "works": -2.0, "known_source": -2.5}
"""Log-odds that each kind takes away inside its zone and hours. A firework throws hundreds of bangs for each shot a
year would bring; a match brings firecrackers; works bring nail guns and dropped plates."""


@dataclass(frozen=True, slots=True)
class Declared:
    """One declaration: a zone of (latitude, longitude) pairs (empty: the whole site), from and until (µs), a name.

    `from_us` <= t < `until_us`. `margin_m`: how far outside the zone it still counts.
    """

    kind: DeclaredKind
    name: str
    from_us: int
    until_us: int
    zone: tuple[tuple[float, float], ...] = ()
    margin_m: float = 50.0

    def covers(self, latitude: float, longitude: float, at_us: int) -> bool:
        """True if this place and time are declared."""
        if not self.from_us <= at_us < self.until_us:
            return False
        return not self.zone or distance_to_ring_m(self.zone, latitude, longitude) <= self.margin_m


@dataclass(frozen=True, slots=True)
class Context:
    """All declarations in force or to come."""

    declared: tuple[Declared, ...] = ()

    def terms(self, latitude: float, longitude: float, at_us: int) -> tuple[Evidence, ...]:
        """What is declared for this place and time: the strongest declaration of each kind."""
        best: dict[str, Evidence] = {}
        for item in self.declared:
            if item.kind not in best and item.covers(latitude, longitude, at_us):
                best[item.kind] = Evidence(
                    kind="context",
                    log_odds=WEIGHT[item.kind],
                    words=f"evidence_context_{item.kind}",
                    values={"name": item.name},
                )
        return tuple(best.values())
