"""How far each consumer has come, in a small stream of its own: one durable message a consumer, the newest counts."""

from __future__ import annotations

from base64 import b64decode
from typing import Final

from hub.log.line import ApiError, Line, answer_of, published

NO_MESSAGE: Final = 10_037
OTHERS_WROTE: Final = 10_071
"""Error codes of JetStream: no such message; the subject is not at the expected place."""


class Positions:
    """Consumers' positions beside the stream `stream`; several hubs may write them."""

    def __init__(self, line: Line, stream: str) -> None:
        self._line = line
        self._prefix = f"{stream}.position"
        self.stream = f"{stream}_positions"
        self._known: dict[str, tuple[int, int]] = {}
        """By consumer: its position, and where that stands in the stream."""

    async def of(self, consumer: str) -> int:
        """The position that `consumer` has committed; 0 where it never did."""
        position, _ = self._known[consumer] = await self._look(consumer)
        return position

    async def commit(self, consumer: str, position: int) -> None:
        """`consumer` is done up to `position`; a lower one than before changes nothing. Durable."""
        known = self._known.get(consumer)
        if known is None:
            known = self._known[consumer] = await self._look(consumer)
        while position > known[0]:
            headers = {"Nats-Expected-Last-Subject-Sequence": str(known[1])}
            subject = f"{self._prefix}.{consumer}"
            try:
                answer = answer_of(await published(self._line, subject, str(position).encode(), headers))
            except ApiError as error:
                if error.number != OTHERS_WROTE:
                    raise
                known = self._known[consumer] = await self._look(consumer)
                continue
            known = self._known[consumer] = (position, int(answer["seq"]))

    async def forget(self, consumer: str) -> None:
        """`consumer` has no position any more."""
        await self._line.ask(f"STREAM.PURGE.{self.stream}", {"filter": f"{self._prefix}.{consumer}"})
        self._known.pop(consumer, None)

    async def lowest(self) -> int:
        """The position behind which some consumer still needs everything; 0 where nobody ever committed."""
        state = (await self._line.ask(f"STREAM.INFO.{self.stream}", {"subjects_filter": f"{self._prefix}.*"}))["state"]
        consumers = [subject.rpartition(".")[2] for subject in state.get("subjects") or {}]
        return min([await self.of(consumer) for consumer in consumers], default=0)

    async def _look(self, consumer: str) -> tuple[int, int]:
        try:
            found = await self._line.ask(
                f"STREAM.MSG.GET.{self.stream}", {"last_by_subj": f"{self._prefix}.{consumer}"}
            )
        except ApiError as error:
            if error.number == NO_MESSAGE:
                return 0, 0
            raise
        return int(b64decode(found["message"]["data"])), int(found["message"]["seq"])
