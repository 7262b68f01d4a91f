"""The consumer as a process of its own."""

import asyncio
import os
import time
from collections.abc import Callable, Coroutine
from typing import Any

from consumer.batches.ingest import Archive
from tests.conftest import Place
from tests.consumer.archives import sums
from tests.programs import Piped

HANGS_S = 600.0
"""Longer than anything takes on a machine that is busy with other things: no bound on speed."""


def environment(place: Place, **more: object) -> dict[str, str]:
    """The environment in which the consumer writes to a place."""
    settings = place.settings("writer")
    ours = {
        "MARS_DATABASE_URL": settings.database_url.get_secret_value(),
        "MARS_S3_BUCKET": place.bucket,
        "MARS_METRICS_PORT": "0",
    }
    return {**os.environ, **ours, **{name: str(value) for name, value in more.items()}}


async def start(place: Place, *arguments: str, **more: object) -> Piped:
    """Start `python -m consumer …`."""
    return await Piped.start("consumer.__main__", arguments, environment(place, **more))


async def consumer(place: Place, *arguments: str) -> str:
    """What the command prints; its errors, where it does not end with status 0, fail the test."""
    process = await start(place, *arguments)
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    return out.decode()


async def until(true: Callable[[], Coroutine[Any, Any, bool]], process: Piped) -> None:
    """Wait until something is true, as long as the process lives."""
    began = time.monotonic()
    while not await true():
        assert process.returncode is None, await said(process)
        assert time.monotonic() - began < HANGS_S, "it hangs"
        await asyncio.sleep(0.05)


async def said(process: Piped) -> str:
    return (await process.stderr.read()).decode()


def at_least(archive: Archive, received: int) -> Callable[[], Coroutine[Any, Any, bool]]:
    async def reached() -> bool:
        return (await sums(archive))["received"] >= received

    return reached
