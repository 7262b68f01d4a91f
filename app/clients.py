"""The client of a request: its address behind trusted proxies, and what counts as one client.

X-Forwarded-For is the only proxy header that is read; `Forwarded` (RFC 7239) could come from a
client whose proxy does not know it.
"""

from collections.abc import Iterable
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Final

from starlette.datastructures import Headers
from starlette.types import Scope

Networks = tuple[IPv4Network | IPv6Network, ...]

MAX_HOPS: Final = 32
"""Addresses of X-Forwarded-For that are read, from its end."""
_SITE_BITS: Final = 64
"""An IPv6 client is its /64: a client with one address there has all 2^64 of them."""


def networks_of(named: Iterable[str]) -> Networks:
    """The networks of Settings.trusted_proxies."""
    return tuple(ip_network(text) for text in named)


def client_of(scope: Scope, trusted: Networks) -> str:
    """The client: the peer's address or network, or what trusted proxies say in X-Forwarded-For.

    The header is read from its end: our proxies append to what a client wrote itself. If a proxy
    names no address (`unknown`, or garbage), the proxy itself is the client.
    """
    text: str = (scope.get("client") or ("",))[0]
    address = _address_in(text)
    for hop in _hops(scope) if trusted else ():
        if address is None or not any(address in network for network in trusted):
            break
        if (named := _address_in(hop)) is None:
            break
        address = named
    return text if address is None else _told_apart(address)


def is_loopback(client: str) -> bool:
    """Whether a client is this machine."""
    address = _address_in(client)
    return address is not None and address.is_loopback


def _hops(scope: Scope) -> list[str]:
    """The addresses in X-Forwarded-For, the last first; several headers are one list."""
    listed = ",".join(Headers(scope=scope).getlist("x-forwarded-for"))
    hops = [hop for part in listed.rsplit(",", MAX_HOPS) if (hop := part.strip())]
    return hops[: -MAX_HOPS - 1 : -1]


def _address_in(text: str) -> IPv4Address | IPv6Address | None:
    """The address in `1.2.3.4`, `1.2.3.4:5`, `2001:db8::1`, `[2001:db8::1]:5`, `fe80::1%eth0`."""
    host = text.partition(":")[0]
    if text.startswith("["):
        host = text[1:].partition("]")[0]
    elif text.count(":") != 1:
        host = text
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return None
    # A server that listens on IPv6 for both sees IPv4 clients as ::ffff:1.2.3.4.
    return getattr(address, "ipv4_mapped", None) or address


def _told_apart(address: IPv4Address | IPv6Address) -> str:
    if address.version == 4 or address.is_loopback:
        return str(address)
    return str(IPv6Network((int(address), _SITE_BITS), strict=False))
