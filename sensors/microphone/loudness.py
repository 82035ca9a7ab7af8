"""Louder than this place at this hour ever is: `loud_unknown`, learnt as a distribution of levels and nothing else.

For each hour of the day (UTC) the seconds are counted by their level in whole decibels. A second is loud when so few
seconds of this hour and its neighbours were ever as loud that chance does not explain it. The score is one minus the
share of seconds that were at least as loud (add-one rule): an empirical tail probability, not a guess of what it was.
"""

from __future__ import annotations

import hashlib
import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import msgspec
import numpy as np
from msgspec import Meta, Struct

HOURS: Final = 24
LOWEST_DB: Final = 0
BINS: Final = 160
NEEDED_S: Final = 3 * 3_600
"""Less than three days of this hour (with its neighbours: one day) says little about what is usual."""
RARE: Final = 2e-5
"""One second in 14 hours: what is louder than all but these is told, if it also stands `MARGIN_DB` above them."""
MARGIN_DB: Final = 3.0
PAUSE_S: Final = 60.0
FORGET_AT_S: Final = 90 * 3_600
"""Counts of an hour are halved when they reach ninety days: a street that changes is learnt anew."""
SAVE_EVERY_S: Final = 900.0
HISTORY_NAME: Final = f"level-history@{hashlib.sha256(repr((RARE, MARGIN_DB, NEEDED_S)).encode()).hexdigest()[:8]}"
"""What a detection names as its model: the rule with its numbers."""


class LoudnessError(Exception):
    """The file of counts can't be used; `code` is stable."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{detail} [{code}]")
        self.code = code
        self.detail = detail


class _File(Struct, forbid_unknown_fields=True):
    version: Annotated[int, Meta(ge=1, le=1)]
    counts: Annotated[list[dict[str, Annotated[float, Meta(ge=0.0)]]], Meta(min_length=HOURS, max_length=HOURS)]


@dataclass(frozen=True, slots=True)
class Loud:
    """A second that was louder than ever here at this hour."""

    at_us: int
    level_db: float
    usual_db: float
    score: float


class LevelHistory:
    """Seconds counted by hour and level; `offer` every second's loudest Fast level."""

    def __init__(self) -> None:
        self._counts = np.zeros((HOURS, BINS))
        self._told_us: int | None = None

    def seconds(self, hour: int) -> float:
        """Seconds counted for `hour` and the hours beside it."""
        return float(self._around(hour).sum())

    def usual_db(self, hour: int) -> float | None:
        """The level that all but the rarest seconds of this hour stay below; None until enough was heard."""
        counts = self._around(hour)
        total = counts.sum()
        if total < NEEDED_S:
            return None
        above = np.cumsum(counts[::-1])[::-1]
        rare = np.flatnonzero(above <= RARE * total)
        return float(LOWEST_DB + (int(rare[0]) if rare.size else BINS))

    def offer(self, level_db: float, at_us: int) -> Loud | None:
        """Judge the second at `at_us` (UTC) by what was heard before, then count it. NaN and infinities are ignored."""
        if not math.isfinite(level_db):
            return None
        hour = at_us // 3_600_000_000 % HOURS
        loud = self._judge(level_db, at_us, hour)
        self._counts[hour, self._bin(level_db)] += 1.0
        if self._counts[hour].sum() >= FORGET_AT_S:
            self._counts[hour] /= 2.0
        return loud

    def _judge(self, level_db: float, at_us: int, hour: int) -> Loud | None:
        usual = self.usual_db(hour)
        if usual is None or level_db < usual + MARGIN_DB:
            return None
        if self._told_us is not None and abs(at_us - self._told_us) < PAUSE_S * 1e6:
            return None
        self._told_us = at_us
        counts = self._around(hour)
        as_loud = float(counts[self._bin(level_db) :].sum())
        return Loud(at_us, level_db, usual, 1.0 - (as_loud + 1.0) / (float(counts.sum()) + 1.0))

    def _around(self, hour: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        return np.asarray(self._counts[[hour - 1, hour, (hour + 1) % HOURS]].sum(axis=0))

    @staticmethod
    def _bin(level_db: float) -> int:
        return min(max(math.floor(level_db) - LOWEST_DB, 0), BINS - 1)

    def save(self, path: Path) -> None:
        """Write the counts, whole or not at all. Raises OSError."""
        sparse = [{str(level): float(row[level]) for level in np.flatnonzero(row).tolist()} for row in self._counts]
        draft = path.with_suffix(".new")
        with draft.open("wb") as file:
            file.write(msgspec.json.encode(_File(1, sparse)))
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)

    @classmethod
    def load(cls, path: Path) -> LevelHistory:
        """Read the counts; an absent file is an empty history. Raises LoudnessError `history_unusable`."""
        history = cls()
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            return history
        except OSError as error:
            raise LoudnessError("history_unusable", f"{path} can't be read: {error.strerror}.") from None
        try:
            for hour, row in enumerate(msgspec.json.decode(data, type=_File).counts):
                for level, count in row.items():
                    if not 0 <= int(level) < BINS:
                        raise ValueError(f"level {level}")
                    history._counts[hour, int(level)] = count
        except ValueError as error:  # msgspec's errors are ValueErrors too
            raise LoudnessError("history_unusable", f"{path}: {error}. Remove it to learn anew.") from None
        return history
