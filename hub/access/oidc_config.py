"""The configuration of an OpenID Connect provider.

```toml
[oidc]
issuer = "https://id.city.example"
client_id = "tocsin"
client_secret_file = "/etc/tocsin/oidc.secret"
role_claim = "groups"

[oidc.roles]
csu-operators = "operator"
csu-chiefs = "supervisor"
```
"""

from __future__ import annotations

import asyncio
import ssl
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final, Literal, get_args

from msgspec import Struct
from yarl import URL

RoleName = Literal["operator", "supervisor", "technician", "auditor", "administrator"]


FLOW_S: Final = 600.0
"""How long somebody may take at the provider."""


class OidcConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """The city's identity provider; nothing of it is there while `issuer` is empty. An account is made at the first
    sign-in of a person whose `role_claim` holds a value of `roles`, never otherwise, and follows that claim."""

    issuer: str = ""
    client_id: str = ""
    client_secret: str = ""
    client_secret_file: Path | None = None
    scopes: tuple[str, ...] = ("profile",)
    """Beside `openid`."""
    name_claim: str = "preferred_username"
    role_claim: str = "roles"
    """A text or a list of texts in the ID token, or in what the provider tells of the person."""
    roles: dict[str, RoleName] = {}
    """Which value of the claim gives which role; of several the one that may do most."""
    label: str = ""
    """What stands on the button; the host of `issuer` where it is empty."""
    ca_file: Path | None = None
    """Authority that signed the provider's certificate, where it is not a public one."""

    def problem(self) -> str:
        """What is wrong with it; empty where nothing is."""
        if not self.issuer:
            return ""
        url = URL(self.issuer)
        if not url.host or url.query_string or url.fragment:
            return "`oidc.issuer` is the address of a provider, such as https://id.city.example"
        if url.scheme != "https" and not (url.scheme == "http" and _is_loopback(url.host)):
            return "`oidc.issuer` needs https"
        if not self.client_id:
            return "`oidc.client_id` is missing"
        return "" if self.roles else "`oidc.roles` is empty: nobody could sign in"

    def role_of(self, claim: Any) -> RoleName | None:
        """The role that the claim gives; None where it gives none."""
        values = [claim] if isinstance(claim, str) else claim if isinstance(claim, list) else []
        found = {self.roles[value] for value in values if isinstance(value, str) and value in self.roles}
        order: tuple[RoleName, ...] = get_args(RoleName)
        return next((role for role in _MOST_FIRST if role in found and role in order), None)

    def read_secret(self) -> str:
        """The client's secret; blocks. OSError where its file can't be read."""
        return self.client_secret_file.read_text().strip() if self.client_secret_file else self.client_secret

    async def tls(self) -> ssl.SSLContext | None:
        """The authority to trust; None for the public ones."""
        if self.ca_file is None:
            return None
        return await asyncio.to_thread(lambda: ssl.create_default_context(cafile=self.ca_file))


_MOST_FIRST: tuple[RoleName, ...] = ("administrator", "supervisor", "operator", "technician", "auditor")


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
