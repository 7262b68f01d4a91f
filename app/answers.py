"""An answer whose bytes are in hand: ETag, 304, compression, caching, Link."""

import hashlib
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlencode

from fastapi import Request, Response

from app.downloads import not_modified
from app.encoding import WORTH_COMPRESSING, coding_of
from app.formats import json_bytes
from app.tabular import Ending, Format, Table, Values

VARY: Final = "Accept, Accept-Encoding"


def send(
    request: Request,
    content: bytes,
    media_type: str,
    headers: Mapping[str, str] | None = None,
    squeezed: bool = False,
) -> Response:
    """The content under a strong ETag of its own for each encoding.

    It is compressed as the client likes best, unless it is `squeezed` already.
    """
    tag = hashlib.sha256(content).hexdigest()[:24]
    coding = coding_of(request) if len(content) >= WORTH_COMPRESSING and not squeezed else None
    etag = f'"{tag}-{coding.name}"' if coding else f'"{tag}"'
    age = request.app.state.settings.cache_max_age_s
    sent = {
        "ETag": etag,
        "Cache-Control": f"public, max-age={age}",
        "Vary": "Accept-Encoding",
        **(headers or {}),
    }
    if not_modified(request, etag):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=sent)
    if coding:
        sent["Content-Encoding"] = coding.name
        content = coding.whole(content)
    return Response(content, headers=sent, media_type=media_type)


def send_json(
    request: Request, body: Mapping[str, Any], headers: Mapping[str, str] | None = None
) -> Response:
    """The body as JSON."""
    return send(request, json_bytes(body), "application/json", headers)


def send_table(
    request: Request,
    wanted: Format,
    table: Table,
    values: Values,
    ending: Ending,
    *,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A table whose rows are all in hand, in any format but JSON."""
    assert wanted.writer is not None
    writer = wanted.writer(table, ending.as_of)
    content = writer.begin() + writer.rows(values) + writer.end(ending)
    sent = {**table_headers(wanted, table, ending.as_of), **ending_headers(ending)}
    return send(request, content, wanted.media_type, sent | dict(headers or {}), wanted.squeezed)


def table_headers(wanted: Format, table: Table, as_of: int) -> dict[str, str]:
    """What can be said of a table before its end is known."""
    return {
        "Content-Disposition": f'attachment; filename="{table.name}.{wanted.suffix}"',
        "X-As-Of": str(as_of),
        "Vary": VARY,
    }


def ending_headers(ending: Ending) -> dict[str, str]:
    """What JSON has in its body: whether more matched, and the cursor that leads on."""
    cut = {} if ending.next is None else {"X-Next-Cursor": ending.next}
    return {"X-Truncated": "false" if ending.next is None else "true", **cut}


def next_link(request: Request, public_url: str, token: str | None) -> dict[str, str]:
    """The RFC 8288 header that leads to the next page; none on the last."""
    if token is None:
        return {}
    led = ("cursor", "after")
    kept = [(k, v) for k, v in request.query_params.multi_items() if k not in led and v.strip()]
    query = urlencode([*kept, ("cursor", token)])
    return {"Link": f'<{public_url}{request.url.path}?{query}>; rel="next"'}
