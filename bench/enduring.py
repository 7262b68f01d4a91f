"""Streams that stay open for an hour, and watches of many clients."""

import asyncio
import re
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlencode

import aiohttp
import asyncpg

from bench.attackers import address_of
from bench.followers import STREAM
from bench.surviving import WANTED
from bench.visitors import Tally
from bench.watched import Asked, Place, places_of, searches

STREAMS: Final = 50
WATCHES: Final = 1000
LISTS: Final = 100
"""Watches of a list of positions, among them."""
POSITIONS: Final = 500
A_CLIENT: Final = 5
"""Streams, and watches, that one client may have."""
SILENT_S: Final = 60.0
"""A stream says something each 15 s."""
_ALERT: Final = re.compile(rb"^id: (\d+)\nevent: alert\n", re.MULTILINE)
_ANY: Final = re.compile(rb"^id: (\d+)\n", re.MULTILINE)
_AGAIN_S: Final = 1.0
_KIND: Final = "a stream"


@dataclass
class Listener:
    """A stream: what it asks for, and the numbers of the alerts that came."""

    asked: Asked
    whole: bool
    """Whether alerts come with all of their columns."""
    since: int
    got: "array[int]" = field(default_factory=lambda: array("q"))
    reached: int = 0
    """The number up to which it has been told all."""

    async def listen(self, http: aiohttp.ClientSession, tally: Tally) -> None:
        """Read on and on, from where it was cut off, until this is cancelled."""
        fields = {} if self.whole else {"fields": "lco_id"}
        path = f"{STREAM}?{urlencode(self.asked.query | fields, doseq=True, safe=',:')}"
        while True:
            try:
                await self._read(http, path, tally)
                why = "it ended"
            except (OSError, TimeoutError, aiohttp.ClientError) as error:
                why = type(error).__name__
            tally.wrong[_KIND, why] += 1
            await asyncio.sleep(_AGAIN_S)

    async def _read(self, http: aiohttp.ClientSession, path: str, tally: Tally) -> None:
        last = str(max(self.reached, self.since))
        tally.requests[_KIND] += 1
        async with http.get(path, headers={"Last-Event-ID": last}) as answer:
            if answer.status != HTTPStatus.OK:
                tally.wrong[_KIND, str(answer.status)] += 1
                return
            rest = b""
            async for piece in answer.content.iter_any():
                rest = self.note(rest, piece)

    def note(self, rest: bytes, piece: bytes) -> bytes:
        """Note the events that are whole now; what is left of the last."""
        events, _, rest = (rest + piece).rpartition(b"\n\n")
        self.got.extend(map(int, _ALERT.findall(events)))
        self.reached = max(self.reached, *map(int, _ANY.findall(events)), 0)
        return rest


def listeners(since: int) -> list[Listener]:
    """Of each search as many; each fifth takes whole alerts."""
    return [Listener(WANTED[n % len(WANTED)], n % A_CLIENT == 0, since) for n in range(STREAMS)]


async def listen_all(address: str, every: Sequence[Listener], first: int, tally: Tally) -> None:
    """All streams, five from one address, until this is cancelled."""
    timeout = aiohttp.ClientTimeout(total=None, sock_read=SILENT_S)

    async def listen_some(some: Sequence[Listener], number: int) -> None:
        connector = aiohttp.TCPConnector(local_addr=address_of(number))
        async with aiohttp.ClientSession(address, connector=connector, timeout=timeout) as http:
            await asyncio.gather(*(one.listen(http, tally) for one in some))

    async with asyncio.TaskGroup() as group:
        for n in range(0, len(every), A_CLIENT):
            group.create_task(listen_some(every[n : n + A_CLIENT], first + n))


async def judge(admin: "asyncpg.Connection[Any]", every: Sequence[Listener]) -> tuple[int, int]:
    """How many streams got what SQL finds, each alert once and in order; alerts of all of them."""
    right, came = 0, 0
    for asked in WANTED:
        since = every[0].since
        found = await admin.fetchval(
            "SELECT coalesce(array_agg(lco_id ORDER BY lco_id), '{}') FROM alert "  # noqa: S608
            f"WHERE lco_id > $1 AND ({asked.condition})",
            since,
        )
        wanted = array("q", found)
        some = [one for one in every if one.asked is asked]
        right += sum(one.got == wanted for one in some)
        came += sum(len(one.got) for one in some)
    return right, came


async def make_watches(
    address: str, admin: "asyncpg.Connection[Any]", count: int, first: int
) -> list[str]:
    """Watches of searches of four kinds and of lists of positions, five by each client."""
    # Those of an earlier run: their clients have the same addresses.
    await admin.execute("DELETE FROM app.watch")
    places = await places_of(admin, count)
    lists = max(1, count * LISTS // WATCHES)
    asked: list[Asked | None] = [*searches(places, count - lists), *([None] * lists)]
    made: list[str] = []
    for n in range(0, count, A_CLIENT):
        connector = aiohttp.TCPConnector(local_addr=address_of(first + n // A_CLIENT))
        async with aiohttp.ClientSession(address, connector=connector) as http:
            for m, one in enumerate(asked[n : n + A_CLIENT], n):
                made.append(await _make_watch(http, one, places, m))
    return made


async def _make_watch(
    http: aiohttp.ClientSession, asked: Asked | None, places: Sequence[Place], n: int
) -> str:
    sent: dict[str, Any] = {"skip_auto_headers": ["Content-Type"]}
    query: dict[str, Any] = asked.query if asked else {"radius": '5"'}
    if asked is None:
        some = (places[(n * 7 + m) % len(places)] for m in range(POSITIONS))
        lines = (f"p{m},{place.ra!r},{place.dec!r}\n" for m, place in enumerate(some))
        body = "id,ra,dec\n" + "".join(lines)
        sent = {"data": body.encode(), "headers": {"Content-Type": "text/csv"}}
    path = f"/api/v1/watches?{urlencode(query, doseq=True, safe=',:')}"
    async with http.post(path, **sent) as answer:
        told = await answer.json()
        if answer.status != HTTPStatus.CREATED:
            raise RuntimeError(f"no watch was made of {path}: {told}")
        return str(told["id"])
