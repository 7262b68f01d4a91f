"""The catalog's program killed, and its store away or misbehaving, while it writes."""

import asyncio
import sys
import time
from asyncio.subprocess import Process
from contextlib import suppress
from itertools import cycle
from signal import SIGKILL
from typing import Final

from dev.processes import tail
from dev.state import CHECKOUT
from faults.consumers import LEASH, Fault
from faults.proxies import Mode, misbehaving
from faults.run import Run

LEAF_ROWS: Final = "100"
"""So that there are many files: with the usual million there would be one."""
TRIES: Final = 3
"""Times as many updates as are to be killed: some end before."""


async def catalog_killed(run: Run, times: int) -> None:
    """SIGKILL at any moment of an update; the next one goes on, and what is there is sound."""
    consumer = await run.start()
    first, *parts = run.parts(TRIES * times)
    await run.reach_amid(first, consumer)
    began = time.monotonic()
    await _ends(run, "update", 0)
    usual = time.monotonic() - began
    for part in parts:
        await run.reach_amid(part, consumer)
        if run.hits == times:
            continue
        process = await _start(run, "update")
        try:
            await asyncio.wait_for(process.wait(), run.rng.uniform(0.3, 0.9) * usual)
        except TimeoutError:
            with suppress(ProcessLookupError):  # it has just ended
                process.kill()
            run.hits += await process.wait() == -SIGKILL
    await _is_whole(run)


async def catalog_store_away(run: Run, times: int) -> None:
    """The store misbehaves in every way in turn; the update says that it failed, or did not."""
    store = await run.later.enter_async_context(misbehaving(run.state.ports.s3))
    behind = {"MARS_S3_ENDPOINT_URL": store.address, "MARS_S3_TIMEOUT_S": "10"}
    ways = cycle(mode for mode in Mode if mode is not Mode.WELL)
    consumer = await run.start()
    for part, mode in zip(run.parts(times - 1), ways, strict=False):
        await run.reach_amid(part, consumer)
        met = store.met.total()
        process = await _start(run, "update", **behind)
        await asyncio.sleep(run.rng.uniform(0, 3))
        store.mode = mode
        code = await process.wait()
        store.mode = Mode.WELL
        if code not in (0, 1):
            raise Fault(f"an update ended with {code}; {tail(run.log / 'catalog.log')}")
        if code == 1 and store.met.total() == met:
            raise Fault("an update failed, though its store was well")
        run.hits += 1
        await _ends(run, "update", 0, **behind)
    await _is_whole(run)


async def _is_whole(run: Run) -> None:
    """After one more update there is no fault in it, and all alerts are."""
    await run.reach(run.sent)
    await _ends(run, "update", 0)
    await _ends(run, "check", 0)


async def _ends(run: Run, command: str, wanted: int, **settings: str) -> None:
    code = await (await _start(run, command, **settings)).wait()
    if code != wanted:
        raise Fault(f"`catalog {command}` ended with {code}; {tail(run.log / 'catalog.log')}")


async def _start(run: Run, command: str, **settings: str) -> Process:
    own = run.place.reading() | {"MARS_CATALOG_LEAF_ROWS": LEAF_ROWS} | settings
    with (run.log / "catalog.log").open("ab") as log:
        return await asyncio.create_subprocess_exec(
            *(*LEASH, sys.executable, "-m", "catalog", command),
            stdout=log,
            stderr=log,
            cwd=CHECKOUT,
            env=own,
        )
