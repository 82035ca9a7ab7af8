"""The one door to a Grafana: the package grafana-api behind five verbs, each call in a thread.

grafana-api is synchronous, turns any mistyped attribute into an HTTP verb and has no call for alert provisioning or for
a data source by uid. So nothing else here imports it: paths are given to its generic verbs, its errors become two of
ours, and an empty answer (which it can't decode) is an empty dict. Redirects are refused: following one would turn a
POST into a GET.
"""

from __future__ import annotations

import asyncio
import re
from typing import Any, Final, Literal
from urllib.parse import urlsplit

Verb = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
VERBS: Final[frozenset[str]] = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE"})

OLDEST: Final = (9, 3)
NEWEST: Final = (13,)
"""Versions that the calls here are documented for; newer ones are tried and said."""

TIMEOUT_S: Final = 15.0

EDITABLE: Final = {"X-Disable-Provenance": "true"}
"""What is provisioned with this header stays editable on Grafana's pages."""


class GrafanaAway(Exception):
    """No answer that could be understood: not there, not Grafana, or a redirect."""

    code = "grafana_away"


class GrafanaRefused(Exception):
    """Grafana answered that it would not: its status and its words."""

    code = "grafana_refused"

    def __init__(self, status: int, verb: str, path: str, message: str) -> None:
        super().__init__(f"{verb} {path}: {status} {message}")
        self.status = status
        self.path = path
        self.message = message


class Grafana:
    """A Grafana at `url` with a service account's token (role Admin, or Editor with alerting and data source rights).

    Raises ValueError for an address that is not http(s).
    """

    def __init__(self, url: str, token: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError(f"{url!r} is no http or https address")
        self.url = url.rstrip("/")
        self._parts = parts
        self._token = token
        self._face: Any = None

    def __repr__(self) -> str:
        return f"Grafana({self.url!r})"

    def _call(self, verb: Verb, path: str, body: Any, headers: dict[str, str] | None) -> Any:
        from requests.exceptions import JSONDecodeError, RequestException

        if self._face is None:
            from grafana_api.grafana_face import GrafanaFace

            prefix = self._parts.path.strip("/")
            host = self._parts.hostname or ""
            self._face = GrafanaFace(
                auth=self._token,
                host=f"[{host}]" if ":" in host else host,
                port=self._parts.port,
                protocol=self._parts.scheme,
                url_path_prefix=f"{prefix}/" if prefix else "",
                timeout=TIMEOUT_S,
            )
            self._face.api.s.max_redirects = 0
        from grafana_api.grafana_api import GrafanaException

        try:
            return getattr(self._face.api, verb)(path, json=body, headers=headers)
        except GrafanaException as error:
            raise GrafanaRefused(int(error.status_code), verb, path, str(error.message)) from error
        except JSONDecodeError:
            return {}
        except RequestException as error:
            raise GrafanaAway(f"{self.url} does not answer: {type(error).__name__}") from error

    async def call(self, verb: Verb, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Any:
        """`path` below `/api`, such as `/folders`. Raises GrafanaRefused, GrafanaAway; ValueError for another verb."""
        if verb not in VERBS:
            raise ValueError(f"{verb!r} is no verb of HTTP that Grafana has")
        return await asyncio.to_thread(self._call, verb, path, body, headers)

    async def find(self, path: str) -> Any:
        """What is there; None where it answers 404."""
        try:
            return await self.call("GET", path)
        except GrafanaRefused as error:
            if error.status == 404:
                return None
            raise

    async def version(self) -> tuple[int, ...]:
        """Its version, such as (11, 2, 0). Raises GrafanaAway where this is no Grafana."""
        said = await self.call("GET", "/health")
        version = said.get("version", "") if isinstance(said, dict) else ""
        found = re.match(r"(\d+)\.(\d+)(?:\.(\d+))?", str(version))
        if not found:
            raise GrafanaAway(f"{self.url} answers, but does not say that it is a Grafana")
        return tuple(int(part) for part in found.groups() if part is not None)
