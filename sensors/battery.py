"""The charge of the box that the agent runs on, as the kernel tells it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

POWER: Final = Path("/sys/class/power_supply")
"""Linux: one folder a supply, with `type` and, for a battery, `capacity` in per cent."""


def charge(folder: Path = POWER) -> float | None:
    """Share 0..1 of the emptiest battery; None on a box without one. Blocks for some file reads."""
    found = []
    try:
        for supply in sorted(folder.iterdir()):
            if (supply / "type").read_text(encoding="ascii").strip() == "Battery":
                found.append(int((supply / "capacity").read_text(encoding="ascii")) / 100.0)
    except (OSError, ValueError):
        return None  # no such folder, or a supply that tells nothing: as good as no battery
    return min(max(min(found), 0.0), 1.0) if found else None
