"""Apps that run jobs, in this process and in processes of their own that can be killed."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import httpx

from app.jobs import results
from app.settings import Settings
from archive.objects import open_store
from dev.forking import Forked
from tests.app.conftest import Served, database_of, serving
from tests.conftest import url_of

ROOT = Path(__file__).parents[3]
HANGS_S = 300
"""After this it is not the machine that is slow."""


@asynccontextmanager
async def running(served: Served, **changed: Any) -> AsyncIterator[httpx.AsyncClient]:
    """Another app on the same archive, that runs jobs; without those of other tests."""
    admin = await asyncpg.connect(admin_url(served.settings))
    await admin.execute("DELETE FROM app.job; DELETE FROM app.pgqueuer")
    await admin.close()
    settings = served.settings.model_copy(update={"jobs_run": True, **changed})
    async with serving(settings) as client:
        yield client


def admin_url(settings: Settings) -> str:
    return url_of("admin", database_of(settings)).replace("+asyncpg", "")


async def keys(settings: Settings, job: str = "") -> list[str]:
    """The objects of a job, or of all."""
    async with open_store(settings) as store:
        return [key for key, _ in await store.keys(results.PREFIX + job)]


@asynccontextmanager
async def process(settings: Settings, port: int, **told_more: str) -> AsyncIterator[Forked]:
    """The app as a process of its own, that can be killed; `told_more` goes to its environment."""
    told = {
        **os.environ,
        "MARS_DATABASE_URL": settings.database_url.get_secret_value(),
        "MARS_APP_DATABASE_URL": settings.app_database_url.get_secret_value(),
        "MARS_S3_BUCKET": settings.s3_bucket,
        "MARS_PUBLIC_URL": "http://mars.test",
        "MARS_SESAME_URL": "",
        "MARS_SIMBAD_TAP_URL": "",
        **told_more,
    }
    command = f"--factory app.main:create_app --log-level error --port {port}".split()
    app = Forked("uvicorn", command, told, (1, 2))
    try:
        base = f"http://127.0.0.1:{port}"
        async with httpx.AsyncClient(base_url=base, verify=False) as client:
            async with asyncio.timeout(HANGS_S):
                while not await ready(client):  # noqa: ASYNC110 - it is another process
                    await asyncio.sleep(0.1)
        yield app
    finally:
        if app.returncode is None:
            app.terminate()
            await app.wait()


async def ready(client: httpx.AsyncClient) -> bool:
    try:
        return (await client.get("/readyz")).status_code == 200
    except httpx.TransportError:
        return False


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@asynccontextmanager
async def locked(settings: Settings) -> AsyncIterator["asyncpg.Connection[Any]"]:
    """No statement gets at an alert; with a connection that sees who waits."""
    admin = await asyncpg.connect(admin_url(settings))
    # In the transaction it would see for ever what it saw first.
    watching = await asyncpg.connect(admin_url(settings))
    try:
        async with admin.transaction():
            await admin.execute("LOCK TABLE alert IN ACCESS EXCLUSIVE MODE")
            yield watching
    finally:
        await admin.close()
        await watching.close()
