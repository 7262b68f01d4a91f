"""Clients who mean harm: each attack, and how one of its clients goes about it."""

import asyncio
import itertools
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from typing import Final, NamedTuple
from urllib.parse import quote, urlsplit

import aiohttp

from app.bounds import BODIES
from bench.crowding import HEAVY, RARE
from tests.app.vo.test_hostile import HOSTILE

DEAR_ADQL: Final = (
    "SELECT COUNT(*) FROM alert a, alert b, alert c WHERE a.ra + b.ra * c.ra < 0",
    "SELECT a.candid FROM alert a JOIN alert b ON DISTANCE(a.ra, a.dec, b.ra, b.dec) < 1",
    "SELECT TOP 10 magpsf, COUNT(*) AS n FROM alert GROUP BY magpsf ORDER BY n",
    "SELECT object_id FROM alert UNION SELECT filter FROM alert ORDER BY 1",
    "SELECT * FROM alert ORDER BY chipsf, ssdistnr",
)
"""Queries that are sound, and can take for ever."""
PAUSE_S: Final = 0.5
_TAP: Final = "/vo/tap/sync?LANG=ADQL&QUERY="
_EXPORT: Final = "/api/v1/alerts?format=csv&limit=100000"
_STREAM: Final = "/api/v1/alerts/stream?since=0"
_GET: Final = "GET {} HTTP/1.1\r\nHost: mars\r\n\r\n"
_POST: Final = (
    "POST {} HTTP/1.1\r\nHost: mars\r\nContent-Type: text/csv\r\nContent-Length: {}\r\n\r\n"
)
PHASES: Final = (
    ("", 0),
    ("GET /api/v1/al", 0),
    ("GET /api/v1/alerts HTTP/1.1\r\nHost: mars\r\nX-", 0),
    (_POST.format("/api/v1/match", 1000) + "id,ra,", 0),
    (_POST.format("/api/v1/watches", 4_000_000) + "id,ra,dec\n", 0),
    (_GET.format(RARE[0]), 0),
    (_GET.format(_TAP + quote(DEAR_ADQL[0])), 0),
    (_GET.format("/api/v1/alerts"), 10),
    (_GET.format(_EXPORT), 10),
    (_GET.format(_EXPORT), 100_000),
    (_GET.format(_STREAM), 10),
    (_GET.format("/"), 1000),
)
"""What a client sends, and how many bytes of the answer it reads, before it is gone."""


def address_of(number: int) -> tuple[str, int]:
    """Where a client comes from: each from another address, so that no bound for one holds all."""
    return f"127.{1 + number // 250}.0.{2 + number % 250}", 0


class Attacker(NamedTuple):
    """One client of an attack: its number, whom it attacks, what it was answered."""

    number: int
    target: str
    answers: Counter[str]

    @property
    def address(self) -> tuple[str, int]:
        return address_of(self.number)

    @asynccontextmanager
    async def session(self) -> AsyncIterator[aiohttp.ClientSession]:
        connector = aiohttp.TCPConnector(local_addr=self.address)
        async with aiohttp.ClientSession(
            self.target, connector=connector, auto_decompress=False
        ) as session:
            yield session

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        """A bare connection; it ends without a farewell."""
        place = urlsplit(self.target)
        reader, writer = await asyncio.open_connection(
            place.hostname, place.port, local_addr=self.address
        )
        try:
            yield reader, writer
        finally:
            writer.transport.abort()


class Attack(NamedTuple):
    """How many clients do what, each until it is cancelled."""

    name: str
    clients: int
    work: Callable[[Attacker], Awaitable[None]]


def _asking(*paths: str) -> Callable[[Attacker], Awaitable[None]]:
    """Each question in turn, the next a while after the last is answered; all clients share them.

    The limit on requests, from which loopback is free, would hold up a client that does not wait.
    """
    turns = itertools.cycle(paths)

    async def work(one: Attacker) -> None:
        async with one.session() as session:
            for path in turns:
                async with session.get(path) as answer:
                    async for _ in answer.content.iter_any():
                        pass
                    one.answers[str(answer.status)] += 1
                await asyncio.sleep(PAUSE_S)

    return work


async def leave(one: Attacker, phase: tuple[str, int]) -> None:
    """Come, send and read what a phase says, and go."""
    sent, wanted = phase
    async with one.connection() as (reader, writer):
        writer.write(sent.encode())
        with suppress(TimeoutError, asyncio.IncompleteReadError):
            # wait_for of Python 3.11 can lose a cancellation, and the attack would never end.
            async with asyncio.timeout(20):
                await reader.readexactly(wanted)


async def _leave(one: Attacker) -> None:
    """Come and go, in each phase of a request."""
    for n in itertools.count(one.number):
        await leave(one, PHASES[n % len(PHASES)])
        one.answers["gone"] += 1
        await asyncio.sleep(1)


async def _read_slowly(one: Attacker) -> None:
    """Take an export a hundred bytes a second."""
    while True:
        async with one.connection() as (reader, writer):
            writer.write(_GET.format(_EXPORT).encode())
            while not reader.at_eof():
                await reader.read(100)
                await asyncio.sleep(1)
        one.answers["cut off"] += 1


async def _send_slowly(one: Attacker) -> None:
    """Send a request a byte a second: half of the clients never end their headers."""
    head = "GET / HTTP/1.1\r\nX-" if one.number % 2 else _POST.format("/api/v1/match", 1000)
    while True:
        async with one.connection() as (reader, writer):
            writer.write(head.encode())
            answer = asyncio.create_task(reader.read(12))
            try:
                while not answer.done():
                    writer.write(b"x")
                    await asyncio.wait([answer], timeout=1)
                said = answer.result().decode()
            except ConnectionError:
                said = ""
            finally:
                answer.cancel()
        one.answers[said[9:] or "cut off"] += 1


async def _follow(one: Attacker) -> None:
    """Hold a stream open without reading what comes."""
    while True:
        async with one.connection() as (reader, writer):
            writer.write(_GET.format(_STREAM).encode())
            said = (await reader.read(12)).decode()
            one.answers[said[9:] or "cut off"] += 1
            await asyncio.sleep(60 if said.endswith("200") else 5)


def _bodies() -> Iterator[tuple[str, str, bytes]]:
    """Bodies as large as they may be, of rows that make work: path, type, bytes."""
    lines = b"id,ra,dec\n" + b"".join(b"%d,%d.5,%d.5\n" % (n, n % 360, n % 90) for n in range(9000))
    cells = b"12/" + b",".join(b"%d" % n for n in range(0, 1_400_000, 2))
    for path, kind, part in (
        ("/api/v1/match", "text/csv", lines),
        ("/api/v1/match/jobs", "text/csv", lines),
        ("/api/v1/watches", "text/csv", lines),
        ("/api/v1/regions", "text/plain", cells),
        ("/api/v1/regions", "application/fits", b"SIMPLE  =                    T" * 1000),
        ("/api/v1/search/jobs", "application/json", b'{"where": ["' + b"rb__gte:0.5," * 5000),
        ("/vo/tap/sync", "application/x-www-form-urlencoded", b"LANG=ADQL&QUERY=" + b"(" * 10**6),
    ):
        room = BODIES[path].max_bytes // len(part)
        yield path, kind, part * min(room, 5_000_000 // len(part) or 1)


async def _send_much(one: Attacker) -> None:
    """Send large bodies."""
    async with one.session() as session:
        for path, kind, data in itertools.cycle(_bodies()):
            with suppress(aiohttp.ClientConnectionError):
                async with session.post(path, data=data, headers={"Content-Type": kind}) as answer:
                    await answer.read()
                    one.answers[str(answer.status)] += 1


async def _make_jobs(one: Attacker) -> None:
    """Make jobs and watches, as fast as they are taken."""
    async with one.session() as session:
        for n in itertools.count():
            # Without a body there is nothing of which a type could be told.
            made = (
                session.post("/api/v1/search/jobs", json={"magpsf__lt": 30, "format": "csv"}),
                session.post(
                    f"/api/v1/watches?magpsf__lt={10 + n % 10}", skip_auto_headers=["Content-Type"]
                ),
            )[n % 2]
            async with made as answer:
                await answer.read()
                one.answers[str(answer.status)] += 1


async def _speak_otherwise(one: Attacker) -> None:
    """Speak TLS, or nothing that is known, to a port of HTTP."""
    noise = bytes(range(256)) * 20
    hello = ssl.MemoryBIO()
    shake = ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), hello, server_hostname="mars")
    with suppress(ssl.SSLWantReadError):
        shake.do_handshake()
    tls = hello.read()
    while True:
        async with one.connection() as (reader, writer):
            writer.write(tls if one.number % 2 else noise)
            with suppress(ConnectionError):
                async with asyncio.timeout(30):
                    said = (await reader.read(12)).decode()
                one.answers[said[9:] or "cut off"] += 1
        await asyncio.sleep(0.2)


ATTACKS: Final = (
    Attack("hostile ADQL", 20, _asking(*(_TAP + quote(one) for one in HOSTILE))),
    Attack("dear ADQL", 20, _asking(*(_TAP + quote(one) for one in DEAR_ADQL))),
    Attack("rare filters, deep pages, wide cones", 20, _asking(*RARE, *HEAVY)),
    Attack("clients that leave in every phase", 500, _leave),
    Attack("slow readers", 200, _read_slowly),
    Attack("slow senders", 200, _send_slowly),
    Attack("streams that nobody reads", 500, _follow),
    Attack("large bodies", 20, _send_much),
    Attack("jobs and watches", 20, _make_jobs),
    Attack("other protocols", 50, _speak_otherwise),
)
