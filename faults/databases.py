"""The app on a primary and two replicas, read from while they are killed."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final

import httpx

from dev import replicas
from dev.state import CHECKOUT
from faults.consumers import LEASH, Fault
from faults.place import Place
from faults.reading import Tally, digests, get_routes, kill_in_turn, reading, searches
from faults.run import Run
from tests.app.addresses import PARTS

READY_S: Final = 60.0


def environment(place: Place) -> dict[str, str]:
    """The environment of an app, and of the catalog, that know all three servers."""
    url = place.state.replicated_url
    return place.state.environment("reader") | {
        "MARS_DATABASE_URL": url("reader", replicas.COUNT, "prefer-standby", place.name),
        "MARS_APP_DATABASE_URL": url("app", replicas.COUNT, "primary", place.name),
        "MARS_S3_BUCKET": place.bucket,
        "MARS_RATE_LIMIT_PER_S": "0",
        "MARS_SESAME_URL": "",
        "MARS_SIMBAD_TAP_URL": "",
    }


@asynccontextmanager
async def served(place: Place, folder: Path) -> AsyncIterator[httpx.AsyncClient]:
    """The app as a process of its own, with a columnar copy of what is there so far."""
    own, port = environment(place), place.state.ports.app
    where = ["--host", "127.0.0.1", "--port", str(port), "--no-access-log"]
    catalog = [sys.executable, "-m", "catalog", "update"]
    app = [*LEASH, sys.executable, "-m", "uvicorn", "--factory", "app.main:create_app", *where]
    with (folder / "app.log").open("wb") as log:
        output: dict[str, Any] = {"stdout": log, "stderr": log, "cwd": CHECKOUT, "env": own}
        copied = await asyncio.create_subprocess_exec(*catalog, **output)
        if await copied.wait():
            raise Fault(f"no catalog was written: see {folder}/app.log")
        process = await asyncio.create_subprocess_exec(*app, **output)
        try:
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
                await _until_ready(client)
                yield client
        finally:
            process.terminate()
            await process.wait()


async def _until_ready(client: httpx.AsyncClient) -> None:
    """Wait until the app answers, from the columnar copy too, and has counted its statistics."""
    paths = ("/readyz", "/api/v1/statistics", "/api/v1/alerts?sort=magpsf&limit=1")
    async with asyncio.timeout(READY_S):
        while True:
            with suppress(httpx.TransportError):
                answers = [await client.get(path) for path in paths]
                if all(answer.is_success for answer in answers):
                    return
            await asyncio.sleep(0.2)


async def read_through_kills(run: Run, client: httpx.AsyncClient, times: int) -> Tally:
    """Kill each server so many times under clients; what these were answered."""
    page = (await client.get("/api/v1/alerts?limit=1")).json()
    newest, as_of = page["items"][0], page["as_of"]
    parts = PARTS | {name: newest[name] for name in ("candid", "object_id")}
    parts |= {"number": newest["candid"], "night": newest["time"][:10].replace("-", "")}
    fixed = await digests(client, searches(parts, newest["ra"], newest["dec"], as_of))

    def killed() -> None:
        run.hits += 1

    async with reading(client, run.stage.seed, get_routes(parts), fixed) as tally:
        await kill_in_turn(run.state, times, run.rng, most_s=1.0, killed=killed)
    return tally
