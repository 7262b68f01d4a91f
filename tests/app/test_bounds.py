"""What one request may cost the others: on no route is any query string or header costly."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any, Final, NamedTuple

import pytest
from fastapi import FastAPI
from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.bounds import MAX_HEADERS, MAX_PARAMETERS
from app.errors import BadParameters
from app.main import create_app
from app.mars.form import KNOWN
from app.names.designations import interpret
from app.search.search import PAGE_PARAMETERS, parse_search
from app.search.values import MAX_TEXT, read_moment, read_number
from app.search.vocabulary import FILTERS
from app.spelling import MAX_SUGGESTIONS
from tests.app.addresses import Address, addresses
from tests.app.conftest import Served
from tests.conftest import lines_at_the_end

MOST: Final = 65_000
"""Bytes of a query string: what the server lets through, less the path."""
MEASURED: Final = 5
"""How often what seems too costly is measured again."""
COSTLIEST: Final = 40
"""How many plain lists of 100 alerts a hostile request may cost, beside its own plain request."""
PLAIN: Final = Address("GET", "/api/v1/alerts", "/api/v1/alerts")
Headers = Sequence[tuple[bytes, bytes]]


class Answered(NamedTuple):
    """An answer, and the processor time of the loop's thread until it was there."""

    status: int
    body: bytes
    seconds: float


@pytest.fixture(scope="module")
async def app(served: Served) -> AsyncIterator[FastAPI]:
    """An app without a limit on requests, asked without a server."""
    made = create_app(served.settings.model_copy(update={"rate_limit_per_s": 0.0}))
    async with made.router.lifespan_context(made):
        yield made


async def ask(
    app: FastAPI, address: Address, query: bytes = b"", headers: Headers = ()
) -> Answered:
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": address.method,
        "scheme": "http",
        "path": address.path,
        "raw_path": address.path.encode(),
        "root_path": "",
        "query_string": query,
        "headers": [(b"host", b"x"), *headers],
        "client": ("203.0.113.7", 1),
        "server": ("127.0.0.1", 1),
    }
    messages = iter([{"type": "http.request", "body": b"", "more_body": False}])
    statuses: list[int] = []
    body = bytearray()

    async def receive() -> Any:
        # A client that stays until it has its answer.
        return next(messages, None) or await asyncio.Event().wait()

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])
        else:
            body.extend(message.get("body", b""))

    began = time.thread_time()
    await app(scope, receive, send)
    return Answered(statuses[0], bytes(body), time.thread_time() - began)


def filled(piece: str) -> str:
    """As many whole pieces as there is room for."""
    return piece * (MOST // len(piece))


QUERIES: Final = {
    "thousands of unknown names": "&".join(f"maqpsf_{n:04x}=1" for n in range(4000)),
    "unknown names": "&".join(f"maqpsf_{n:02x}__gte=1" for n in range(60)),
    "long unknown names": "&".join(f"{n}maqpsf__gte" * 80 + "=1" for n in range(60)),
    "unknown filters": "&".join(f"where=maqpsf_{n:02x}__gte:1" for n in range(60)),
    "long filters": "&".join(f"where=magpsf__in:{'1,' * 499}" for _ in range(60)),
    "filters": "&".join(f"where={name}:1" for name in list(FILTERS)[100:164]),
    "names without values": filled("a&"),
    "a name again and again": filled("cone=1&"),
}
VALUES: Final = {
    "a number": "9" * MOST + "x",
    "a list": filled("1,"),
    "a list of long words": filled("9" * 190 + "x,"),
    "escapes": filled("%25"),
    "no Latin": filled("%F0%9F%94%AD"),
    "blanks": filled("+"),
}
ONE_OF_EACH_KIND: Final = {
    *PAGE_PARAMETERS,
    *("candid", "object_id", "objectidps", "filter", "time__gt", "magpsf__gte", "isdiffpos"),
    *("objectId", "objectcone", "time__since", "page", "sort_value"),
}


def hostile(names: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    """Queries as long as the server lets through, and what each is."""
    yield from ((what, query[:MOST].encode()) for what, query in QUERIES.items())
    for name in names:
        for what, value in VALUES.items():
            yield f"{name}: {what}", f"{name}={value[: MOST - len(name) - 1]}".encode()
        yield f"{name}: repeats", "&".join([f"{name}=1"] * MAX_PARAMETERS).encode()


def names_of(app: FastAPI, address: Address) -> list[str]:
    """The parameters of a route: those in openapi.json; of a page those that pages have."""
    described = app.openapi()["paths"].get(address.pattern)
    if described is None:
        return sorted(KNOWN & ONE_OF_EACH_KIND) if address.path == "/" else ["q", "before"]
    names = [p["name"] for p in described["get"].get("parameters", []) if p["in"] == "query"]
    return [n for n in names if n in ONE_OF_EACH_KIND or len(names) < 20] or ["x"]


async def plain_seconds(app: FastAPI, address: Address) -> float:
    """What a request without any parameter costs, templates and statements once made."""
    return min([(await ask(app, address)).seconds for _ in range(3)])


async def ask_twice(
    app: FastAPI, address: Address, query: bytes, headers: Headers = ()
) -> Answered:
    """The cheaper of two: the first may compile a statement that is kept from then on."""
    tries = [await ask(app, address, query, headers) for _ in range(2)]
    return min(tries, key=lambda answered: answered.seconds)


async def test_no_query_string_is_costly_on_any_route(app: FastAPI) -> None:
    plain = await plain_seconds(app, PLAIN)
    told: list[tuple[float, str]] = []
    for address in addresses("GET"):
        own = await plain_seconds(app, address)
        for what, query in hostile(names_of(app, address)):
            answered = await ask(app, address, query)
            for _ in range(MEASURED):
                if answered.seconds < (own + COSTLIEST * plain) / 2:
                    break
                # Side by side: meanwhile the machine may have become slower, or faster.
                plain = await plain_seconds(app, PLAIN)
                answered = await ask_twice(app, address, query)
                if answered.seconds < own + COSTLIEST * plain:
                    break
            told.append((answered.seconds / plain, f"{address.pattern} {what}"))
            # A name that nobody knows here is a 503: no test asks elsewhere.
            assert answered.status != 500, told[-1]
            assert answered.seconds < own + COSTLIEST * plain, told[-1]
    lines = lines_at_the_end("costliest query strings, in plain lists of 100 alerts")
    lines += [f"{ratio:6.1f}  {what}" for ratio, what in sorted(told, reverse=True)[:5]]


@pytest.mark.parametrize("path", ["/api/v1/alerts", "/", "/api/v1/nights", "/nowhere", "/help/"])
async def test_too_many_parameters_are_refused_in_one_sentence(app: FastAPI, path: str) -> None:
    query = QUERIES["thousands of unknown names"].encode()
    answered = await ask(app, Address("GET", path, path), query)
    assert answered.status == (422 if path.startswith("/api/") else 400)
    assert b"at most 64 are allowed" in answered.body
    assert len(answered.body) < 300


async def test_as_many_as_may_be_are_answered(app: FastAPI) -> None:
    query = "&".join([*["where=rb__gte:0"] * MAX_PARAMETERS, *["ra__gt="] * MAX_PARAMETERS])
    assert (await ask(app, PLAIN, query.encode())).status == 200
    for more in ("&ra__gt=", "&where=rb__gte:0"):
        assert (await ask(app, PLAIN, (query + more).encode())).status == 422


def test_each_unknown_name_is_told_once_and_the_first_get_a_suggestion() -> None:
    given = [(f"maqpsf_{n}__gte", "1") for n in range(40)] * 2
    with pytest.raises(BadParameters) as caught:
        parse_search([*given, *[("where", f"magpsf__get{n}:1") for n in range(20)]])
    errors = caught.value.errors
    assert len(errors) == 60
    assert [e.nearest for e in errors[:MAX_SUGGESTIONS]] == ["magpsf__gte"] * MAX_SUGGESTIONS
    assert {e.nearest for e in errors[MAX_SUGGESTIONS:]} == {None}


HEADERS: Final = {
    "accept": ", ".join(f"text/x{n};q=0.{n % 10}" for n in range(5000)),
    "accept-encoding": ", ".join(f"x{n};q=0.{n % 10}" for n in range(8000)),
    "accept-language": "de," * 40_000,
    "if-none-match": ", ".join(f'W/"{n}"' for n in range(10_000)),
    "if-range": '"' * 100_000,
    "range": "bytes=" + ",".join(f"{n}-{n}" for n in range(10_000)),
    "cookie": "; ".join(f"a{n}=1" for n in range(10_000)),
    "x-request-id": "x" * 100_000,
    "x-forwarded-for": ", ".join(["10.0.0.1"] * 10_000),
    "content-type": "application/json;" * 5_000,
    "origin": "http://" + "x" * 100_000,
}


@pytest.mark.parametrize("name", HEADERS)
async def test_no_header_is_costly(app: FastAPI, name: str) -> None:
    plain = await plain_seconds(app, PLAIN)
    header = (name.encode(), HEADERS[name][:120_000].encode())
    for path in ("/api/v1/alerts", "/", f"/api/v1/alerts/{'9' * 18}/avro", "/static/pages.css"):
        answered = await ask_twice(app, Address("GET", path, path), b"format=json", [header])
        assert answered.status in (200, 404, 422), (path, answered.body[:200])
        assert answered.seconds < 10 * plain, path


@pytest.mark.parametrize(
    "headers",
    [[(b"x", b"a" * 1_000_000)], [(b"x-%d" % n, b"") for n in range(10_000)]],
    ids=["one", "many"],
)
async def test_more_headers_than_may_be_are_refused(app: FastAPI, headers: Headers) -> None:
    answered = await ask(app, PLAIN, b"", headers)
    assert answered.status == 431
    assert f"{MAX_HEADERS:,} bytes".encode() in answered.body


READERS: Final = {
    read_number: "17.123456",
    read_moment: "2026-01-31T05:30:00Z",
    interpret: "10.68 41.27",
}
"""What reads a value that a client wrote, and an ordinary one."""
PIECES: Final = (
    "9",
    "9" * 40,
    ".",
    " ",
    ",",
    ":",
    "-",
    "+",
    "e",
    "d",
    "h",
    "m",
    "s",
    "J",
    "r=",
    "x",
)


def seconds_to_read(read: Callable[[str], Any], text: str) -> float:
    def once() -> float:
        began = time.thread_time()
        with suppress(ValueError):
            read(text)
        return time.thread_time() - began

    return min(once() for _ in range(3))


@given(st.lists(st.sampled_from(PIECES), max_size=60).map("".join))
@example("9" * 64_000 + "x")
@example("9" * 99 + " " + "9" * 99 + "x")
@settings(max_examples=300, deadline=None, derandomize=True)
def test_no_value_is_costly_to_read(text: str) -> None:
    for read, ordinary in READERS.items():
        least = seconds_to_read(read, ordinary)
        assert seconds_to_read(read, text) < 200 * least, (read, text[:MAX_TEXT])


@pytest.mark.parametrize("name", ["objectId", "rb__gte", "sort_value", "page"])
async def test_the_main_page_does_not_grow_with_a_value(app: FastAPI, name: str) -> None:
    page = Address("GET", "/", "/")
    short = await ask(app, page, f"{name}={'%22' * (MAX_TEXT + 1)}".encode())
    long = await ask(app, page, f"{name}={'%22' * 20_000}".encode())
    # Once, in its own field, where a quote takes five characters.
    assert len(long.body) < len(short.body) + 6 * 20_000
