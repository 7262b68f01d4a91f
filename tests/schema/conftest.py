"""The archive that schemathesis asks, one run of it, and its figures at the end of the tests."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from app.search.examples import OF_FIELD
from consumer.files.backfill import backfill, total_of
from dev.simulator import simulate
from tests import packets
from tests.app.conftest import app_settings, serving, take_in
from tests.app.names.cds import serving_cds
from tests.catalog.catalogs import until_counted, update_catalog
from tests.conftest import DATA, Place, lines_at_the_end, new_place, opened
from tests.schema.reading import Run, read_run

TOOL = Path(".local/lib/schema/bin/schemathesis")
SETTINGS = Path("tests/schema/schemathesis.toml")
REPORT, EVENTS = (Path(".local/schemathesis") / name for name in ("report.json", "events.ndjson"))
_NOWHERE = "http://127.0.0.1:9"
UNBOUNDED = {
    "jobs_run": True,
    **dict.fromkeys(("jobs_per_client", "watches_per_client", "regions_per_client"), 100_000),
}
"""Each run makes some hundred of them; tests of jobs, watches and regions try a client's bounds."""
ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "PYTHONPATH": ".",
    "LANG": "C.UTF-8",
    # What is not on loopback cannot be reached.
    "HTTP_PROXY": _NOWHERE,
    "HTTPS_PROXY": _NOWHERE,
    "NO_PROXY": "127.0.0.1",
}


async def real_packets(place: Place) -> str:
    """Those of MARS_TEST_DATA, as one batch: the examples' `as_of=1` must be all there is."""
    whole = {"batch_messages": 5000, "batch_bytes": 1_000_000_000}
    settings = place.settings("writer").model_copy(update=whole)
    async with opened(place) as archive:
        accounts = await backfill(archive, settings, [str(DATA / "ztf")], asyncio.Event())
    return f"{total_of(accounts)['received']} real packets"


async def _simulated_packets(place: Place) -> str:
    """Where there are no real ones: simulated ones, and the alert that the examples name."""
    shown = packets.packet(object_id=OF_FIELD["object_id"], candid=int(OF_FIELD["candid"]))
    messages = [shown, *(one.message for one in simulate(500, seed=0))]
    await take_in(app_settings(place), messages, "ztf_20260131_programid1")
    return f"{len(messages)} SIMULATED packets: there are none in {DATA}"


@asynccontextmanager
async def filled_app(template: str) -> AsyncIterator[tuple[httpx.AsyncClient, str]]:
    """The app on a port of loopback, with a CDS of its own; what its archive holds."""
    is_there = (DATA / "ztf" / "manifest.csv").is_file()
    async with new_place(template) as place, serving_cds() as cds:
        held = await (real_packets if is_there else _simulated_packets)(place)
        settings = app_settings(place).model_copy(update=UNBOUNDED | cds.settings)
        await update_catalog(place)
        async with serving(settings) as client:
            await until_counted(client)
            yield client, held


@pytest.fixture(scope="module")
async def run(template: str) -> Run:
    """All phases of schemathesis against that app."""
    async with filled_app(template) as (client, held):
        address = f"{str(client.base_url).rstrip('/')}/openapi.json"
        process = await asyncio.create_subprocess_exec(
            *(str(TOOL), "--config-file", str(SETTINGS), "run", address, "--no-color"),
            *("--report", "json,ndjson", "--report-ndjson-path", str(EVENTS)),
            *("--report-json-path", str(REPORT)),
            env=ENVIRONMENT,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await process.communicate()
    found = read_run(REPORT, EVENTS, said.decode(), held)
    lines_at_the_end("schemathesis").extend(found.table())
    return found
