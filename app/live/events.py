"""A stream of server-sent events: what matches of the past, then what comes, until the end.

An event's id is a number from which another stream goes on: each alert comes once, and in order,
however often a client is cut off. Between two reads no connection of the database is held, and
nothing is read for a client before it has taken what was read last.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import Any, Final, NamedTuple, Protocol

import asyncpg
import orjson

from app.alerts.access.archive import Archive
from app.alerts.asking.as_of import settle_as_of
from app.alerts.asking.numbers import Newest, Stretch, number_as_of, read_stretch
from app.alerts.output.fragments import Fragments
from app.alerts.output.items import chosen_items
from app.alerts.sql.search_sql import GLANCE
from app.answers.encoding import Coding
from app.answers.streams import run_for_rows
from app.errors import DATABASE_ERRORS, QueryTooCostly
from app.live.asking import Asked
from app.live.tail import LOOK_S, Tail
from app.search.search import Search
from archive.database import is_passing

log = logging.getLogger(__name__)
MEDIA_TYPE: Final = "text/event-stream"
KEEP_ALIVE_S: Final = 15.0
"""Proxies and routers forget a connection that is silent for a minute."""
_WAIT_S: Final = 1.0
"""Before what the database could not answer is asked again; the stream stays open."""
_RETRY: Final = b"retry: 1000\n"
"""The milliseconds after which a client that was cut off comes again."""
_SILENCE: Final = b": still here\n"
"""A comment. Behind a blank line httpx-sse (0.4) would take it for an event without data."""
Write = Callable[[Sequence[asyncpg.Record]], Sequence[Any]]
_HELD: Final = 256_000
"""Bytes that a stream holds for a client who does not take them, more or less."""
_FIRST: Final = 32
"""Alerts that are read before it is known how many bytes each takes."""


class Read(Protocol):
    """What follows a number in an archive that is so far, `most` alerts at most."""

    async def __call__(self, since: int, newest: Newest, most: int = GLANCE) -> Stretch: ...


@contextmanager
def bear_outage() -> Iterator[None]:
    """Go on although the database does not answer now: a stream waits for it.

    EventSource takes a 503 for the end, and comes again after a cut. What will not pass is raised.
    """
    try:
        yield
    except DATABASE_ERRORS as error:
        if not is_passing(error):
            raise


async def begin_at(archive: Archive, tail: Tail, asked: Asked) -> int:
    """The number after which a stream begins.

    Raises BadParameters for a batch that is still to come, or one of DATABASE_ERRORS.
    """
    if asked.since is not None:
        # Who comes again while no database answers gets its stream, and waits in it.
        return asked.since
    newest = await tail.look()
    if asked.as_of is not None:
        return await number_as_of(archive, await settle_as_of(archive, asked.as_of), newest)
    return newest.number


def reader_of(archive: Archive, search: Search) -> Read:
    """What reads the next alerts of a search.

    Such a read is a glance, however much of the past there is, and need not wait for its turn among
    costly questions: streams that are behind take turns with each other.
    """
    return partial(read_stretch, archive.unhurried(), search)


async def write_events(tail: Tail, read: Read, since: int, write: Write) -> AsyncGenerator[bytes]:
    """The events of a stream that begins after a number; `write` makes JSON of rows.

    It ends when the process does. Raises ClientGone, or an error that will not pass.
    """
    yield _RETRY + _seen(since)
    is_told, most = False, _FIRST
    while not tail.is_over:
        newest = await tail.beyond(since, KEEP_ALIVE_S)
        if newest.number <= since:
            yield _SILENCE
            continue
        # Hundreds that go over the past at once would leave the loop no time for anybody else.
        turn = tail.turn if newest.number - since > GLANCE else nullcontext()
        try:
            async with turn:
                made = await _make_events(await read(since, newest, most), write)
        except (QueryTooCostly, *DATABASE_ERRORS) as error:
            if not isinstance(error, QueryTooCostly) and not is_passing(error):
                raise
            if not is_told:
                # Once: hundreds of streams may wait for minutes.
                log.warning("a stream waits", extra={"error": repr(error)})
            is_told = True
            yield _SILENCE
            await asyncio.sleep(_WAIT_S)
            continue
        if made.reached <= since:
            await asyncio.sleep(LOOK_S)
            continue
        since, is_told, most = made.reached, False, made.most or most
        yield made.events


class Made(NamedTuple):
    """The events of a stretch: all that is held of it while the client takes its time."""

    events: bytes
    reached: int
    most: int
    """How many alerts to read next, a power of two, for few statements; 0 if there was none."""


async def _make_events(found: Stretch, write: Write) -> Made:
    events = await run_for_rows(len(found.rows), _events, found, write)
    if not found.rows:
        return Made(events, found.reached, 0)
    fits = max(1, _HELD * len(found.rows) // len(events))
    return Made(events, found.reached, min(GLANCE, 1 << fits.bit_length() - 1))


def _events(found: Stretch, write: Write) -> bytes:
    """The events of a stretch; `seen` where the last alert did not match."""
    pairs = zip(found.rows, write(found.rows), strict=True)
    alerts = [_event(row["lco_id"], "alert", orjson.dumps(item)) for row, item in pairs]
    if not found.rows or found.rows[-1]["lco_id"] < found.reached:
        alerts.append(_seen(found.reached))
    return b"".join(alerts)


def _seen(number: int) -> bytes:
    return _event(number, "seen", b"%d" % number)


def _event(number: int, kind: str, data: bytes) -> bytes:
    """One event; JSON as orjson writes it has no line breaks."""
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (number, kind.encode(), data)


async def compress_at_once(pieces: AsyncIterator[bytes], coding: Coding) -> AsyncIterator[bytes]:
    """The same bytes in a content coding; of each piece all can be read as soon as it arrives."""
    compressor = coding.stream()
    async for piece in pieces:
        yield compressor.compress(piece)
    yield compressor.flush()


def writer_of(search: Search, fragments: Fragments, api: str) -> Write:
    """What makes the JSON of a search's alerts, as lists have it."""
    if not search.fields:
        return fragments.of
    return partial(chosen_items, search.fields, api=api, vocabulary=search.vocabulary)
