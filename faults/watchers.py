"""The process that matches watches killed, time and again."""

import asyncio
from typing import Final

from dev import database
from faults.apps import App, served
from faults.consumers import Fault
from faults.run import Run
from faults.waiting import until

WATCHES: Final = "/api/v1/watches"
SEARCHES: Final = (
    ({"magpsf__lt": 19}, "magpsf < 19"),
    ({"rb__gte": 0.5}, "rb >= 0.5"),
    ({"filter": "r"}, "fid = 2"),
)
"""Each with the same in SQL."""
_LACKING: Final = """
    SELECT count(*) FILTER (WHERE found IS NULL), count(*) FILTER (WHERE wanted IS NULL)
    FROM (SELECT candid AS wanted FROM alert WHERE {}) AS alerts
    FULL JOIN (
        SELECT candid AS found FROM app.hit JOIN alert USING (lco_id) WHERE watch = $1
    ) AS hits ON wanted = found"""


async def matcher_killed(run: Run, times: int) -> None:
    """SIGKILL of the app amid a part; at the end each watch has each of its alerts once."""
    consumer = await run.start()
    first, *parts = run.parts(times)
    async with served(run) as app:
        watches = [
            (await app.client.post(WATCHES, params=search | {"since": 0})).json()["id"]
            for search, _ in SEARCHES
        ]
        await run.reach_amid(first, consumer)
    for part in parts:
        async with served(run) as app:
            await run.reach_amid(part, consumer)
            await asyncio.sleep(run.rng.uniform(0, 0.5))
            app.process.kill()
            await app.process.wait()
            run.hits += 1
    await run.reach(run.sent, consumer)
    async with served(run) as app:
        await _compare(run, app, watches)


async def _compare(run: Run, app: App, watches: list[str]) -> None:
    admin = await database.connect(run.state, run.place.name)
    try:
        newest = await admin.fetchval("SELECT max(lco_id) FROM alert")
        for watch, (_, condition) in zip(watches, SEARCHES, strict=True):

            async def matched(watch: str = watch) -> bool:
                told = (await app.client.get(f"{WATCHES}/{watch}")).json()
                return bool(told["upto"] >= newest)

            await until(matched, "all alerts are matched")
            row = await admin.fetchrow(_LACKING.format(condition), watch)
            if row is None or tuple(row) != (0, 0):
                raise Fault(f"watch {condition}: {row} hits lack, or are too many")
            run.tally.statuses[200] += 1
    finally:
        await admin.close()
