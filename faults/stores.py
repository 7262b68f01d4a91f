"""An object store that answers, but not as it should; the consumer puts, and clients read."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Final, NamedTuple

from faults.apps import ALERTS, App, answers_again, answers_without, digests, newest, served
from faults.proxies import Mode, Proxy, misbehaving
from faults.run import Run
from faults.waiting import until

FILES: Final = 4
"""Alerts whose files are asked for."""
PUT_S: Final = "3"
"""How long the consumer lets a put take: with the usual 20 s one run would be a minute."""


class _Ways(NamedTuple):
    """What the app can do meanwhile."""

    ready: bool | None
    must_fail: bool


_WAYS: Final = {
    Mode.SLOW: _Ways(None, False),
    Mode.PARTIAL: _Ways(None, False),
}


def store_that(mode: Mode) -> Callable[[Run, int], Awaitable[None]]:
    """A store that misbehaves for a moment, time and again."""

    async def inject(run: Run, times: int) -> None:
        store = await run.later.enter_async_context(misbehaving(run.state.ports.s3))
        run.settings |= {"MARS_S3_ENDPOINT_URL": store.address, "MARS_S3_TIMEOUT_S": PUT_S}
        consumer = await run.start()
        first, *parts = run.parts(times)
        await run.reach_amid(first, consumer)
        await run.reach(run.sent, consumer)
        async with served(run, MARS_S3_ENDPOINT_URL=store.address) as app:
            wanted = await digests(app, await files(app))
            baseline = app.descriptors()
            for part in parts:
                await run.reach_amid(part, consumer)
                await _misbehave(run, store, mode, app, wanted)
                run.hits += 1
                await run.recover(consumer, began=datetime.now(UTC))
                await answers_again(app, wanted)
            await app.idle(baseline)

    return inject


async def files(app: App) -> list[str]:
    """Addresses of packets and stamps."""
    whole = [
        candid
        for candid in await newest(app, 5 * FILES)
        if (await app.client.head(f"{ALERTS}/{candid}/avro")).is_success  # else it is withheld
    ]
    kinds = ("avro", "cutouts/science.fits")
    return [f"{ALERTS}/{candid}/{kind}" for candid in whole[:FILES] for kind in kinds]


async def _misbehave(
    run: Run, store: Proxy, mode: Mode, app: App, wanted: dict[str, bytes]
) -> None:
    """Until a put of the consumer's has met it, and the app has been asked."""
    before = store.met["PUT"]
    ways = _WAYS.get(mode, _Ways(ready=False, must_fail=True))

    async def met_by_a_put() -> bool:
        return store.met["PUT"] > before

    store.mode = mode
    try:
        await answers_without(run, app, wanted, ready=ways.ready, must_fail=ways.must_fail)
        await until(met_by_a_put, f"a put met a store that {mode}")
        await asyncio.sleep(run.rng.uniform(0, 1))
    finally:
        store.mode = Mode.WELL
