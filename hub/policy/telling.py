"""Facts said in words: dates, shares with their interval, states, sensors, for every generated document."""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Iterable, Mapping
from typing import Final

from hub.config import HubConfig
from hub.policy.basis import PolicyConfig
from hub.policy.cells import TOTAL, K, Shown, suppress
from hub.policy.facts import Facts
from hub.policy.hours import STATES as HOUR_STATES
from hub.policy.page import Grid, Text
from hub.policy.profiles import EXPERIMENT_END
from hub.policy.rules import a_year_after, designated, is_filled, moment, out_of_place
from hub.polygon import inside
from hub.registry.record import health_of
from hub.store.quality import Quality
from hub.words import Language, say
from sensors.protocol import SOUND_EVENTS, VIDEO_EVENTS

HIDDEN: Final = "·"
_DOUBLE: Final = re.compile(r" ([:;?!%»])")
STATES: Final = ("open", "acknowledged", "confirmed", "rejected", "unsure", "expired", "closed")
_MONTHS: Final = {
    "fr": (
        *("janvier", "février", "mars", "avril", "mai", "juin"),
        *("juillet", "août", "septembre", "octobre", "novembre", "décembre"),
    ),
    "en": (
        *("January", "February", "March", "April", "May", "June"),
        *("July", "August", "September", "October", "November", "December"),
    ),
}


class Teller:
    """Says things of one hub in one language."""

    def __init__(self, facts: Facts, config: HubConfig, language: Language) -> None:
        self.facts = facts
        self.config = config
        self.language: Language = language

    @property
    def policy(self) -> PolicyConfig:
        """What the deployment states."""
        return self.config.policy

    def w(self, key: str, **values: object) -> str:
        """A sentence; in French with its apostrophe, and no line breaks before double signs (Imprimerie nationale)."""
        text = say(key, values, self.language)
        return _DOUBLE.sub("\u00a0\\1", text.replace("'", "’")) if self.language == "fr" else text

    def day(self, us: int) -> str:
        """A date: 22 novembre 2026, 1er janvier 2027."""
        at = dt.datetime.fromtimestamp(us / 1e6, self.facts.at.tzinfo)
        number = "1er" if at.day == 1 and self.language == "fr" else str(at.day)
        return f"{number} {_MONTHS[self.language][at.month - 1]} {at.year}"

    def date(self, text: str) -> str:
        """A stated date in words; as it stands where it is none."""
        at = moment(text, self.facts.at.tzinfo)
        return text if at is None else self.day(int(at.timestamp() * 1e6))

    def classes(self, names: Iterable[str]) -> str:
        """Labels of a model: by the class's name for people where it is one."""
        known = SOUND_EVENTS | VIDEO_EVENTS
        return ", ".join(self.w(f"event_{name}") if name in known else name for name in names)

    def kept_messages(self) -> str:
        """How long the event log keeps what sensors sent, as it runs."""
        keep = self.config.log_retention
        days = {"detections": keep.detections_s / 86_400, "telemetry": keep.telemetry_s / 86_400}
        return self.w("reg_days_log", **{name: self.number(value) for name, value in days.items()})

    def moment(self, us: int) -> str:
        """A date with the minute."""
        at = dt.datetime.fromtimestamp(us / 1e6, self.facts.at.tzinfo)
        joint = " à " if self.language == "fr" else " at "
        return f"{self.day(us)}{joint}{at:%H:%M} ({at:%Z})"

    def number(self, value: float) -> str:
        """At most one decimal, with the language's own sign for it."""
        text = f"{value:,.1f}".removesuffix(".0")
        # A narrow no-break space between thousands, and a comma before decimals (Lexique de l'Imprimerie nationale).
        return text.replace(",", "\u202f").replace(".", ",") if self.language == "fr" else text

    def share(self, part: int, whole: int) -> str:
        """A percentage with its 95 % interval; a dash without any."""
        if whole == 0:
            return "—"
        low, high = wilson(part, whole)
        return self.w(
            "reg_interval",
            percent=self.number(100 * part / whole),
            low=self.number(100 * low),
            high=self.number(100 * high),
        )

    def yes(self, value: bool) -> str:
        """Yes or no."""
        return self.w("reg_yes" if value else "reg_no")

    def events(self, names: frozenset[str] | set[str]) -> str:
        """Classes by their names for people, or none."""
        return ", ".join(sorted(self.w(f"event_{name}") for name in names)) or self.w("reg_none")

    def sensor_rows(self) -> tuple[tuple[str, ...], ...]:
        """Name, kind, rounded place, notice, state, hours of each sensor that was not taken out."""
        rows = []
        for sensor in self.facts.sensors:
            if sensor.revoked_us is not None:
                continue
            mode, reasons = self.facts.assessment.of_sensor(sensor.id, self.policy)
            if moved := out_of_place(self.policy, sensor.id, sensor.heartbeat):
                mode, reasons = "off", (*reasons, moved)
            closed = mode == "off" and bool(reasons)
            state = health_of(sensor, self.facts.now_us).state
            word = self.w("reg_state_off", code=reasons[0].code) if closed else self.w(f"reg_state_{state}")
            stated = self.policy.facts_of(sensor.id)
            notice = stated.notice if stated and is_filled(stated.notice) else ""
            place = f"{sensor.latitude:.3f}, {sensor.longitude:.3f}"
            hours = self.number(self.attended(sensor.id))
            rows.append((sensor.id, self.w(f"reg_{sensor.kind}"), place, notice, word, hours))
        return tuple(rows)

    def closing(self) -> dt.datetime | None:
        """When the deployment closes by itself; None where no date is stated."""
        policy, zone = self.policy, self.facts.at.tzinfo
        ends = {"lab": [policy.end], "authorised": [policy.basis.end], "fr-2023-380": [policy.order.end]}
        texts = [*ends.get(policy.profile, []), *([] if policy.profile == "lab" else [policy.dpia.review_due])]
        found = [at for text in texts if (at := moment(text, zone, end=True)) is not None]
        renewed = moment(policy.council.renewed_on, zone)
        if policy.profile != "lab" and renewed is not None:
            found.append(a_year_after(renewed))
        if policy.profile == "fr-2023-380":
            last = moment(EXPERIMENT_END.isoformat(), zone, end=True)
            found += [last] if last is not None else []
        return min(found, default=None)

    def able(self) -> tuple[int, int]:
        """Operators whose designation runs today, and all that are stated."""
        return sum(designated(one, self.facts.at) for one in self.policy.operators), len(self.policy.operators)

    def outcome_grid(self) -> Grid | Text:
        """Signals by class and state; small cells hidden, but in an exercise."""
        since = self.day(self.facts.window_us)
        if not self.facts.states:
            return Text(self.w("reg_no_signal", since=since))
        table = suppress(self.facts.states, 1 if self.config.exercise else K)
        columns = [state for state in STATES if any(state in row for row in self.facts.states.values())]
        rows = []
        for event, cells in table.items():
            name = self.w("reg_total") if event == TOTAL else self.w(f"event_{event}")
            rows.append((name, *(_cell(cells[column]) for column in (*columns, TOTAL))))
        head = (self.w("reg_class"), *(self.w(f"reg_i_{state}") for state in columns), self.w("reg_total"))
        return Grid(self.w("reg_outcomes_caption", since=since), head, tuple(rows))

    def precision_grid(self) -> Grid | Text:
        """What was found of what was transmitted, by class and in all: both denominators, the share unknown."""
        since = self.day(self.facts.quality_since_us)
        report = self.facts.quality
        if report.overall.all == 0:
            return Text(self.w("reg_precision_none", since=since))
        hidden = self._hidden(report.by_event)
        rows = [
            self._precision(self.w(f"event_{event}"), one, hidden.get(event))
            for event, one in sorted(report.by_event.items())
        ]
        rows.append(self._precision(self.w("reg_total"), report.overall, hidden.get(TOTAL)))
        head = ("all", "real", "not_real", "unknown", "of_all", "of_known", "share", "hours")
        names = (self.w("reg_class"), *(self.w(f"reg_p_{name}") for name in head))
        return Grid(self.w("reg_precision_caption", since=since), names, tuple(rows))

    def _hidden(self, of: Mapping[str, Quality]) -> Shown:
        """Outcomes by class or district with small cells and what would tell them hidden; nothing in an exercise."""
        counts = {
            name: {"real": one.real, "not_real": one.not_real, "unknown": one.unknown + one.unreported}
            for name, one in of.items()
        }
        return suppress(counts, 1 if self.config.exercise else K)

    def figures(self) -> dict[str, dict[str, float | int | None]]:
        """Counts and shares by class and in all (`*`), for a machine; null where a small cell would be told."""
        report = self.facts.quality
        hidden = self._hidden(report.by_event)
        found = {}
        for name, one in (*report.by_event.items(), (TOTAL, report.overall)):
            plain = one.figures()
            secret = None in hidden.get(name, {}).values()
            found[name] = dict.fromkeys(plain) if secret else plain
        return found

    def _precision(self, name: str, one: Quality, shown: Mapping[str, int | None] | None) -> tuple[str, ...]:
        unknown = one.unknown + one.unreported
        if shown is not None and None in shown.values():
            # A share or the hours would tell what the counts do not.
            cells = (_cell(shown[column]) for column in (TOTAL, "real", "not_real", "unknown"))
            return (name, *cells, *(HIDDEN for _ in range(4)))
        counts = (one.all, one.real, one.not_real, unknown)
        return (
            name,
            *(self.number(count) for count in counts),
            self.share(one.real, one.all),
            self.share(one.real, one.known),
            self.share(unknown, one.all),
            self.number(one.hours_in_vain),
        )

    def hours_grid(self) -> Grid | Text:
        """How long sensors worked, by kind and state."""
        since = self.day(
            int(dt.datetime.combine(self.facts.hours_since, dt.time(), self.facts.at.tzinfo).timestamp() * 1e6)
        )
        if not self.facts.hours:
            return Text(self.w("reg_hours_none"))
        kinds = {one.id: one.kind for one in self.facts.sensors}
        counted = {kind: dict.fromkeys(HOUR_STATES, 0.0) for kind in ("microphone", "camera", TOTAL)}
        for sensor, states in self.facts.hours.items():
            for state, hours in states.items():
                for row in {kinds.get(sensor, TOTAL), TOTAL}:
                    counted[row][state] += hours
        rows = tuple(
            (self.w("reg_total" if kind == TOTAL else f"reg_{kind}"), *(self.number(one) for one in states.values()))
            for kind, states in counted.items()
            if kind == TOTAL or any(states.values())
        )
        head = (self.w("reg_kind"), *(self.w(f"reg_hours_{state}") for state in HOUR_STATES))
        return Grid(self.w("reg_hours_caption", since=since), head, rows)

    def attended(self, sensor: str) -> float:
        """Hours in which a sensor listened or watched, well or badly."""
        states = self.facts.hours.get(sensor, {})
        return states.get("working", 0.0) + states.get("degraded", 0.0)

    def zone_grid(self) -> Grid | Text:
        """What each district bears: sensors, their hours, dispatches and those in vain; small cells hidden."""
        if not self.facts.zones:
            return Text(self.w("reg_zones_none"))
        by_zone = {name: self.facts.quality.by_zone.get(name, Quality()) for name in self.facts.zones}
        shown = self._hidden(by_zone)
        rows = []
        for name, zone in sorted(self.facts.zones.items()):
            there = [one for one in self.facts.sensors if inside((one.latitude, one.longitude), zone)]
            hours = sum(self.attended(one.id) for one in there)
            cells = (_cell(shown[name][column]) for column in (TOTAL, "real", "not_real", "unknown"))
            here = sum(one.revoked_us is None for one in there)
            rows.append((name, str(here), self.number(hours), *cells))
        names = ("sensors", "hours", "all", "real", "not_real", "unknown")
        head = (self.w("reg_zone"), *(self.w(f"reg_z_{name}") for name in names))
        return Grid(self.w("reg_zones_caption"), head, tuple(rows))

    def refusal_grid(self, counts: Mapping[str, int], days: int) -> Grid | Text:
        """What the hub refused, by code."""
        if not counts:
            return Text(self.w("reg_no_refusal", days=days))
        rows = tuple((code, self.number(count)) for code, count in counts.items())
        head = (self.w("reg_code"), self.w("reg_count"))
        return Grid(self.w("reg_refusals_caption", days=days), head, rows)

    def oldest(self, kind: str) -> str:
        """The date of the oldest item of a kind."""
        at = self.facts.oldest_us.get(kind)
        return self.w("reg_nothing_held") if at is None else self.day(at)

    def purged(self, *kinds: str) -> str:
        """The last deletion of these kinds."""
        known = [self.facts.purges[kind] for kind in kinds if kind in self.facts.purges]
        if not known:
            return self.w("reg_nothing_due")
        at, rows = max(known)
        return self.w("reg_purged", date=self.day(at), rows=self.number(rows))

    def foot(self) -> tuple[str, ...]:
        """What every document ends with: when, from what configuration, under which root."""
        facts = self.facts
        root = facts.head.root.hex() if facts.head else "—"
        return (
            self.w("reg_foot_generated", at=self.moment(facts.now_us), hash=facts.config_hash, software=facts.software),
            self.w("reg_foot_root", root=root, size=self.number(facts.audit_size)),
            self.w("reg_foot_advice"),
        )


def _cell(count: int | None) -> str:
    return HIDDEN if count is None else str(count)


def wilson(part: int, whole: int) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson 1927): honest for small numbers, and never outside 0 and 1."""
    z = 1.96
    share = part / whole
    middle = share + z * z / (2 * whole)
    spread = z * math.sqrt(share * (1 - share) / whole + z * z / (4 * whole * whole))
    scale = 1 + z * z / whole
    return max(0.0, (middle - spread) / scale), min(1.0, (middle + spread) / scale)
