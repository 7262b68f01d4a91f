"""What came since the catalog was last written, added to it.

Leaf files first, then what lists them, `hats.properties` last. Which batches are written to which
leaves stands in `unfinished.json` before the first file is put: who comes after a crash writes the
same files again and publishes them, before anything else.
"""

import asyncio
import logging
import time
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
from tqdm import tqdm

from catalog import parquetry, source
from catalog.build import LEAF, Builder, margin_spool
from catalog.form import PLACE
from catalog.layout import MAIN
from catalog.pixels import FINEST, MARGIN, Ints, Pixel, Tiles, count, new_leaves, no_counts, rim
from catalog.published import INTENT, Catalog, intent_bytes, read_intent
from catalog.runs import WAITING_ROWS, Merge, Spool
from catalog.sweep import sweep
from catalog.writer import Writer, working_folder

log = logging.getLogger(__name__)


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


async def update(writer: Writer) -> Catalog:
    """Bring the catalog up to the newest batch; returns it. Interrupted anywhere, run it again."""
    began = time.monotonic()
    before = catalog = await writer.shelf.load()
    newest = await source.newest_batch(writer.engine)
    while (step := await next_step(writer, catalog, newest)) is not None:
        after = await take(writer, catalog, step)
        if after is None:
            break
        catalog = after
    if catalog.rows and not catalog.is_named:
        await writer.shelf.name(catalog)
    catalog = await sweep(writer.shelf, catalog, writer.settings.catalog_keep_days)
    seconds, rows = time.monotonic() - began, catalog.rows - before.rows
    log.info(
        "catalog updated",
        extra={
            "survey": writer.shelf.place.survey,
            "as_of": catalog.as_of,
            "rows": rows,
            "seconds": round(seconds, 3),
            "rows_per_s": round(rows / seconds),
            "total": catalog.rows,
            "leaves": len(catalog.leaves),
        },
    )
    return catalog


async def next_step(writer: Writer, catalog: Catalog, newest: int) -> Step | None:
    """What is to be written next: the rest of what was begun, or what came since."""
    place = writer.shelf.place
    begun = await writer.shelf.data(place.key(catalog.root, INTENT))
    if begun is not None:
        first, last, leaves = read_intent(begun)
        if last > catalog.as_of:
            rows = sum(n for _, n in await source.rows_by_batch(writer.engine, first, last))
            return Step(first, last, rows, leaves, 0)
    if newest <= catalog.as_of:
        return None
    first = catalog.as_of + 1
    batches = await source.rows_by_batch(writer.engine, first, newest)
    rows = sum(n for _, n in batches)
    most = writer.settings.catalog_step_rows
    _, last, stored = next(source.spans(batches, most, first, newest))
    # A leaf is made for all that is to come to it, not for what one step brings.
    share = stored / rows if rows else 1
    return Step(first, last, stored, None, writer.settings.catalog_leaf_rows * share)


async def take(writer: Writer, catalog: Catalog, step: Step) -> Catalog | None:
    """Write the rows of a step, and publish them; None where a first step has none."""
    shelf, counts = writer.shelf, no_counts()
    with working_folder() as folder, _bar(2 * step.rows, f"{shelf.place.survey} update") as bar:
        merge = await spooled(writer, step, folder, counts, bar)
        if not catalog.rows and not counts.any():
            return None
        held = catalog.leaves
        leaves = step.leaves
        if leaves is None:
            leaves = [*held, *new_leaves(counts, held, step.most)]
            intent = intent_bytes(step.first, step.last, leaves)
            await writer.lock.check()
            await shelf.store.put(shelf.place.key(catalog.root, INTENT), intent)
        tiles = Tiles(leaves)
        builder = Builder(
            shelf,
            catalog.root,
            (step.first, step.last),
            tiles,
            folder,
            bar,
            margin_spool(folder, shelf.form.schema),
        )
        await fill_margins(builder, catalog, set(leaves) - set(held))
        files = await builder.build(merge.below, counts)
    before, as_of = await shelf.counts(catalog)
    if as_of <= catalog.as_of:
        before += counts
    whole = (*catalog.files, *files)
    after = Catalog(catalog.root, step.last, whole, catalog.retired, catalog.is_named)
    await writer.lock.check()
    await shelf.publish(after, before)
    return after


async def spooled(
    writer: Writer, step: Step, folder: Path, counts: Ints, bar: "tqdm[Any]"
) -> Merge:
    """The rows of a step on the local disk, sorted; they are counted on the way."""
    form = writer.shelf.form
    batches = await source.rows_by_batch(writer.engine, step.first, step.last)
    spans = list(source.spans(batches, source.ROWS_AT_ONCE, step.first, step.last))
    spool = Spool(folder / "rows", form.schema, PLACE, WAITING_ROWS // len(spans))

    def keep(sent: bytes) -> int:
        table = form.read(sent)
        count(table[PLACE].to_numpy(), counts)
        spool.add(table)
        return int(table.num_rows)

    calls = (source.copied(writer.engine, form.query(first, last)) for first, last, _ in spans)
    async for sent in source.ahead(calls):
        if sent:
            bar.update(await asyncio.to_thread(keep, sent))
    return spool.merge()


async def fill_margins(builder: Builder, catalog: Catalog, new: set[Pixel]) -> None:
    """Give new leaves the rows around them that were there before."""
    if not new or not catalog.files:
        return
    tiles, shift = builder.tiles, 2 * (FINEST - MARGIN)
    rims = {n: rim(leaf) for n, leaf in enumerate(tiles.leaves) if leaf in new}
    wanted: dict[Pixel | None, list[int]] = {}
    for n, strip in rims.items():
        for other in set(tiles.of(strip << shift).tolist()) - {-1}:
            wanted.setdefault(tiles.leaves[other], []).append(n)
    for file in catalog.of(MAIN):
        if file.leaf in wanted:
            path = builder.folder / "around.parquet"
            await builder.shelf.fetch(catalog.root, file, path)
            strips = {n: pa.array(rims[n]) for n in wanted[file.leaf]}
            await asyncio.to_thread(_spool_rims, path, strips, builder.margin)


def _spool_rims(path: Path, strips: dict[int, Any], margin: Spool) -> None:
    shift = 2 * (FINEST - MARGIN)
    for batch in parquetry.batches_of(path):
        around = pc.shift_right(batch[PLACE], shift)
        for n, strip in strips.items():
            rows = pa.Table.from_batches([batch]).filter(pc.is_in(around, value_set=strip))
            if rows.num_rows:
                margin.add(rows.append_column(LEAF, pa.array([n] * rows.num_rows, pa.int64())))


def _bar(total: int, what: str) -> "tqdm[Any]":
    return tqdm(total=total, unit=" rows", unit_scale=True, disable=None, desc=what)
