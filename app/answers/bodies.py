"""Complete answers, JSON or a table, and links to the next and the previous page."""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote, urlencode

import orjson
from fastapi import Request, Response

from app.answers.negotiation import send_bytes
from app.answers.tabular import Ending, Format, Origin, Table, Values
from app.settings import settings_of

VARY: Final = "Accept, Accept-Encoding"


def send_json(
    request: Request, body: Mapping[str, Any], headers: Mapping[str, str] | None = None
) -> Response:
    """The body as JSON."""
    kept = {"Cache-Control": _kept(request), **(headers or {})}
    return send_bytes(request, encode_json(body), "application/json", kept)


def _kept(request: Request) -> str:
    """How long clients may cache an answer."""
    return f"public, max-age={settings_of(request).cache_max_age_s}"


def send_table(
    request: Request,
    wanted: Format,
    table: Table,
    values: Values,
    ending: Ending,
    *,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A table whose rows are all known, in any format but JSON."""
    assert wanted.writer is not None
    writer = wanted.writer(table, origin_of(request, ending.as_of))
    content = b"".join((writer.begin(), writer.rows(values), writer.end(ending)))
    return send_file(request, wanted, table, content, ending, headers=headers)


def origin_of(request: Request, as_of: int | None) -> Origin:
    """The origin of a table that answers a request."""
    service = settings_of(request).public_url
    query = f"?{request.url.query}" if request.url.query else ""
    return Origin(service, f"{service}{_path(request)}{query}", as_of)


def send_file(
    request: Request,
    wanted: Format,
    table: Table,
    content: bytes,
    ending: Ending,
    *,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The bytes of a table, with its headers."""
    sent = table_headers(wanted, table, ending.as_of) | _ending_headers(ending)
    sent |= {"Cache-Control": _kept(request), **(headers or {})}
    return send_bytes(request, content, wanted.media_type, sent, squeezed=wanted.squeezed)


def table_headers(wanted: Format, table: Table, as_of: int | None) -> dict[str, str]:
    """The headers of a table that are known before its end."""
    seen = {} if as_of is None else {"X-As-Of": str(as_of)}
    name = f'attachment; filename="{table.name}.{wanted.suffix}"'
    return {"Content-Disposition": name, **seen, "Vary": VARY}


def _ending_headers(ending: Ending) -> dict[str, str]:
    """As in the body of JSON: whether more matched, and the cursor of the next page."""
    cut = {} if ending.next is None else {"X-Next-Cursor": ending.next}
    return {"X-Truncated": "false" if ending.next is None else "true", **cut}


def page_links(
    request: Request, public_url: str, following: str | None, preceding: str | None
) -> dict[str, str]:
    """The RFC 8288 header with the next and the previous page, by their cursors."""
    led = ("cursor", "after")
    kept = [(k, v) for k, v in request.query_params.multi_items() if k not in led and v.strip()]
    address = public_url + _path(request)
    links = [
        f'<{address}?{urlencode([*kept, ("cursor", token)])}>; rel="{relation}"'
        for relation, token in (("next", following), ("prev", preceding))
        if token is not None
    ]
    return {"Link": ", ".join(links)} if links else {}


def next_link(
    request: Request, public_url: str, parameter: str, following: str | None
) -> dict[str, str]:
    """The same for a list that only goes forward, each page beginning at a parameter."""
    if following is None:
        return {}
    kept = [(k, v) for k, v in request.query_params.multi_items() if k != parameter and v.strip()]
    query = urlencode([*kept, (parameter, following)])
    return {"Link": f'<{public_url}{_path(request)}?{query}>; rel="next"'}


def _path(request: Request) -> str:
    """The path as an address has it; request.url would leave a part of it quoted, a part not."""
    return quote(request.scope["path"])


def encode_json(body: Mapping[str, Any]) -> bytes:
    """JSON; orjson writes null for NaN and infinities."""
    return orjson.dumps(body)


def print_to_keep(item: Any) -> bytes:
    """JSON of which many are held at once, in memory of its own length.

    The bytes that orjson (3.13) returns keep the room in which they were printed: 64 kB, of which
    an alert fills 2.7.
    """
    return bytes(memoryview(orjson.dumps(item)))
