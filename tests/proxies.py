"""Small proxies that stand before a real server, as others do where we are run."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

PIECE = 16_384


@dataclass
class Cutting:
    """A proxy that closes connections, and how many it has closed."""

    address: str
    cut: int = 0


@asynccontextmanager
async def cutting(target: str | None, after: int) -> AsyncIterator[Cutting]:
    """A TCP proxy that closes each connection once so many bytes have come back through it."""
    assert target is not None
    host, port = urlsplit(target).hostname, urlsplit(target).port
    tasks: set[asyncio.Task[None]] = set()

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, most: int) -> None:
        with suppress(ConnectionError):
            while most > 0 and (piece := await reader.read(min(PIECE, most))):
                writer.write(piece)
                await writer.drain()
                most -= len(piece)
        if most <= 0:
            proxy.cut += 1
            await asyncio.sleep(0.05)  # What was sent arrives before the end does.
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back, there = await asyncio.open_connection(host, port)
        for pair in ((reader, there, 2**62), (back, writer, after)):
            task = asyncio.create_task(carry(*pair))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    proxy = Cutting(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    try:
        yield proxy
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
