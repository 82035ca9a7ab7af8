"""Whose address counts: a proxy's word only where the proxy is trusted."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.access.address import believed, networks_of, within

PROXIES = networks_of(("10.0.0.0/8", "::1"))


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("198.51.100.7", ["203.0.113.9"], "198.51.100.7"),  # a stranger may write what he likes
        ("10.0.0.1", ["203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", ["6.6.6.6, 203.0.113.9"], "203.0.113.9"),  # what the client itself had put there
        ("10.0.0.1", ["203.0.113.9, 10.0.0.2"], "203.0.113.9"),  # two proxies in a row
        ("10.0.0.1", ["6.6.6.6", "203.0.113.9"], "203.0.113.9"),  # the field twice
        ("10.0.0.1", ["nonsense"], "10.0.0.1"),
        ("10.0.0.1", [""], "10.0.0.1"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("::ffff:10.0.0.1", ["203.0.113.9"], "203.0.113.9"),
    ],
)
def test_the_client_is_the_last_one_that_a_trusted_proxy_saw(peer: str, forwarded: list[str], client: str) -> None:
    assert believed(peer, forwarded, PROXIES) == client


@given(st.lists(st.text(max_size=60), max_size=30))
def test_whatever_a_stranger_writes_he_stays_who_he_is(forwarded: list[str]) -> None:
    assert believed("198.51.100.7", forwarded, PROXIES) == "198.51.100.7"


@given(st.lists(st.ip_addresses().map(str), min_size=1, max_size=5))
def test_an_address_seen_by_the_proxy_can_not_be_hidden_by_what_stands_before_it(written: list[str]) -> None:
    seen = "203.0.113.9"
    assert believed("10.0.0.1", [", ".join([*written, seen])], PROXIES) == seen


def test_what_is_no_address_lies_in_no_network() -> None:
    assert not within("unknown", PROXIES)
    assert not within("", PROXIES)
