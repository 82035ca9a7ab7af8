"""Library elements: the panels that people put on dashboards of their own, kept equal to those of ours by Grafana.

They are made from the built dashboards, so that there is one definition: the live map and queue of the control room,
and the health of the fleet over time.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

PANEL: Final = 1
"""Grafana's number of a library element that is a panel; 2 was a variable."""

SHARED: Final = (
    ("tocsin-library-map", "tocsin-control-room", "geomap"),
    ("tocsin-library-queue", "tocsin-control-room", "table"),
    ("tocsin-library-health", "tocsin-fleet", "state-timeline"),
)
"""(uid of the element, uid of the dashboard, type of the first such panel of it)."""

_OWN: Final = frozenset({"id", "gridPos"})
"""What belongs to a panel's place on its dashboard and not to the panel."""


def elements(dashboards: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The library elements of built dashboards, as `POST /api/library-elements` takes them.

    Raises LookupError where a dashboard has no panel of the type any more.
    """
    by_uid = {dashboard["uid"]: dashboard for dashboard in dashboards}
    made = []
    for uid, source, kind in SHARED:
        panel = next((one for one in by_uid[source]["panels"] if one["type"] == kind), None)
        if panel is None:
            raise LookupError(f"{source} has no panel of the type {kind}")
        model = {key: value for key, value in panel.items() if key not in _OWN}
        made.append({"uid": uid, "kind": PANEL, "name": f"Tocsin · {panel['title']}", "model": model})
    return made
