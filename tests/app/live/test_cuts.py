"""Streams end when their process does, and are cut nowhere before."""

import asyncio
import signal
from contextlib import AsyncExitStack

import httpx
import pytest

from tests.app.conftest import fresh_archive
from tests.app.jobs.running import free_port, process
from tests.app.live.streams import HANGS_S, following, grow


@pytest.mark.parametrize("which", [signal.SIGTERM, signal.SIGINT])
async def test_fifty_streams_end_when_the_process_does(which: signal.Signals) -> None:
    """At once, and as answers that are complete; a stream of the past too."""
    port = free_port()
    async with (
        fresh_archive() as settings,
        process(settings, port, MARS_STREAMS_PER_CLIENT="50") as app,
    ):
        await grow(settings, 0, 3)
        limits = httpx.Limits(max_connections=None)
        async with (
            AsyncExitStack() as streams,
            httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", limits=limits) as client,
        ):
            opened = [
                await streams.enter_async_context(following(client, since=0)) for _ in range(50)
            ]
            for events in opened:
                for _ in range(4):
                    await anext(events)
            app.send_signal(which)
            async with asyncio.timeout(HANGS_S):
                # Incomplete ones would raise.
                assert [one for events in opened async for one in events] == []
                await app.wait()
