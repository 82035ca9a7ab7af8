"""Who may use which route: one table, checked at every request and complete at start.

A route of the application that is not listed here stops the hub from starting, so that a new route can't be open by
accident.
"""

from __future__ import annotations

from typing import Final

from aiohttp import web

PUBLIC: Final = "public"
"""Anyone: pages and health; nothing operational is in the answer."""
SENSOR: Final = "sensor"
"""A sensor's own signature or token decides, inside the handler."""
SIGNED: Final = "signed"
"""A signature of a known dispatch endpoint decides, inside the handler."""

OPERATIONS: Final = "operations"
"""An address in `http.metrics_from`, or whoever may read."""

ORIGIN: Final = "origin"
"""A page of an origin in `[grafana]`, or whoever is signed in: decided inside the handler."""

READERS: Final = frozenset({"operator", "supervisor", "technician", "auditor", "administrator"})
_DECIDE: Final = frozenset({"operator", "supervisor"})
_STOP: Final = frozenset({"operator", "supervisor", "technician", "administrator"})
_RESUME: Final = frozenset({"supervisor", "administrator"})
_OVERSEE: Final = frozenset({"supervisor", "auditor", "administrator"})
_ADMINISTER: Final = frozenset({"administrator"})
_TECHNICIAN: Final = frozenset({"technician", "administrator"})

Rule = str | frozenset[str]

RULES: Final[dict[tuple[str, str], Rule]] = {
    ("GET", "/healthz"): PUBLIC,
    ("GET", "/readyz"): PUBLIC,
    ("GET", "/metrics"): OPERATIONS,
    ("GET", "/api/v1/status"): PUBLIC,
    ("GET", "/api/v1/openapi.json"): PUBLIC,
    ("POST", "/api/v1/session"): PUBLIC,
    ("DELETE", "/api/v1/session"): PUBLIC,
    ("POST", "/api/v1/setup"): PUBLIC,
    ("GET", "/api/v1/oidc/start"): PUBLIC,
    ("GET", "/api/v1/oidc/callback"): PUBLIC,
    ("POST", "/api/v1/enrol"): SENSOR,
    ("POST", "/api/v1/ingest"): SENSOR,
    ("GET", "/api/v1/stream"): SENSOR,
    ("POST", "/api/v1/foreign"): SENSOR,
    ("GET", "/api/v1/lease"): SENSOR,
    ("POST", "/api/v1/rotate"): SENSOR,
    ("POST", "/api/v1/outcomes/{endpoint}"): SIGNED,
    ("GET", "/api/v1/events"): READERS,
    ("GET", "/api/v1/sensors"): READERS,
    ("GET", "/api/v1/sensors.geojson"): READERS,
    # Fixed geometry for another origin's map, which sends no session: the handler looks at the origin.
    ("GET", "/api/v1/layers/{name}.geojson"): ORIGIN,
    ("POST", "/api/v1/alerts/grafana"): SIGNED,
    ("GET", "/api/v1/alerts"): READERS,
    ("POST", "/api/v1/sensors"): _TECHNICIAN,
    ("PATCH", "/api/v1/sensors/{id}"): _TECHNICIAN,
    ("POST", "/api/v1/sensors/{id}/code"): _TECHNICIAN,
    ("POST", "/api/v1/sensors/{id}/revoke"): _TECHNICIAN,
    ("GET", "/api/v1/sensors/{id}/history"): READERS,
    ("GET", "/api/v1/sensors/{id}/heard"): _TECHNICIAN,
    ("POST", "/api/v1/plan"): _TECHNICIAN,
    ("GET", "/api/v1/incidents"): READERS,
    ("POST", "/api/v1/incidents"): _DECIDE,
    ("GET", "/api/v1/incidents.geojson"): READERS,
    ("GET", "/api/v1/incidents/{id}"): READERS,
    ("POST", "/api/v1/incidents/{id}/decisions"): _DECIDE,
    ("GET", "/api/v1/outbox"): READERS,
    ("POST", "/api/v1/outbox/{id}/replay"): _RESUME,
    ("GET", "/api/v1/deliveries"): READERS,
    ("POST", "/api/v1/webhooks/{name}/test"): _RESUME,
    ("POST", "/api/v1/webhooks/{name}/enable"): _RESUME,
    ("GET", "/api/v1/quality"): READERS,
    ("GET", "/api/v1/suspensions"): READERS,
    ("POST", "/api/v1/suspensions"): _STOP,
    ("DELETE", "/api/v1/suspensions/{name}"): _RESUME,
    ("GET", "/api/v1/roster"): READERS,
    ("POST", "/api/v1/roster/shifts"): _RESUME,
    ("DELETE", "/api/v1/roster/shifts/{number}"): _RESUME,
    ("POST", "/api/v1/roster/exceptions"): _RESUME,
    ("DELETE", "/api/v1/roster/exceptions/{number}"): _RESUME,
    ("GET", "/api/v1/handover"): _DECIDE,
    ("POST", "/api/v1/handover"): _DECIDE,
    ("POST", "/api/v1/handover/take"): _DECIDE,
    ("GET", "/api/v1/calendar"): READERS,
    ("POST", "/api/v1/calendar"): _STOP,
    ("POST", "/api/v1/calendar/{number}/end"): _STOP,
    ("GET", "/api/v1/drill"): READERS,
    ("POST", "/api/v1/drill"): _RESUME,
    ("DELETE", "/api/v1/drill"): _RESUME,
    ("GET", "/api/v1/requests"): _OVERSEE,
    ("POST", "/api/v1/requests"): _RESUME,
    ("POST", "/api/v1/requests/{number}/answer"): _RESUME,
    ("GET", "/api/v1/missed"): READERS,
    ("POST", "/api/v1/missed"): _DECIDE,
    ("GET", "/api/v1/people"): _ADMINISTER,
    ("POST", "/api/v1/people"): _ADMINISTER,
    ("DELETE", "/api/v1/people/{name}"): _ADMINISTER,
}


def rule_of(method: str, path: str) -> Rule | None:
    """The rule of a route by its method and its path as registered; None where there is none."""
    return RULES.get(("GET" if method == "HEAD" else method, path))


def check_complete(app: web.Application) -> None:
    """Raise where a route has no rule."""
    missing = sorted(
        f"{route.method} {resource.canonical}"
        for resource in app.router.resources()
        for route in resource
        if rule_of(route.method, resource.canonical) is None and not _is_page(route.method, resource.canonical)
    )
    if missing:
        raise RuntimeError(f"routes without an access rule: {', '.join(missing)}; add them to hub/access/rules.py")


def _is_page(method: str, path: str) -> bool:
    """Pages and static files hold no data: what they show they ask of the interface, with the visitor's session."""
    return method in {"GET", "HEAD"} and not path.startswith("/api/")
