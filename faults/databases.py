"""The app on a primary and two replicas, read from while they are killed."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import httpx

from dev import replicas
from dev.state import CHECKOUT
from faults.apps import App, served
from faults.consumers import Fault
from faults.place import Place
from faults.reading import Tally, digests, get_routes, kill_in_turn, reading, searches
from faults.run import Run
from tests.app.addresses import PARTS

ASKED_FIRST: Final = ("/readyz", "/api/v1/statistics", "/api/v1/alerts?sort=magpsf&limit=1")
"""It then answers from the columnar copy too, and has counted its statistics."""


def environment(place: Place) -> dict[str, str]:
    """The environment of an app, and of the catalog, that know all three servers."""
    url = place.state.replicated_url
    return place.reading() | {
        "MARS_DATABASE_URL": url("reader", replicas.COUNT, "prefer-standby", place.name),
        "MARS_APP_DATABASE_URL": url("app", replicas.COUNT, "primary", place.name),
    }


@asynccontextmanager
async def served_by_three(run: Run, **settings: str) -> AsyncIterator[App]:
    """The app with a columnar copy of what is there so far."""
    own = environment(run.place) | settings
    catalog = [sys.executable, "-m", "catalog", "update"]
    with (run.log / "catalog.log").open("wb") as log:
        copied = await asyncio.create_subprocess_exec(
            *catalog, stdout=log, stderr=log, cwd=CHECKOUT, env=own
        )
        if await copied.wait():
            raise Fault(f"no catalog was written: see {run.log}/catalog.log")
    async with served(run, ASKED_FIRST, **own) as app:
        yield app


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
