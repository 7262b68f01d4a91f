"""Where a webhook leads: which addresses of the web may be asked, and which machines behind them.

Strangers choose the address, and our network may reach more than theirs does. So a name is looked
up once for each try, every machine that it names must be public, and the connection goes to the
one that was looked at: a name cannot lead elsewhere in between.
"""

import asyncio
import re
import socket
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Final, NamedTuple

import httpx

from archive.errors import MarsError

MAX_URL: Final = 500
PORTS: Final = (443, 8443)
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""The addresses of a host, for a port; raises OSError if there are none."""
_HOST: Final = re.compile(r"[a-z0-9._-]+|[0-9a-f:.]+", re.ASCII).fullmatch
_PUBLIC_V6: Final = ip_network("2000::/3")
"""The addresses that are given to networks. Mapped ones, NAT64, local ones lie outside."""
_SPECIAL: Final[tuple[IPv4Network | IPv6Network, ...]] = tuple(
    map(
        ip_network,
        (
            "0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 "
            "192.0.0.0/24 192.0.2.0/24 192.31.196.0/24 192.52.193.0/24 192.88.99.0/24 "
            "192.168.0.0/16 192.175.48.0/24 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 "
            "224.0.0.0/4 240.0.0.0/4 "
            "2001::/23 2001:db8::/32 2002::/16 2620:4f:8000::/48 3fff::/20"
        ).split(),
    )
)
"""IANA's special-purpose addresses, and multicast; 2001::/23 holds Teredo, 2002::/16 is 6to4, which
carry an IPv4 address. Written out: what Python's `is_global` says depends on its version."""


class NotPublic(MarsError):
    """A host that may not be asked; the text says why."""


class Target(NamedTuple):
    """Where to send: the parts of an address of the web."""

    url: httpx.URL
    host: str
    """In ASCII, as certificates have it."""
    port: int


def parse_target(text: str, to_loopback: bool) -> Target:
    """The target that an address names. Raises ValueError with the reason.

    `to_loopback`: http and any port are allowed too, as tests need them.
    """
    if len(text) > MAX_URL:
        raise ValueError(f"must have at most {MAX_URL} characters")
    try:
        url = httpx.URL(text.strip())
    except (httpx.InvalidURL, UnicodeError):
        raise ValueError("must be an address such as https://example.org/mars") from None
    host = url.raw_host.decode()
    if url.scheme not in (("http", "https") if to_loopback else ("https",)) or not _HOST(host):
        raise ValueError("must begin with https:// and a host")
    if url.userinfo or url.fragment:
        raise ValueError("must have no user, no password and no #fragment")
    port = url.port or {"http": 80}.get(url.scheme, 443)
    if port not in PORTS and not to_loopback:
        raise ValueError(f"the port must be {' or '.join(map(str, PORTS))}")
    return Target(url, host, port)


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether anyone may be at an address: not a private, local, reserved or translated one."""
    if isinstance(address, IPv6Address) and address not in _PUBLIC_V6:
        return False
    return not any(address in network for network in _SPECIAL)


async def find_address(target: Target, resolve: Resolve, to_loopback: bool) -> str:
    """The one address to which a target's connection goes.

    Raises NotPublic if any of its addresses is not public, and OSError if it has none.
    """
    found = [ip_address(text.partition("%")[0]) for text in await resolve(*target[1:])]
    for address in found:
        if not (is_public(address) or (to_loopback and address.is_loopback)):
            raise NotPublic("its host is not, or not only, at public addresses")
    if not found:
        raise OSError("its host has no address")
    return str(found[0])


class Resolver:
    """The system's resolver, in threads of its own: a name server that hangs holds nobody else."""

    def __init__(self, threads: int) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="webhook-names")

    async def __call__(self, host: str, port: int) -> list[str]:
        """The addresses of a host in the system's order. Raises OSError, UnicodeError as one."""
        loop = asyncio.get_running_loop()
        kind = socket.SOCK_STREAM
        try:
            found = await loop.run_in_executor(
                self._threads, lambda: socket.getaddrinfo(host, port, type=kind)
            )
        except UnicodeError as error:
            raise OSError(f"no name of a host: {error}") from error
        return [str(place[0]) for *_, place in found]

    def close(self) -> None:
        """Wait for no thread that still asks."""
        self._threads.shutdown(wait=False, cancel_futures=True)
