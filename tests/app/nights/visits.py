"""Every address of what is stored, from the app's own routes, and what each answer must be."""

import asyncio
import csv
import io
import json
import re
import zipfile
from collections.abc import Iterable, Mapping
from itertools import cycle, product
from typing import Any, Final, NamedTuple
from urllib.parse import quote

import httpx
import pyarrow.parquet
from astropy.io.votable import parse_single_table
from fastapi.routing import APIRoute
from PIL import Image

from app.main import ROUTES
from tests.app.addresses import ENDLESS

Known = Mapping[str, Iterable[str]]
"""Name of a path's parameter -> the values to ask for."""
HTML: Final = {"accept": "text/html"}
JSON: Final = {"accept": "application/json"}
AT_ONCE: Final = 6
_OF_PATH: Final = re.compile(r"{(\w+)(?::\w+)?}")
_DATA: Final = re.compile(r'<script type="application/json"[^>]*>(.*?)</script>', re.DOTALL)


class Visit(NamedTuple):
    """An address, and what is accepted there."""

    address: str
    headers: Mapping[str, str]


def routes() -> list[APIRoute]:
    """All that answer a GET, but those of the Virtual Observatory, and streams without an end.

    openapi.json does not know the former, and their answers are XML of their own: tests/app/vo.
    """
    found = (route for module in ROUTES for route in module.router.routes)
    return [
        route
        for route in found
        if isinstance(route, APIRoute)
        and "GET" in (route.methods or ())
        and not route.path.startswith("/vo/")
        and route.path not in ENDLESS
    ]


def named(route: APIRoute) -> list[str]:
    """The parameters in its path."""
    return _OF_PATH.findall(route.path)


def choices(document: Any, route: APIRoute) -> list[str]:
    """Query strings: none, and each word of each parameter that openapi.json gives words for."""
    operation = document["paths"].get(route.path_format, {}).get("get", {})
    found = [""]
    for parameter in operation.get("parameters", ()):
        schema = parameter["schema"]
        if "$ref" in schema:
            schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        words = ["true"] if schema.get("type") == "boolean" else schema.get("enum", ())
        if parameter["in"] == "query":
            found += [f"?{parameter['name']}={word}" for word in words]
    return found


EACH: Final = ("", "?format", "?merged", "?wcs")
"""What is asked of every address; of all other choices each address is asked one, in turn."""


def visits(document: Any, route: APIRoute, known: Known) -> list[Visit]:
    """The addresses of a route: every choice of it, for all values that its path can have."""
    paths = [
        _OF_PATH.sub("{}", route.path).format(*(quote(value, safe="") for value in values))
        for values in product(*(known[name] for name in named(route)))
    ]
    if not route.include_in_schema:
        return [Visit(p + q, a) for p in paths for q, a in (("", HTML), ("?format=json", JSON))]
    offered = choices(document, route)
    each = [choice for choice in offered if choice.partition("=")[0] in EACH]
    others = [choice for choice in offered if choice not in each] or [""]
    return [
        Visit(path + choice, JSON)
        for path, other in zip(paths, cycle(others), strict=False)
        for choice in dict.fromkeys((*each, other))
    ]


async def faults(client: httpx.AsyncClient, asked: Iterable[Visit]) -> list[str]:
    """What is wrong with the answers, some at a time."""
    turn = asyncio.Semaphore(AT_ONCE)

    async def ask(visit: Visit) -> str | None:
        # A stamp's gzip is handed on as it is stored, and httpx would read it.
        headers = {**visit.headers, "accept-encoding": "identity"}
        async with turn:
            try:
                answer = await client.get(visit.address, headers=headers)
                read(answer)
            except Exception as error:
                return f"{visit.address} ({visit.headers['accept']}): {error!r}"[:400]
        return None

    found = await asyncio.gather(*map(ask, asked))
    return [fault for fault in found if fault]


# -------------------------------------------------------------------------------------------------
# What can be read
# -------------------------------------------------------------------------------------------------


def read(answer: httpx.Response) -> None:
    """Read an answer as its kind is read. Raises for one that is no such, or a server's error."""
    assert answer.status_code < 500, (answer.status_code, answer.text[:300])
    kind = answer.headers.get("content-type", "").partition(";")[0]
    if answer.status_code >= 300 and kind not in ("text/html", "application/problem+json"):
        assert not answer.content, kind
        return
    READERS[kind](answer.content)


def strict(text: str | bytes) -> Any:
    """JSON as RFC 8259 has it."""

    def refuse(word: str) -> Any:
        raise ValueError(f"{word} is no JSON")

    return json.loads(text, parse_constant=refuse)


def _json_lines(body: bytes) -> None:
    for line in body.splitlines():
        strict(line)


def _csv(body: bytes) -> None:
    head, *rows = csv.reader(io.StringIO(body.decode(), newline=""), strict=True)
    assert all(len(row) == len(head) for row in rows if not row[0].startswith("# truncated")), head


def _votable(body: bytes) -> None:
    table = parse_single_table(io.BytesIO(body), verify="exception")
    assert len(table.array) == body.count(b"<TR>")


def _page(body: bytes) -> None:
    text = body.decode()
    assert re.search(r"<title>[^<]*\w", text) or not text.startswith("<!doctype"), text[:100]
    for data in _DATA.findall(text):
        strict(data)


def _picture(body: bytes) -> None:
    picture = Image.open(io.BytesIO(body))
    picture.load()
    assert picture.format == "PNG"


def _zip(body: bytes) -> None:
    assert zipfile.ZipFile(io.BytesIO(body)).testzip() is None


def _bytes(body: bytes) -> None:
    assert body


READERS: Final[Mapping[str, Any]] = {
    "application/json": strict,
    "application/problem+json": strict,
    "application/x-ndjson": _json_lines,
    "text/csv": _csv,
    "application/x-votable+xml": _votable,
    "application/vnd.apache.parquet": lambda body: pyarrow.parquet.read_table(io.BytesIO(body)),
    "text/html": _page,
    "image/png": _picture,
    "application/zip": _zip,
    **dict.fromkeys(
        ("application/fits", "image/fits", "application/gzip", "application/avro", "text/plain"),
        _bytes,
    ),
}
