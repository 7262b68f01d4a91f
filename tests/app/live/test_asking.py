"""What a stream may be asked for, and how many streams one client may have."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from typing import Any

import asyncpg
import pytest

from app.alerts.access.archive import Archive
from app.alerts.access.gate import Gate
from app.alerts.asking.numbers import read_newest, read_stretch
from app.errors import BadParameters
from app.live.asking import REFUSED, parse_stream
from app.live.events import begin_at, reader_of, write_events
from app.live.tail import Tail
from archive.database import make_engine
from tests.app.conftest import Served, app_settings, take_in
from tests.app.live.streams import HANGS_S, STREAM, TOPIC, following, grow, messages
from tests.conftest import new_place


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        *(({name: "1"}, reason) for name, reason in REFUSED.items()),
        ({"since": "-1"}, "must be an lco_id"),
        ({"since": "now"}, "must be an lco_id"),
        ({"since": "9" * 30}, "must be an lco_id"),
        ({"since": "1", "as_of": "1"}, "cannot be combined with since"),
        ({"since": ["1", "2"]}, "given more than once"),
        ({"maqpsf__lt": "16"}, "did you mean 'magpsf__lt'?"),
        ({"magpsf__lt": "bright"}, "not a number"),
        ({"as_of": "77"}, "the newest batch is 2"),
    ],
    ids=str,
)
async def test_what_cannot_be_is_refused(
    served: Served, query: dict[str, Any], reason: str
) -> None:
    async with asyncio.timeout(HANGS_S):
        answer = await served.client.get(STREAM, params=query)
    assert answer.status_code == 422
    assert reason in answer.text


def test_the_last_event_decides() -> None:
    assert parse_stream([("since", "3")]).since == 3
    assert parse_stream([("since", "3"), ("rb__gte", "0.5")], "7").since == 7
    asked = parse_stream([("as_of", "3")], "7")
    assert (asked.since, asked.as_of) == (7, None)
    assert parse_stream([("as_of", "3"), ("since", " ")]).as_of == 3
    with pytest.raises(BadParameters, match="Last-Event-ID: must be an lco_id"):
        parse_stream([], "abc")


async def test_head_has_the_headers_and_an_end(served: Served) -> None:
    async with asyncio.timeout(HANGS_S):
        head = await served.client.head(STREAM, params={"since": 0})
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-type"].startswith("text/event-stream")


async def test_a_client_has_so_many_streams(served: Served) -> None:
    """And one more as soon as one of them has ended."""
    most = served.settings.streams_per_client
    async with AsyncExitStack() as streams:
        first = AsyncExitStack()
        await first.enter_async_context(following(served.client))
        for _ in range(most - 1):
            await streams.enter_async_context(following(served.client))
        refused = await served.client.get(STREAM)
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "5")
        assert f"{most} streams" in refused.text
        await first.aclose()
        async with asyncio.timeout(HANGS_S):
            while (await served.client.head(STREAM)).status_code == 429:  # noqa: ASYNC110 - the server notices
                await asyncio.sleep(0.01)


async def test_a_replica_that_is_behind_loses_nothing(template: str) -> None:
    """A copy stands for it: the look at the counter goes there, what it has not to the primary."""
    async with new_place(template) as place:
        primary = app_settings(place)
        await grow(primary, 0, 2)
        async with new_place(place.database) as copy:
            engines = [
                make_engine(one, "test", 2, ping=False) for one in (app_settings(copy), primary)
            ]
            await take_in(primary, messages(2, 3), TOPIC, 2)
            archive = Archive(engines[0], 4, 5, Gate(engines[0], 2), primary=engines[1])
            tail = Tail(archive, 1)
            asked = parse_stream([("since", "0"), ("fields", "lco_id")])
            since = await begin_at(archive, tail, asked)

            def write(rows: Sequence[asyncpg.Record]) -> list[Any]:
                return [row["lco_id"] for row in rows]

            pieces = write_events(tail, reader_of(archive, asked.search), since, write)
            assert b"data: 0" in await anext(pieces)
            assert (await anext(pieces)).count(b"event: alert") == 2
            # As if another look had been answered by the primary.
            tail.newest = tail.newest._replace(batch=2, number=5)
            assert (await anext(pieces)).count(b"event: alert") == 3
            await tail.look()
            assert tail.newest.number == 5
            await pieces.aclose()
            await tail.close()
            for engine in engines:
                await engine.dispose()


@pytest.fixture
async def archive(served: Served) -> AsyncIterator[Archive]:
    engine = make_engine(served.settings, "test", 2, ping=False)
    yield Archive(engine, 4, 5, Gate(engine, 2))
    await engine.dispose()


@pytest.mark.parametrize("most", [1, 7, 32, 5000])
@pytest.mark.parametrize("query", [[], [("rb__gte", "0.5")], [("magpsf__lt", "1")]])
async def test_stretches_of_any_length_hold_each_alert_once(
    served: Served, archive: Archive, query: list[tuple[str, str]], most: int
) -> None:
    search = parse_stream([*query, ("fields", "lco_id")]).search
    newest = await read_newest(archive)
    since, numbers = 0, list[int]()
    while since < newest.number:
        rows, reached = await read_stretch(archive, search, since, newest, most)
        assert len(rows) <= most
        assert since < reached
        assert all(since < row["lco_id"] <= reached for row in rows)
        numbers += [row["lco_id"] for row in rows]
        since = reached
    found = await served.alerts(
        {**dict(query), "sort": "lco_id", "limit": 1000, "fields": "lco_id"}
    )
    assert numbers == [int(item["lco_id"]) for item in found["items"]]


async def test_a_stream_holds_little_for_a_client_that_does_not_read(archive: Archive) -> None:
    tail = Tail(archive, 1)
    newest = await tail.look()
    asked = parse_stream([("since", "0")])

    def write(rows: Sequence[asyncpg.Record]) -> list[Any]:
        return ["x" * 10_000 for _ in rows]

    pieces = write_events(tail, reader_of(archive, asked.search), 0, write)
    sizes, alerts = [], 0
    async for piece in pieces:
        sizes.append(len(piece))
        alerts += piece.count(b"event: alert")
        if f"id: {newest.number}\n".encode() in piece:
            break
    await pieces.aclose()
    await tail.close()
    assert alerts > 300
    # The first stretch is read before the size of an alert is known.
    assert sizes[1] < 400_000
    assert max(sizes[2:]) < 270_000
