"""Stored bytes as answers: ETag, 304, Range, HEAD, and the stream from the object store."""

import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Mapping
from http import HTTPStatus
from typing import Any, Final, NamedTuple

from fastapi import Request, Response
from fastapi.responses import StreamingResponse

from app.answers.negotiation import is_not_modified
from app.errors import NotFound, RangeNotSatisfiable
from archive.objects import ObjectStore

IMMUTABLE: Final = "public, max-age=31536000, immutable"
_RANGE: Final = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)


class Piece(NamedTuple):
    """A byte range of a bundle, the name of its content, and the error text if it is missing."""

    key: str | None
    offset: int | None
    length: int | None
    content: str
    """A hash of the packet and the part's name: the same for the same bytes, for ever."""
    missing: str

    def place(self) -> tuple[str, int, int]:
        """Key, offset and length. Raises NotFound with the reason."""
        if self.key is None or self.offset is None or not self.length:
            raise NotFound(self.missing)
        return self.key, self.offset, self.length


def _wanted(request: Request, etag: str, length: int) -> tuple[int, int] | None:
    """First byte and number of bytes of a Range that can be served; None for the whole.

    Several ranges at once, and a Range that cannot be read, are answered with the whole, as
    RFC 9110 allows. Raises RangeNotSatisfiable.
    """
    if request.headers.get("if-range", etag) != etag:
        return None
    match = _RANGE.fullmatch(request.headers.get("range", "").replace(" ", ""))
    if match is None or match.group(0) == "bytes=-":
        return None
    first, last = match.groups()
    if not first:
        count = min(int(last), length)
        start = length - count
    else:
        start = int(first)
        if last and int(last) < start:
            return None
        count = min(int(last or length), length - 1) - start + 1
    if start >= length or count <= 0:
        raise RangeNotSatisfiable(length)
    return start, count


async def send_file(
    request: Request, store: ObjectStore, piece: Piece, name: str, media_type: str
) -> Response:
    """The bytes as they are stored, as an attachment, whole or a range of them."""
    key, offset, length = piece.place()
    etag = f'"{piece.content}"'
    headers = headers_of(etag, name) | {"Accept-Ranges": "bytes"}
    if is_not_modified(request, etag):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    status, wanted = HTTPStatus.OK, _wanted(request, etag, length)
    if wanted is not None:
        start, count = wanted
        headers["Content-Range"] = f"bytes {start}-{start + count - 1}/{length}"
        offset, length, status = offset + start, count, HTTPStatus.PARTIAL_CONTENT
    headers["Content-Length"] = str(length)
    if request.scope.get("head"):
        return Response(status_code=status, headers=headers, media_type=media_type)
    body = await await_first_chunk(store.stream(key, offset, length))
    return StreamingResponse(body, status, headers, media_type)


async def send_made(
    request: Request,
    make: Callable[[], Coroutine[Any, Any, bytes]],
    headers: dict[str, str],
    media_type: str,
) -> Response:
    """Bytes that are made for the answer, whole or a range of them; not made for a 304.

    `make` may add headers of what it made, such as its Content-Encoding.
    """
    etag = headers["ETag"]
    headers["Accept-Ranges"] = "bytes"
    if is_not_modified(request, etag):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    body, status = await make(), HTTPStatus.OK
    wanted = _wanted(request, etag, len(body))
    if wanted is not None:
        start, count = wanted
        headers["Content-Range"] = f"bytes {start}-{start + count - 1}/{len(body)}"
        body, status = body[start : start + count], HTTPStatus.PARTIAL_CONTENT
    return Response(body, status, headers, media_type)


async def send_stream(
    request: Request, chunks: AsyncGenerator[bytes, None], headers: dict[str, str], media_type: str
) -> Response:
    """Bytes that are made while they are sent, from the beginning."""
    if is_not_modified(request, headers["ETag"]):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    if request.scope.get("head"):
        return without_body(headers, media_type)
    body = await await_first_chunk(chunks)
    return StreamingResponse(body, headers=headers, media_type=media_type)


def without_body(headers: Mapping[str, str], media_type: str) -> Response:
    """The answer to HEAD if the body is made while it is sent: its length is unknown."""

    async def nothing() -> AsyncIterator[bytes]:
        return
        yield b""

    return StreamingResponse(nothing(), headers=headers, media_type=media_type)


async def await_first_chunk(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """All chunks, the first of them in hand: a failure before it is an error, not half a body."""
    first = await anext(chunks)

    async def whole() -> AsyncIterator[bytes]:
        try:
            yield first
            async for chunk in chunks:
                yield chunk
        finally:
            if isinstance(chunks, AsyncGenerator):
                await chunks.aclose()

    return whole()


def headers_of(etag: str, name: str, shown: str = "attachment") -> dict[str, str]:
    """Headers of content that never changes, `attachment` or `inline`, with its file name."""
    return {
        "ETag": etag,
        "Cache-Control": IMMUTABLE,
        "Content-Disposition": f'{shown}; filename="{name}"',
    }
