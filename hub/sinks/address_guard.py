"""Keeps webhooks out of the hub's own network: private addresses are refused after the name was resolved.

The check happens on the addresses that the connection is then made to, so a name that changes its answer in between
(DNS rebinding) gains nothing. A host that may be private is allowed by its name in the endpoint's `allow_private`.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Collection

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver


class AddressBlocked(OSError):
    """The receiver's name leads to an address that is not on the public internet."""

    code = "blocked_address"

    def __init__(self, host: str, address: str) -> None:
        super().__init__(f"{host} leads to {address}, which is private; allow it by name in `allow_private`")
        self.host = host
        self.address = address


def is_public(address: str) -> bool:
    """True for an address that is globally reachable; one IPv4 address inside an IPv6 one counts as itself."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        inner = found.ipv4_mapped or found.sixtofour or (found.teredo[1] if found.teredo else None)
        if inner is not None:
            return is_public(str(inner))
        if found in ipaddress.ip_network("64:ff9b::/96"):  # NAT64 (RFC 6052): the last four bytes are the address
            return is_public(str(ipaddress.IPv4Address(found.packed[-4:])))
    return found.is_global and not found.is_multicast


def check_literal(host: str, allowed: Collection[str]) -> None:
    """Refuse a private address that stands in the URL itself: such a host is never resolved. Raises AddressBlocked."""
    try:
        public = is_public(host.strip("[]"))
    except ValueError:
        return
    if not public and host.strip("[]") not in allowed:
        raise AddressBlocked(host, host)


class GuardedResolver(AbstractResolver):
    """Resolves as the system does and refuses a name with any private address, unless the name is allowed."""

    def __init__(self, allowed: Collection[str], resolver: AbstractResolver | None = None) -> None:
        self._allowed = frozenset(allowed)
        self._resolver = resolver or ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The addresses of `host`. Raises AddressBlocked."""
        found = await self._resolver.resolve(host, port, family)
        if host not in self._allowed:
            for result in found:
                if not is_public(result["host"]):
                    raise AddressBlocked(host, result["host"])
        return found

    async def close(self) -> None:
        """Close the resolver behind it."""
        await self._resolver.close()
