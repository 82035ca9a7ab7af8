"""Who is at the other end: the connection's own address, or what a trusted proxy says of it; nobody else counts."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Final

from aiohttp import web

from hub.keys import CONFIG

Network = IPv4Network | IPv6Network
UNKNOWN: Final = "unknown"
MAX_HOPS: Final = 16
"""Entries of X-Forwarded-For that are looked at, from the right."""


def networks_of(texts: Sequence[str]) -> tuple[Network, ...]:
    """Addresses and networks in CIDR; ValueError where one is neither."""
    return tuple(ip_network(text, strict=False) for text in texts)


def within(address: str, networks: Sequence[Network]) -> bool:
    """True where `address` lies in one of `networks`; an IPv4 address in IPv6 form counts as what it is."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    parsed = getattr(parsed, "ipv4_mapped", None) or parsed
    return any(parsed in network for network in networks)


def believed(peer: str, forwarded: Sequence[str], trusted: Sequence[Network]) -> str:
    """The client behind `peer`: the right-most address of X-Forwarded-For that no trusted proxy of ours wrote for
    another.

    Where `peer` is no trusted proxy the header is not read at all: anybody can send one. What can't be parsed ends
    the walk at the proxy that passed it on.
    """
    client = peer
    hops = [hop.strip() for field in forwarded for hop in field.split(",")]
    for hop in reversed(hops[-MAX_HOPS:]):
        if not within(client, trusted):
            return client
        try:
            client = str(ip_address(hop))
        except ValueError:
            return client
    return client


TRUSTED: Final[web.AppKey[Sequence[Network]]] = web.AppKey("trusted_proxies")
WATCHERS: Final[web.AppKey[Sequence[Network]]] = web.AppKey("metrics_from")


def client_of(request: web.Request) -> str:
    """The address of whoever sent this request."""
    peer = request.remote or UNKNOWN
    trusted = request.app.get(TRUSTED, ())
    if not trusted or "X-Forwarded-For" not in request.headers:
        return peer
    return believed(peer, request.headers.getall("X-Forwarded-For"), trusted)


def may_watch(request: web.Request) -> bool:
    """True for an address from which `/metrics` may be read without signing in."""
    return within(client_of(request), request.app[WATCHERS])


def add_addresses(app: web.Application) -> None:
    """Read the networks of the configuration, which has checked them."""
    http = app[CONFIG].http
    app[TRUSTED] = networks_of(http.trusted_proxies)
    app[WATCHERS] = networks_of(http.metrics_from)
