"""What came since the catalog was last written, added to it.

Leaf files first, then what lists them, `hats.properties` last. Which batches are written to which
leaves stands in `unfinished.json` before the first file is put: who comes after a crash writes the
same files again and publishes them, before anything else.
"""

import asyncio
import logging
import tempfile
import time
from pathlib import Path
from typing import Any, Final, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy.ext.asyncio import AsyncEngine
from tqdm import tqdm

from catalog import parquetry, source
from catalog.build import LEAF, Builder, margin_spool
from catalog.form import PLACE
from catalog.layout import MAIN
from catalog.pixels import FINEST, MARGIN, Ints, Pixel, Tiles, count, new_leaves, no_counts, rim
from catalog.published import Catalog, Shelf, intent_bytes, read_intent
from catalog.runs import WAITING_ROWS, Merge, Spool
from catalog.settings import Settings

log = logging.getLogger(__name__)
INTENT: Final = "unfinished.json"


class Step(NamedTuple):
    """Batches that are written and published together."""

    first: int
    last: int
    rows: int
    """By the ledger: of all surveys."""
    leaves: list[Pixel] | None
    """Where they go, if that was decided before."""
    most: float
    """Rows above which a new leaf is split."""


async def update(
    engine: AsyncEngine, shelf: Shelf, settings: Settings, lock: source.Lock
) -> Catalog:
    """Bring the catalog up to the newest batch; returns it. Interrupted anywhere, run it again."""
    began = time.monotonic()
    before = catalog = await shelf.load()
    newest = await source.newest_batch(engine)
    while (step := await next_step(engine, shelf, settings, catalog, newest)) is not None:
        after = await take(engine, shelf, catalog, step, lock)
        if after is None:
            break
        catalog = after
    if catalog.rows and not catalog.is_named:
        await shelf.name(catalog)
    seconds, rows = time.monotonic() - began, catalog.rows - before.rows
    log.info(
        "catalog updated",
        extra={
            "survey": shelf.place.survey,
            "as_of": catalog.as_of,
            "rows": rows,
            "seconds": round(seconds, 3),
            "rows_per_s": round(rows / seconds),
            "total": catalog.rows,
            "leaves": len(catalog.leaves),
        },
    )
    return catalog


async def next_step(
    engine: AsyncEngine, shelf: Shelf, settings: Settings, catalog: Catalog, newest: int
) -> Step | None:
    """What is to be written next: the rest of what was begun, or what came since."""
    begun = await shelf.data(shelf.place.key(catalog.root, INTENT))
    if begun is not None:
        first, last, leaves = read_intent(begun)
        if last > catalog.as_of:
            rows = sum(n for _, n in await source.rows_by_batch(engine, first, last))
            return Step(first, last, rows, leaves, 0)
    if newest <= catalog.as_of:
        return None
    first = catalog.as_of + 1
    batches = await source.rows_by_batch(engine, first, newest)
    rows = sum(n for _, n in batches)
    _, last, stored = next(source.spans(batches, settings.catalog_step_rows, first, newest))
    # A leaf is made for all that is to come to it, not for what one step brings.
    share = stored / rows if rows else 1
    return Step(first, last, stored, None, settings.catalog_leaf_rows * share)


async def take(
    engine: AsyncEngine, shelf: Shelf, catalog: Catalog, step: Step, lock: source.Lock
) -> Catalog | None:
    """Write the rows of a step, and publish them; None where a first step has none."""
    counts = no_counts()
    with (
        tempfile.TemporaryDirectory(prefix="mars-catalog-") as name,
        tqdm(total=2 * step.rows, unit=" rows", disable=None, desc=shelf.place.survey) as bar,
    ):
        folder = Path(name)
        merge = await spooled(engine, shelf, step, folder, counts, bar)
        if not catalog.rows and not counts.any():
            return None
        held = catalog.leaves
        leaves = step.leaves
        if leaves is None:
            leaves = [*held, *new_leaves(counts, held, step.most)]
            intent = intent_bytes(step.first, step.last, leaves)
            await lock.check()
            await shelf.store.put(shelf.place.key(catalog.root, INTENT), intent)
        margin = margin_spool(folder, shelf.form.schema)
        tiles = Tiles(leaves)
        await fill_margins(shelf, catalog, tiles, set(leaves) - set(held), folder, margin)
        builder = Builder(shelf, catalog.root, step.first, step.last, tiles, folder, bar, margin)
        files = await builder.build(merge.below, counts)
    before, as_of = await shelf.counts(catalog)
    if as_of <= catalog.as_of:
        before += counts
    after = Catalog(
        catalog.root, step.last, (*catalog.files, *files), catalog.retired, catalog.is_named
    )
    await lock.check()
    await shelf.publish(after, before)
    return after


async def spooled(
    engine: AsyncEngine, shelf: Shelf, step: Step, folder: Path, counts: Ints, bar: "tqdm[Any]"
) -> Merge:
    """The rows of a step on the local disk, sorted; they are counted on the way."""
    batches = await source.rows_by_batch(engine, step.first, step.last)
    spans = list(source.spans(batches, source.ROWS_AT_ONCE, step.first, step.last))
    schema = shelf.form.schema
    spool = Spool(folder / "rows", schema, PLACE, WAITING_ROWS // max(1, len(spans)))

    def keep(sent: bytes) -> int:
        table = shelf.form.read(sent)
        pieces = table[PLACE].to_numpy()
        count(pieces, counts)
        spool.add(table)
        return int(table.num_rows)

    calls = (source.copied(engine, shelf.form.query(first, last)) for first, last, _ in spans)
    async for sent in source.ahead(calls):
        if sent:
            bar.update(await asyncio.to_thread(keep, sent))
    return spool.merge()


async def fill_margins(
    shelf: Shelf, catalog: Catalog, tiles: Tiles, new: set[Pixel], folder: Path, margin: Spool
) -> None:
    """Give new leaves the rows around them that were there before."""
    if not new or not catalog.files:
        return
    shift = 2 * (FINEST - MARGIN)
    rims = {n: rim(leaf) for n, leaf in enumerate(tiles.leaves) if leaf in new}
    wanted: dict[Pixel, list[int]] = {}
    for n, strip in rims.items():
        for other in set(tiles.of(strip << shift).tolist()) - {-1}:
            wanted.setdefault(tiles.leaves[other], []).append(n)
    for file in catalog.of(MAIN):
        for n in wanted.get(file.leaf, ()) if file.leaf else ():
            path = folder / "around.parquet"
            await shelf.fetch(catalog.root, file, path)
            await asyncio.to_thread(_spool_rim, path, n, pa.array(rims[n]), margin)


def _spool_rim(path: Path, n: int, strip: Any, margin: Spool) -> None:
    shift = 2 * (FINEST - MARGIN)
    for batch in parquetry.batches_of(path):
        near = pc.is_in(pc.shift_right(batch[PLACE], shift), value_set=strip)
        rows = pa.Table.from_batches([batch]).filter(near)
        if rows.num_rows:
            margin.add(rows.append_column(LEAF, pa.array([n] * rows.num_rows, pa.int64())))
