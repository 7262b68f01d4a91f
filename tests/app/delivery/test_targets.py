"""A sender is no weapon: what is not public is never asked, whatever a name comes to mean."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import Counter

from app.alerts.access.archive import open_archive
from app.delivery.due import Due
from app.delivery.pauses import Pace
from app.delivery.posting import trusted_roots
from app.delivery.sending import Sender
from app.delivery.targets import (
    NotPublic,
    Resolver,
    Target,
    find_address,
    is_public,
    parse_target,
)
from app.delivery.webhooks import Webhooks
from app.live.tail import open_tail
from app.settings import Settings
from app.watches.positions import open_positions
from app.watches.watches import open_watches
from tests.app.conftest import fresh_archive
from tests.app.delivery.receivers import Receiver, receiving
from tests.app.jobs.running import admin_url

INSIDE = """
0.0.0.0 0.1.2.3 10.0.0.1 100.64.0.1 100.127.255.255 127.0.0.1 127.255.0.1 169.254.169.254 172.16.0.1
172.31.255.255 192.0.0.1 192.0.2.1 192.88.99.1 192.168.1.1 198.18.0.1 198.19.255.255 198.51.100.1
203.0.113.1 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255
:: ::1 ::ffff:10.0.0.1 ::ffff:8.8.8.8 ::8.8.8.8 64:ff9b::10.0.0.1 64:ff9b::808:808 64:ff9b:1::1
100::1 2001::1 2001:0:4136:e378:8000:63bf:3fff:fdd2 2001:2::1 2001:10::1 2001:20::1 2001:db8::1
2002:a00:1::1 2002:808:808::1 3fff::1 5f00::1 fc00::1 fd00:ec2::254 fe80::1 fec0::1 ff02::1
""".split()
OUTSIDE = """
1.1.1.1 8.8.8.8 100.63.255.255 100.128.0.1 172.15.0.1 172.32.0.1 192.167.0.1 223.255.255.255
2001:4860:4860::8888 2606:4700:4700::1111 2a00:1450:4001::1
""".split()


@pytest.mark.parametrize("text", INSIDE)
def test_what_is_inside_is_not_public(text: str) -> None:
    assert not is_public(ip_address(text))


@pytest.mark.parametrize("text", OUTSIDE)
def test_what_is_outside_is_public(text: str) -> None:
    assert is_public(ip_address(text))


@given(st.ip_addresses())
def test_nothing_is_public_that_python_calls_local(address: IPv4Address | IPv6Address) -> None:
    local = address.is_private or address.is_loopback or address.is_link_local
    if local or address.is_multicast or address.is_reserved or address.is_unspecified:
        assert not is_public(address)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "must begin with https://"),
        ("example.org/x", "must begin with https://"),
        ("http://example.org/", "must begin with https://"),
        ("HTTP://example.org/", "must begin with https://"),
        ("file:///etc/passwd", "must begin with https://"),
        ("https://", "must begin with https://"),
        ("https://user:word@example.org/", "no user, no password"),
        ("https://example.org/#part", "#fragment"),
        ("https://example.org:22/", "443 or 8443"),
        ("https://example.org:80/", "443 or 8443"),
        ("https://example.org:99999/", "443 or 8443"),
        ("https://exa mple.org/", "must begin with https:// and a host"),
        ("https://example.org/\r\nHost: x", "must be an address"),
        ("https://example.org/" + "a" * 500, "at most 500 characters"),
    ],
)
def test_addresses_that_are_no_targets(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse_target(text, to_loopback=False)


def test_a_target_is_read() -> None:
    url, host, port = parse_target("https://BÜCHER.example:8443/a?b=c", to_loopback=False)
    assert (host, port, url.raw_path) == ("xn--bcher-kva.example", 8443, b"/a?b=c")


@pytest.mark.parametrize("host", ["2130706433", "0x7f.1", "0177.0.0.1", "127.1", "[::1]", "[::]"])
async def test_other_spellings_of_inner_addresses_lead_nowhere(host: str) -> None:
    """Read by the system's own resolver."""
    resolver = Resolver(1)

    async def look_up() -> str:
        target = parse_target(f"https://{host}/", to_loopback=False)
        return await find_address(target, resolver, to_loopback=False)

    with pytest.raises((NotPublic, OSError, ValueError)):
        await look_up()
    resolver.close()


class Names:
    """A name server whose answers change; it counts how often it is asked."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers, self.asked = list(answers), 0

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked += 1
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


async def test_one_inner_address_among_public_ones_is_enough() -> None:
    target = parse_target("https://example.org/", to_loopback=False)
    for inner in ("10.0.0.1", "::1", "fe80::1%eth0", "fd00::1", "::ffff:127.0.0.1"):
        with pytest.raises(NotPublic):
            await find_address(target, Names(["8.8.8.8", inner]), to_loopback=False)
    assert await find_address(target, Names(["8.8.8.8"]), to_loopback=False) == "8.8.8.8"


@asynccontextmanager
async def sender_of(
    settings: Settings, names: Names, roots: ssl.SSLContext | None = None, to_loopback: bool = False
) -> AsyncIterator[Sender]:
    """What sends, with another resolver."""
    async with (
        open_archive(settings) as archive,
        open_tail(archive, 1) as tail,
        open_watches(settings) as watches,
    ):
        assert watches is not None
        yield Sender(
            webhooks=Webhooks(watches.engine, 10),
            watches=watches,
            archive=archive,
            tail=tail,
            public_url="http://mars.test",
            to_loopback=to_loopback,
            resolve=names,
            roots=roots or trusted_roots(),
            pace=Pace({"address": 9, "challenged": 9, "client": 9}),
            tries=Counter("tries", "tries", ("outcome",), registry=None),
            due=Due(),
        )


async def outcome_of(settings: Settings, sender: Sender, url: str) -> str:
    """What comes of the challenge of a new webhook."""
    owner = await sender.watches.find_owner("127.0.0.1", None)
    with open_positions() as none:
        row, _ = await sender.watches.add(owner, [["magpsf__lt", "1"]], none, 0)
    target = parse_target(url, to_loopback=True)
    await sender.webhooks.put(row.id, "127.0.0.1", target, None)
    admin = await asyncpg.connect(admin_url(settings))
    assert await sender.send_next()
    outcome: str = await admin.fetchval("SELECT outcome FROM app.webhook WHERE watch = $1", row.id)
    await admin.close()
    return outcome


async def test_a_name_of_an_inner_machine_makes_no_connection() -> None:
    async with fresh_archive() as settings, receiving() as inside:
        port = int(inside.address.rpartition(":")[2].partition("/")[0])
        names = Names(["127.0.0.1"])
        async with sender_of(settings, names) as sender:
            told = await outcome_of(settings, sender, f"https://example.org:{port}/")
            assert "443 or 8443" in told
            told = await outcome_of(settings, sender, "https://example.org/")
            assert told == "not asked: its host is not, or not only, at public addresses"
        # No address of this machine is public: with the port allowed it is still not asked.
        target = Target(parse_target(inside.address, to_loopback=True).url, "example.org", port)
        with pytest.raises(NotPublic):
            await find_address(target, names, to_loopback=False)
        assert (inside.connections, names.asked) == (0, 2)


async def test_a_name_that_changes_is_asked_once_for_each_try() -> None:
    """The first answer is the one that was looked at: it gets the connection."""
    async with fresh_archive() as settings, receiving() as first, receiving() as second:
        port = first.address.rpartition(":")[2].partition("/")[0]
        names = Names(["127.0.0.1"], ["10.0.0.1"])
        async with sender_of(settings, names, to_loopback=True) as sender:
            told = await outcome_of(settings, sender, f"http://example.org:{port}/")
            assert (told, names.asked) == ("answered 200", 1)
            assert first.requests[0].headers["host"] == f"example.org:{port}"
            told = await outcome_of(settings, sender, f"http://example.org:{port}/")
            assert (told[:10], names.asked) == ("not asked:", 2)
        assert (first.connections, second.connections) == (1, 0)


async def certificate_for(host: str, folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A receiver's certificate, and one who trusts it."""
    key, cert = folder / "key.pem", folder / "cert.pem"
    command = (
        f"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 "
        f"-subj /CN={host} -addext subjectAltName=DNS:{host} -keyout {key} -out {cert}"
    )
    made = await asyncio.create_subprocess_exec(*command.split(), stderr=asyncio.subprocess.DEVNULL)
    assert await made.wait() == 0
    shown = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    shown.load_cert_chain(cert, key)
    return shown, ssl.create_default_context(cafile=str(cert))


async def asked_by_tls(settings: Settings, receiver: Receiver, roots: ssl.SSLContext) -> list[str]:
    """What comes of webhooks to two names of a receiver."""
    port = receiver.address.rpartition(":")[2].partition("/")[0]
    async with sender_of(settings, Names(["127.0.0.1"]), roots, to_loopback=True) as sender:
        hosts = ("hooks.example.org", "other.example.org")
        return [await outcome_of(settings, sender, f"https://{host}:{port}/") for host in hosts]


async def test_the_certificate_must_be_that_of_the_name(tmp_path: Path) -> None:
    shown, trusting = await certificate_for("hooks.example.org", tmp_path)
    async with fresh_archive() as settings, receiving(certificate=shown) as receiver:
        right, wrong = await asked_by_tls(settings, receiver, trusting)
        assert right == "answered 200"
        assert "Hostname mismatch" in wrong
        for untrusted in await asked_by_tls(settings, receiver, trusted_roots()):
            assert "self-signed" in untrusted
        assert len(receiver.requests) == 1
