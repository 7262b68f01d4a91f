"""PostgreSQL restored to what it was some while ago; what came since is read again."""

import asyncio
import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from dev import database, postgres
from dev.processes import run as carry_out
from dev.state import State
from faults.consumers import Fault
from faults.run import Run
from faults.servers import start_server, stop_server

SKIPPED: Final = 1_000_000
"""Numbers of batches that are left out after a restore, as docs/operations.md says."""
LOST: Final = 8
"""Packets that come after a copy at least: some of them are alerts."""
_GIVEN: Final = "SELECT lco_id, batch, candid FROM alert"
_SKIP: Final = "SELECT skip_batches($1)"

Given = Mapping[int, tuple[int, int]]
"""lco_id -> batch and candid."""


async def restored(run: Run, times: int) -> None:
    """A copy is taken amid a part, more is ingested, the disk is lost, the copy takes its place."""
    consumer = await run.start()
    first, *parts = run.parts(2 * times)
    await run.reach_amid(first, consumer)
    for before, after in zip(parts[::2], parts[1::2], strict=True):
        await run.reach_amid(before, consumer)
        await asyncio.to_thread(_copy, run.state)
        copied = await run.progress.received()
        await run.reach_amid(after, consumer)
        await run.reach(copied + LOST, consumer)
        await (consumer.kill() if run.rng.random() < 0.5 else run.terminate(consumer))
        lost = await _given(run)
        await run.progress.close()
        await stop_server(postgres, run.state)
        await asyncio.to_thread(_put_back, run.state)
        await start_server(postgres, run.state)
        kept = await _given(run)
        if not len(kept) < len(lost):
            raise Fault("nothing was lost by the restore")
        await _skip(run)
        run.hits += 1
        began = datetime.now(UTC)
        consumer = await run.start()
        await run.recover(consumer, began=began)
        await run.reach(run.sent, consumer)
        _compare(lost, await _given(run))


def _copy(state: State) -> None:
    """What pg_basebackup makes of the running server."""
    target = _copied(state)
    shutil.rmtree(target, ignore_errors=True)
    where = ["-h", "127.0.0.1", "-p", str(state.ports.postgres), "-U", "postgres"]
    program = [postgres.program("pg_basebackup"), "-D", str(target), "--checkpoint=fast"]
    carry_out([*program, *where], user=postgres.USER, env={"PGPASSWORD": state.secrets["admin"]})


def _put_back(state: State) -> None:
    data = postgres.home(state) / "data"
    shutil.rmtree(data)
    _copied(state).rename(data)


def _copied(state: State) -> Path:
    return postgres.home(state) / "copy"


async def _given(run: Run) -> Given:
    admin = await database.connect(run.state, run.place.name)
    try:
        rows = await admin.fetch(_GIVEN)
    finally:
        await admin.close()
    return {row["lco_id"]: (row["batch"], row["candid"]) for row in rows}


async def _skip(run: Run) -> None:
    admin = await database.connect(run.state, run.place.name)
    try:
        await admin.execute("SET ROLE mars_owner")
        await admin.fetchval(_SKIP, SKIPPED)
    finally:
        await admin.close()


def _compare(lost: Given, now: Given) -> None:
    """No number of a batch or of an alert names two contents; what was lost has new ones."""
    others = [lco_id for lco_id in lost.keys() & now.keys() if lost[lco_id] != now[lco_id]]
    if others:
        raise Fault(f"{len(others)} lco_ids name other alerts than before: {others[:5]}")
    kept = {candid for lco_id, (_, candid) in now.items() if lco_id in lost}
    batches = {batch for batch, candid in lost.values() if candid not in kept}
    again = batches & {batch for lco_id, (batch, _) in now.items() if lco_id not in lost}
    if again:
        raise Fault(f"batches that name two contents: {sorted(again)[:5]}")
    missing = {candid for _, candid in lost.values()} - {candid for _, candid in now.values()}
    if missing:
        raise Fault(f"{len(missing)} alerts did not come back")
