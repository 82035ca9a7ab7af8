"""The declared calendar as a configuration tells it: days and hours of the site, made into declarations in UTC."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from typing import Annotated, Final
from zoneinfo import ZoneInfo

from msgspec import Meta, Struct

from hub.fusion.context import Context, Declared, DeclaredKind

MOST_DAYS: Final = 400
"""A declaration ends: who needs a longer one looks at it again after a year."""


class Declaration(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One `[[context]]` of the configuration: what is declared, where, on which days, at which hours of local time.

    `first_day` and `last_day` belong to it. `opens` to `closes` is each day's stretch; where `closes` is not after
    `opens` it ends on the next day. `zone`: (latitude, longitude) pairs; empty means the whole site. `margin_m`: how
    far outside the zone it still counts.
    """

    kind: DeclaredKind
    name: Annotated[str, Meta(min_length=1, max_length=120)]
    first_day: date
    last_day: date
    opens: time = time(0, 0)
    closes: time = time(0, 0)
    zone: tuple[tuple[Annotated[float, Meta(ge=-90.0, le=90.0)], Annotated[float, Meta(ge=-180.0, le=180.0)]], ...] = ()
    margin_m: Annotated[float, Meta(ge=0.0, le=1_000.0)] = 50.0

    def problem(self) -> str:
        """What is wrong with it and what to do, empty where nothing is."""
        if self.last_day < self.first_day:
            return f"{self.name!r} ends before it begins; put `first_day` before `last_day`"
        if (self.last_day - self.first_day).days >= MOST_DAYS:
            return f"{self.name!r} lasts longer than {MOST_DAYS} days; declare it again after a year"
        if 0 < len(self.zone) < 3:
            return (
                f"{self.name!r} has a zone of {len(self.zone)} corners; give three or more, or none for the whole site"
            )
        return ""

    def days(self, time_zone: str) -> Iterable[Declared]:
        """One declaration a day; `time_zone` is the site's IANA name."""
        local = ZoneInfo(time_zone)
        for day in range((self.last_day - self.first_day).days + 1):
            on = self.first_day + timedelta(days=day)
            until = on if self.closes > self.opens else on + timedelta(days=1)
            yield Declared(
                self.kind,
                self.name,
                round(datetime.combine(on, self.opens, local).timestamp() * 1e6),
                round(datetime.combine(until, self.closes, local).timestamp() * 1e6),
                self.zone,
                self.margin_m,
            )


def context_of(declarations: Iterable[Declaration], time_zone: str) -> Context:
    """All declarations in the form that evidence is weighed by."""
    return Context(tuple(day for declaration in declarations for day in declaration.days(time_zone)))
