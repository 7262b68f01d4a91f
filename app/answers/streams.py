"""Long answers in pieces, in constant memory: pages of rows, written while the next are read.

No connection of the database is held while a client takes its time.
"""

import asyncio
import logging
import os
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from io import FileIO
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol, TypeVar

from fastapi import Request, Response
from starlette.responses import StreamingResponse
from starlette.types import Send

from app.answers.bodies import origin_of, page_links, send_table, table_headers
from app.answers.encoding import Coding, coding_of
from app.answers.stored import without_body
from app.answers.tabular import PIECE, Ending, Format, Origin, Table, Values
from app.errors import DATABASE_ERRORS
from app.settings import settings_of
from archive.errors import MarsError
from archive.objects import Bytes

log = logging.getLogger(__name__)
AHEAD: Final = 2
"""Pages that others write while one is sent: as many as there are processes for it."""
READ: Final = 2**20
"""Bytes that are read at once of what others wrote."""
FEW: Final = 250
"""Rows that are made into JSON at once: 5 ms."""
_THREAD: Final = ThreadPoolExecutor(1, "export")
"""One thread, so that all exports together use half of the interpreter and one page of memory."""
# Arrow reads it when it is imported: its usual allocator keeps some 40 MB more of long answers.
os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
Rows = Sequence[Any]
"""The rows of a page, from the database or made from such rows."""
Made = TypeVar("Made")


class Page(Protocol):
    """Some rows of an answer: the batch that they are as of, and the cursors next to them."""

    @property
    def rows(self) -> Rows: ...
    @property
    def as_of(self) -> int: ...
    @property
    def next(self) -> str | None: ...
    @property
    def prev(self) -> str | None: ...


class Export(NamedTuple):
    """How a list is written: in which format, as which table, and what of each row."""

    wanted: Format
    table: Table
    values: Callable[[Rows], Values]
    elsewhere: Callable[[Any], Coroutine[Any, Any, Path] | None] = lambda _: None
    """Has rows written by another process, into a file; None for those that are written here."""


def send_page(request: Request, export: Export, page: Page, said: dict[str, str]) -> Response:
    """One page that is the whole answer."""
    told = page_links(request, settings_of(request).public_url, page.next, page.prev) | said
    ending, values = Ending(page.next, page.as_of), export.values(page.rows)
    return send_table(request, export.wanted, export.table, values, ending, headers=told)


def send_pages(
    request: Request,
    export: Export,
    first: Page,
    later: AsyncIterator[Page],
    said: dict[str, str],
) -> Response:
    """Pages as they are read; `said` are further headers."""
    wanted, table = export.wanted, export.table
    headers = table_headers(wanted, table, first.as_of) | said | {"Cache-Control": "no-store"}
    coding = None if wanted.squeezed else coding_of(request)
    if coding:
        headers["Content-Encoding"] = coding.name
    if request.scope.get("head"):
        return without_body(headers, wanted.media_type)
    pieces = write_pages(export, origin_of(request, first.as_of), first, later)
    body = pieces if coding is None else compress_pieces(pieces, coding)
    return Breakable(body, headers=headers, media_type=wanted.media_type)


async def run_in_thread(make: Callable[..., Made], *of: Any) -> Made:
    """Run a function in the thread of exports, while the loop answers other requests."""
    return await asyncio.get_running_loop().run_in_executor(_THREAD, make, *of)


async def run_for_rows(rows: int, make: Callable[..., Made], *of: Any) -> Made:
    """Run a function on so many rows; on few at once, which is faster than starting a thread."""
    return await run_in_thread(make, *of) if rows > FEW else make(*of)


async def write_pages(
    export: Export, origin: Origin, first: Page, later: AsyncIterator[Page]
) -> AsyncGenerator[Bytes]:
    """The bytes of a table. A page is read while the one before is written, and so on."""
    async with aclosing(_one_ahead(_written(export, origin, first, later))) as pieces:
        async for piece in pieces:
            yield piece


async def _written(
    export: Export, origin: Origin, first: Page, later: AsyncIterator[Page]
) -> AsyncGenerator[Bytes]:
    assert export.wanted.writer is not None
    writer = export.wanted.writer(export.table, origin)

    def written(rows: Rows) -> Bytes:
        return writer.rows(export.values(rows))

    yield writer.begin()
    last = first
    async with aclosing(_one_ahead(_begun(export, _chain(first, later)))) as pages:
        async for last, file in pages:
            if file is None:
                for n in range(0, len(last.rows), PIECE):
                    yield await run_in_thread(written, last.rows[n : n + PIECE])
                continue
            async for piece in _read(await file):
                yield piece
    yield await run_in_thread(writer.end, Ending(last.next, last.as_of, told=False))


async def _begun(
    export: Export, pages: AsyncGenerator[Page]
) -> AsyncGenerator[tuple[Page, asyncio.Task[Path] | None]]:
    """Each page, with the file that another process is writing of it; AHEAD of them are begun."""
    waiting: deque[tuple[Page, asyncio.Task[Path] | None]] = deque()
    try:
        async with aclosing(pages):
            async for page in pages:
                elsewhere = export.elsewhere(page.rows)
                file = None if elsewhere is None else asyncio.ensure_future(elsewhere)
                if file is not None:  # its client may leave; then nobody asks what came of it
                    file.add_done_callback(lambda done: done.cancelled() or done.exception())
                waiting.append((page, file))
                while len(waiting) > (AHEAD if file else 0):
                    yield waiting.popleft()
        while waiting:
            yield waiting.popleft()
    finally:
        for _, file in waiting:
            if file is not None:
                file.cancel()


async def _read(path: Path) -> AsyncGenerator[bytes]:
    """The bytes of a file, which is gone then."""
    with await run_in_thread(_open_once, path) as file:
        while piece := await run_in_thread(file.read, READ):
            yield piece


def _open_once(path: Path) -> FileIO:
    file = FileIO(path)
    path.unlink()
    return file


async def _chain(first: Page, later: AsyncIterator[Page]) -> AsyncGenerator[Page]:
    yield first
    async for page in later:
        yield page


async def _one_ahead(source: AsyncGenerator[Made]) -> AsyncGenerator[Made]:
    """The same; the next one is made while one is used."""
    following = asyncio.ensure_future(anext(source, None))
    try:
        while (one := await following) is not None:
            following = asyncio.ensure_future(anext(source, None))
            yield one
    finally:
        following.cancel()
        await asyncio.wait([following])
        if not following.cancelled():
            following.exception()  # nobody waits for it any more; else the loop would log it
        await source.aclose()


async def compress_pieces(pieces: AsyncIterator[Bytes], coding: Coding) -> AsyncIterator[bytes]:
    """The same bytes in a content coding, made in a thread."""
    compressor = coding.stream()
    async for piece in pieces:
        yield await run_in_thread(compressor.compress, piece)
    yield compressor.flush()


class Breakable(StreamingResponse):
    """A stream that ends without its last chunk when the database fails in its midst.

    Only this tells the client that the answer is incomplete: the status was sent long ago.
    """

    async def stream_response(self, send: Send) -> None:
        start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
        await send(start)
        try:
            async for piece in self.body_iterator:
                if piece:
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
        except (MarsError, *DATABASE_ERRORS) as error:
            log.warning("export broke off", extra={"error": repr(error)})
            return
        await send({"type": "http.response.body", "body": b"", "more_body": False})
