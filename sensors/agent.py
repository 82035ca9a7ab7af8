"""Source -> analyser -> spool -> uplink: the loop that every agent shares."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from sensors.protocol import AnyMessage, CaptureState

Send = Callable[[AnyMessage], Awaitable[None]]
"""Puts one message into the spool; returns once it is kept."""


@dataclass(frozen=True, slots=True)
class StationHealth:
    """What a station knows of itself, for the heartbeat."""

    capture: CaptureState
    reason: str = ""
    clock_offset_us: int = 0
    clock_sigma_us: int = 0
    models: tuple[str, ...] = ()
    audio_tracks_dropped: int = 0


class Station(Protocol):
    """A source with its analyser: a microphone, or a camera. The agent runs it, restarts it and reports its health."""

    async def run(self, send: Send) -> None:
        """Capture and analyse until cancelled or until the source ends; send what was found."""

    def health(self) -> StationHealth:
        """The state of capture and clock at this moment; never blocks."""
