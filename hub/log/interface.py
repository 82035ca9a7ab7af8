"""What a log is: durable appends that a repeat does not change, reading in order, and consumers' positions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from msgspec import Struct

from sensors.protocol import AnyMessage


class Entry(Struct, frozen=True, gc=False):
    """One message in the log: `position` rises without being dense, `received_us` is the hub's clock at its arrival."""

    position: int
    received_us: int
    message: AnyMessage


@dataclass(frozen=True, slots=True)
class AppendResult:
    """How many messages are new, and how many were there already by their id."""

    accepted: int
    repeated: int


@dataclass(frozen=True, slots=True)
class Retention:
    """How long the log keeps what every consumer has done with, in seconds.

    Detections must stay longer than the oldest message that ingest accepts, because their ids are what makes a repeat
    harmless.
    Telemetry may go sooner: a repeat of it only writes the same point of a series again.
    """

    detections_s: float = 8 * 86_400.0
    telemetry_s: float = 86_400.0


@dataclass(frozen=True, slots=True)
class LogHealth:
    """The log now: `fault` is empty while appends work; `queued` messages wait for the disk."""

    last_position: int
    queued: int
    appended: int
    groups: int
    fault: str = ""
    lost: int = 0
    """Rows that went with damaged pages since the start."""
    copied: bool = True
    """Whether a second copy is kept up."""


class LogFull(RuntimeError):
    """More is waiting for the disk than may wait; nothing of this append was taken."""

    def __init__(self, queued: int, retry_after_s: float) -> None:
        self.queued = queued
        self.retry_after_s = retry_after_s
        super().__init__(f"{queued} messages wait for the disk; try again in {retry_after_s:g} s")


class LogUnavailable(RuntimeError):
    """The log could not be written or read (disk full, read-only, damaged, closed); nothing of this append was kept."""

    def __init__(self, code: str, reason: str, retry_after_s: float = 5.0) -> None:
        self.code = code
        self.retry_after_s = retry_after_s
        super().__init__(f"the log can't be used ({code}): {reason}")


class EventLog(Protocol):
    """One ordered, durable stream of messages."""

    async def append(self, messages: Sequence[AnyMessage]) -> AppendResult:
        """Keep `messages`; returns once they are synced to disk. LogFull or LogUnavailable where they are not."""

    async def read(self, after: int, limit: int = 1_000) -> list[Entry]:
        """The entries behind position `after`, in order, `limit` at most."""

    async def wait(self, after: int) -> None:
        """Return once there is an entry behind position `after`."""

    async def commit(self, consumer: str, position: int) -> None:
        """`consumer` is done with everything up to `position`; a lower one than before changes nothing. Durable."""

    async def committed(self, consumer: str) -> int:
        """The position that `consumer` has committed; 0 where it never did."""

    async def forget(self, consumer: str) -> None:
        """`consumer` is gone: it no longer holds back `purge`."""

    async def purge(self, keep: Retention) -> int:
        """Delete what is older than `keep` and behind every consumer; how many messages went."""

    async def scrub(self) -> bool:
        """Look through everything that is kept; where something is damaged it is mended, and False returned."""

    def health(self) -> LogHealth:
        """The state of the log at this moment; never blocks."""

    async def aclose(self) -> None:
        """Finish what is queued and close."""
