"""What the demo tells: what really happens in the street, what the hub makes of it, what people decide."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import aiohttp

from hub.fusion.plane import Plane
from hub.words import Language, catalogue, say
from sensors.simulator.scenario import Scenario
from sensors.simulator.schedule import Truth, truths

POLL_S: Final = 0.5
_BEFORE_US: Final = 1_000_000
_SAME_S: Final = 6.0
"""An incident whose onset is this near to a true event may be about it: sound crosses the quarter in two seconds."""

Say = Callable[[str, Mapping[str, object]], None]


@dataclass(frozen=True, slots=True)
class Line:
    """One thing said: the key of its sentence, the sentence, and its values for machines."""

    key: str
    text: str
    values: Mapping[str, object]


def distance_m(latitude: float, longitude: float, truth: Truth) -> float | None:
    """Metres between a place and where something really happened; None where the truth has no place."""
    if truth.latitude is None or truth.longitude is None:
        return None
    return Plane.at(truth.latitude, truth.longitude).distance_m(latitude, longitude)


class Truths:
    """The evening's true events, turn after turn."""

    def __init__(self, scenario: Scenario, seed: int, start_us: int) -> None:
        self._scenario = scenario
        self._seed = seed
        self._start_us = start_us
        self._turn = 0
        self._coming = truths(scenario, seed, 0)
        self._past: list[Truth] = []

    def due(self, now_us: int) -> list[Truth]:
        """What has begun since the last call."""
        now_s = (now_us - self._start_us) / 1e6
        found: list[Truth] = []
        while True:
            if not self._coming:
                if not self._scenario.repeat or now_s < (self._turn + 1) * self._scenario.duration_s:
                    break
                self._turn += 1
                self._coming = truths(self._scenario, self._seed, self._turn)
                if not self._coming:
                    break
            if self._coming[0].at_s > now_s:
                break
            found.append(self._coming.pop(0))
        self._past = (self._past + found)[-40:]
        return found

    @property
    def begun_us(self) -> int:
        """When the evening began."""
        return self._start_us

    def behind(self, event: str, onset_us: int) -> Truth | None:
        """The true event of that class at about that time; None where there was none."""
        onset_s = (onset_us - self._start_us) / 1e6
        near = [t for t in self._past if t.kind == event and abs(t.at_s - onset_s) < _SAME_S]
        return min(near, key=lambda truth: abs(truth.at_s - onset_s), default=None)


def tell_truth(truth: Truth, out: Say) -> None:
    """Say one true event, where there is a sentence for its kind."""
    key = f"demo_truth_{truth.kind}"
    if key in catalogue():
        values = {"rounds": truth.rounds, "label": truth.label, "camera": truth.camera, "zone": truth.zone}
        out(key, values)


class Watcher:
    """Asks the hub's public interface what it believes, and tells what is new."""

    def __init__(self, session: aiohttp.ClientSession, url: str, language: Language, truth: Truths, out: Say) -> None:
        self._session = session
        self._url = url
        self._language = language
        self._truth = truth
        self._out = out
        self._told: dict[str, tuple[str, bool, str]] = {}
        self.confirmed: set[str] = set()

    async def incidents(self) -> list[dict[str, Any]]:
        """The newest incidents, as the console gets them; none while the hub does not answer."""
        address = f"{self._url}/api/v1/incidents"
        # A kept folder may hold earlier evenings.
        wanted = {"lang": self._language, "limit": "50", "since": str(self._truth.begun_us - _BEFORE_US)}
        with contextlib.suppress(aiohttp.ClientError, TimeoutError, ValueError):
            async with self._session.get(address, params=wanted) as answer:
                if answer.status == 200:
                    found: list[dict[str, Any]] = (await answer.json())["incidents"]
                    return found
        return []

    async def look(self) -> list[dict[str, Any]]:
        """Tell what is new and return the incidents."""
        found = await self.incidents()
        for view in sorted(found, key=lambda view: int(view["onset_us"])):
            self._tell(view)
        return found

    def _tell(self, view: dict[str, Any]) -> None:
        known = self._told.get(view["id"])
        settled = bool(view["settled"])
        # Once when it appears and once when its evidence is complete; not at every revision between.
        if known is None or (settled and not known[1] and view["summary"] != known[2]):
            self._out("demo_incident", {"summary": view["summary"], "id": view["id"], "event": view["event"]})
            self._compare(view)
        if known is not None and known[0] != view["state"]:
            state = say(f"demo_state_{view['state']}", {}, self._language)
            person = view.get("decided_by") or ""
            self._out("demo_state", {"event": view["event_name"], "state": state, "person": person, "id": view["id"]})
        if view["state"] == "confirmed":
            self.confirmed.add(view["id"])
        said = view["summary"] if known is None or settled else known[2]
        self._told[view["id"]] = (view["state"], settled, said)

    def _compare(self, view: dict[str, Any]) -> None:
        truth = self._truth.behind(view["event"], int(view["onset_us"]))
        if truth is None or view["place"]["kind"] != "ellipse":
            return
        metres = distance_m(view["place"]["latitude"], view["place"]["longitude"], truth)
        if metres is not None:
            seconds = (time.time_ns() / 1e3 - int(view["onset_us"])) / 1e6
            self._out("demo_placed", {"metres": metres, "seconds": seconds, "id": view["id"]})


async def decide(session: aiohttp.ClientSession, url: str, incident: str, action: str) -> bool:
    """One decision of the scripted operator on the revision that is newest now; False where the hub refuses it."""
    address = f"{url}/api/v1/incidents/{incident}"
    for _ in range(5):
        async with session.get(address) as answer:
            view = await answer.json()
        body = {"action": action, "revision": view["revision"]}
        async with session.post(f"{address}/decisions", json=body, headers={"X-Tocsin": "1"}) as answer:
            if answer.status == 200:
                return True
            problem = await answer.json()
        if problem.get("code") != "stale_revision":
            return False
        # It was revised in between: look again, as a person would.
        await asyncio.sleep(POLL_S)
    return False


async def operate(session: aiohttp.ClientSession, url: str, found: list[dict[str, Any]]) -> str | None:
    """Confirm the first open gunshot that is more likely than not; its id, or None where there is none yet."""
    for view in sorted(found, key=lambda view: int(view["onset_us"])):
        if view["event"] == "gunshot" and view["state"] == "open" and view["probability"] > 0.5:
            with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                steps = [await decide(session, url, view["id"], step) for step in ("acknowledge", "confirm")]
                if steps[-1]:
                    return str(view["id"])
    return None
