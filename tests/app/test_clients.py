"""Who the client is, behind proxies that write X-Forwarded-For each in its own way."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from app.clients import MAX_HOPS, client_of, networks_of
from app.settings import Settings

TRUSTED = networks_of(
    Settings(trusted_proxies=["10.0.0.0/8", "127.0.0.1", "fd00::/8"]).trusted_proxies
)


def client(peer: str, *forwarded: str, **others: str) -> str:
    headers = [(b"x-forwarded-for", value.encode()) for value in forwarded]
    headers += [(name.encode(), value.encode()) for name, value in others.items()]
    return client_of({"type": "http", "client": (peer, 5), "headers": headers}, TRUSTED)


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("198.51.100.1", "203.0.113.7", "198.51.100.1"),
        ("10.0.0.1", "203.0.113.7", "203.0.113.7"),
        ("10.0.0.1", "127.0.0.1, 203.0.113.7", "203.0.113.7"),
        ("10.0.0.1", "203.0.113.7, 10.9.8.7", "203.0.113.7"),
        ("10.0.0.1", "10.0.0.2, 10.0.0.3", "10.0.0.2"),
        ("10.0.0.1", "177.1.2.3:17085", "177.1.2.3"),
        ("10.0.0.1", " 177.1.2.3:17085 ,\t10.0.0.2:80 ", "177.1.2.3"),
        ("10.0.0.1", "177.1.2.3, ,", "177.1.2.3"),
        ("10.0.0.1", "[2001:db8::1]:443", "2001:db8::/64"),
        ("10.0.0.1", "[2001:db8::1]", "2001:db8::/64"),
        ("10.0.0.1", "2001:db8::1", "2001:db8::/64"),
        ("10.0.0.1", "2001:DB8:0:0:1:2:3:4", "2001:db8::/64"),
        ("10.0.0.1", "fe80::1%eth0", "fe80::/64"),
        ("10.0.0.1", "2001:db8::1, fd12::5", "2001:db8::/64"),
        ("10.0.0.1", "::ffff:203.0.113.7", "203.0.113.7"),
        ("::ffff:10.0.0.1", "203.0.113.7", "203.0.113.7"),
        ("10.0.0.1", "203.0.113.7, unknown", "10.0.0.1"),
        ("10.0.0.1", "203.0.113.7, not an address", "10.0.0.1"),
        ("10.0.0.1", "1.2.3.4.5", "10.0.0.1"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("::1", "203.0.113.7", "::1"),
        ("2001:db8::5", "203.0.113.7", "2001:db8::/64"),
        ("", "203.0.113.7", ""),
    ],
)
def test_who_the_client_is(peer: str, forwarded: str, expected: str) -> None:
    assert client(peer, forwarded) == expected


def test_several_headers_are_one_list_and_others_are_not_read() -> None:
    assert client("10.0.0.1", "203.0.113.7", "10.0.0.2") == "203.0.113.7"
    assert client("10.0.0.1", "203.0.113.7", "198.51.100.1") == "198.51.100.1"
    assert client("10.0.0.1", forwarded="for=203.0.113.7") == "10.0.0.1"
    assert client("10.0.0.1", **{"x-real-ip": "203.0.113.7"}) == "10.0.0.1"


def test_no_more_hops_are_looked_at_than_may_be() -> None:
    ours = ["10.0.0.2"] * (MAX_HOPS - 1)
    assert client("10.0.0.1", ", ".join(["203.0.113.7", *ours])) == "203.0.113.7"
    assert client("10.0.0.1", ", ".join(["203.0.113.7", "10.0.0.2", *ours])) == "10.0.0.2"


@given(st.ip_addresses(), st.integers(1, 65535), st.text("0123456789abcdef.:[]%, ", max_size=60))
def test_what_a_client_writes_itself_does_not_count(address: Any, port: int, own: str) -> None:
    """Our proxy adds the true address behind it."""
    if any(address in network for network in TRUSTED):
        return
    named = f"[{address}]:{port}" if address.version == 6 else f"{address}:{port}"
    assert client("10.0.0.1", f"{own},{named}") == client(str(address))


@pytest.mark.parametrize(
    ("given_", "right"),
    [
        ("*", "0.0.0.0/0 and ::/0"),
        ("proxy.example", "neither an address nor a network"),
        ("10.0.0.0/33", "neither an address nor a network"),
        ("10.0.0.1:80", "neither an address nor a network"),
        ("", "neither an address nor a network"),
        ("10.1.2.3/8", "write 10.0.0.0/8"),
        ("2001:db8::1/32", "write 2001:db8::/32"),
    ],
)
def test_what_cannot_match_is_refused_at_the_start(given_: str, right: str) -> None:
    with pytest.raises(ValidationError, match=right):
        Settings(trusted_proxies=[given_])


@pytest.mark.parametrize(
    "text", ['["10.0.0.0/8", " ::1 "]', "10.0.0.0/8,::1", " 10.0.0.0/8 , ::1 ,"]
)
def test_the_environment_lists_them_either_way(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("MARS_TRUSTED_PROXIES", text)
    assert Settings().trusted_proxies == ["10.0.0.0/8", "::1/128"]
    monkeypatch.setenv("MARS_TRUSTED_PROXIES", "")
    assert Settings().trusted_proxies == []
