"""A microphone as the agent runs it: a source, the analysis, messages of the wire contract."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import replace
from uuid import UUID

import structlog
import uuid6

from sensors.agent import Send, StationHealth
from sensors.microphone.condition import Condition, ConditionWatch
from sensors.microphone.hearing import Heard, Hearing, HearingSettings, Impulse, Scorer
from sensors.microphone.levels import Levels
from sensors.microphone.loudness import HISTORY_NAME, LevelHistory
from sensors.microphone.sources import SoundBlock, Source, SourceError
from sensors.protocol import SOUND_EVENTS, Detection, SoundLevel

_log = structlog.get_logger(__name__)


def _now_us() -> int:
    return time.time_ns() // 1_000


class MicrophoneStation:
    """Hears one source and tells what it heard; sound itself never leaves the two seconds of `Hearing`.

    `history` is what levels are usual here. `exercise` marks every detection as not real. Without a `model` only levels
    are told. `on_condition` is called when the state of the sound changes; it begins as ok. `run` returns when the
    source ends, and raises SourceError (stable `code`) when it breaks; `health` then says which code.
    """

    def __init__(
        self,
        sensor_id: str,
        source: Source,
        settings: HearingSettings | None = None,
        *,
        model: Scorer | None = None,
        history: LevelHistory | None = None,
        exercise: bool = False,
        on_condition: Callable[[Condition], None] | None = None,
        now_us: Callable[[], int] = _now_us,
        new_id: Callable[[], UUID] = uuid6.uuid7,
    ) -> None:
        self.sensor_id = sensor_id
        self.source = source
        self._hearing = Hearing(settings, model, history)
        self._model = model
        self._watch = ConditionWatch()
        self._exercise = exercise
        self._on_condition = on_condition
        self._condition = Condition("ok")
        self._now_us = now_us
        self._new_id = new_id
        self._failed: Condition | None = None
        self._sigma_us = 0

    async def run(self, send: Send) -> None:
        """Capture and analyse until cancelled or until the source ends."""
        self._failed = None
        fresh = True
        try:
            async with aclosing(self.source.blocks()) as blocks:  # type: ignore[type-var]
                async for given in blocks:
                    # Whatever was heard before this run is not joined to it.
                    block, fresh = replace(given, gap=given.gap or fresh), False
                    self._sigma_us = block.clock_sigma_us
                    # A quarter of a second takes some 50 µs when nothing happens: a thread would cost more than it.
                    await self._tell(self._analyse(block), send)
                    await asyncio.sleep(0)
        except SourceError as error:
            self._failed = Condition("lost", error.code)
            _log.warning("microphone_lost", sensor=self.sensor_id, code=error.code, detail=error.detail)
            await self._tell(self._hearing.finish(), send)
            raise
        await self._tell(self._hearing.finish(), send)
        self._failed = Condition("lost", "source_ended")

    def health(self) -> StationHealth:
        """Capture state, clock and model now."""
        status = self.source.status()
        condition = self._failed or self._watch.condition
        if condition.capture == "ok":
            if not status.clock_synchronised:
                condition = Condition("degraded", "clock_unsynchronised")
            elif status.clock_jumped:
                condition = Condition("degraded", "clock_jumped")
            elif self._hearing.overloaded:
                condition = Condition("degraded", "too_many_impulses")
        return StationHealth(
            capture=condition.capture,
            reason=condition.reason,
            clock_offset_us=status.clock_offset_us,
            clock_sigma_us=self._sigma_us,
            models=(self._model.name,) if self._model else (),
        )

    def _analyse(self, block: SoundBlock) -> Heard:
        fit = self._watch.look(block.samples, block.sample_rate_hz, self.source.status().overruns)
        if self._on_condition is not None and (now := self._watch.condition) != self._condition:
            self._condition = now
            self._on_condition(now)
        return self._hearing.hear(replace(block, samples=fit))

    async def _tell(self, heard: Heard, send: Send) -> None:
        for impulse in heard.impulses:
            if impulse.event in SOUND_EVENTS:
                await send(self._impulse(impulse))
        for lasting in heard.lasting:
            if lasting.event in SOUND_EVENTS:
                await send(self._detection(lasting.event, lasting.onset_us, lasting.duration_s, lasting.score))
        for loud in heard.loud:
            await send(self._detection("loud_unknown", loud.at_us - 1_000_000, 1.0, loud.score, loud.level_db))
        for levels in heard.levels:
            await send(self._sound_level(levels))

    def _impulse(self, impulse: Impulse) -> Detection:
        assert self._model is not None
        return Detection(
            id=self._new_id(),
            sensor=self.sensor_id,
            sent=self._now_us(),
            event=impulse.event,  # type: ignore[arg-type]
            onset=impulse.onset_us,
            duration_s=impulse.duration_s,
            score=impulse.score,
            clock_sigma_us=impulse.clock_sigma_us,
            model=self._model.name,
            peak_db=impulse.peak_db,
            snr_db=impulse.snr_db,
            exercise=self._exercise,
        )

    def _detection(
        self, event: str, onset_us: int, duration_s: float, score: float, level_db: float | None = None
    ) -> Detection:
        """A sound without a pick; `level_db` is the A-weighted Fast maximum, told in place of a peak."""
        return Detection(
            id=self._new_id(),
            sensor=self.sensor_id,
            sent=self._now_us(),
            event=event,  # type: ignore[arg-type]
            onset=onset_us,
            duration_s=duration_s,
            score=score,
            clock_sigma_us=self._sigma_us,
            model=self._model.name if self._model and level_db is None else HISTORY_NAME,
            peak_db=level_db,
            exercise=self._exercise,
        )

    def _sound_level(self, levels: Levels) -> SoundLevel:
        return SoundLevel(
            id=self._new_id(),
            sensor=self.sensor_id,
            sent=self._now_us(),
            start=levels.start_us,
            period_s=levels.period_s,
            laeq=levels.laeq,
            lafmax=levels.lafmax,
            lcpeak=levels.lcpeak,
            l10=levels.l10,
            l50=levels.l50,
            l90=levels.l90,
        )
