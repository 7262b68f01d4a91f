"""Compaction: one file a leaf, leaves by their rows, and the old root for some weeks more."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from catalog.compact import NotTheSame, compact
from catalog.layout import MAIN, MARGIN, rows_of
from catalog.pixels import Pixel, rim
from catalog.published import Catalog
from catalog.sweep import sweep
from catalog.update import update
from catalog.writer import Writer
from tests.catalog.catalogs import KEY, assert_equal, opened_writer, set_newest
from tests.conftest import Place


async def test_leaves_are_split_by_all_their_rows(sky: Place, tmp_path: Path) -> None:
    async with opened_writer(sky, catalog_leaf_rows=300) as writer:
        for night in range(4):
            await set_newest(sky, 4 * night + 4)
            old = await update(writer)
        new = await compact(writer)
        assert (new.rows, new.as_of, new.root) == (4000, 16, "alert-0000000016")
        assert max(rows_of(old.of(MAIN)).values()) > 300 >= max(rows_of(new.of(MAIN)).values())
        assert len(new.of(MAIN)) == len(new.leaves) < len(old.of(MAIN))
        assert await compact(writer) == replace(new, is_named=True)
        # What comes then is added to it.
        await set_newest(sky, 18)
        await update(writer)
    ours = await assert_equal(sky, tmp_path)
    assert {path.stem for path in ours.files()} == {
        "0000000001-0000000016",
        "0000000017-0000000018",
    }


async def test_old_roots_go_after_their_time(sky: Place) -> None:
    async with opened_writer(sky) as writer:
        store, shelf = writer.shelf.store, writer.shelf
        await set_newest(sky, 2)
        old = await update(writer)
        new = await compact(writer)
        assert list(new.retired) == [old.root]
        assert (await sweep(shelf, new, 30)).retired == new.retired
        assert await store.keys(f"{KEY}{old.root}/")
        ago = (datetime.now(UTC) - timedelta(days=31)).isoformat(timespec="seconds")
        await shelf.name(replace(new, retired={old.root: ago}))
        assert (await update(writer)).retired == {}
        assert (await shelf.load()).retired == {}
        roots = {key.removeprefix(KEY).split("/")[0] for key, _ in await store.keys(KEY)}
        assert roots == {
            "collection.properties",
            *(new.root + part for part in ("", "_10arcs", "_object_id")),
        }


async def test_what_is_not_the_same_is_not_named(sky: Place) -> None:
    async with opened_writer(sky) as writer:
        shelf = writer.shelf
        await set_newest(sky, 2)
        old = await update(writer)
        one, *others = old.files
        spoiled = replace(old, files=(one._replace(sum=one.sum ^ 1), *others))
        await shelf.publish(spoiled, (await shelf.counts(old))[0])
        with pytest.raises(NotTheSame):
            await compact(writer)
        assert (await shelf.load()).root == old.root


async def check_margins(writer: Writer, catalog: Catalog, path: Path) -> int:
    """Each leaf's margin is what all rows of the sky say that it is; how many rows lie in them."""
    tables: dict[tuple[str, Pixel], list[pa.Table]] = {}
    for file in catalog.files:
        if file.leaf is not None:
            await writer.shelf.fetch(catalog.root, file, path)
            table = pq.read_table(path).select(["_healpix_29", "candid"])
            tables.setdefault((file.part, file.leaf), []).append(table)
    held = {key: pa.concat_tables(pieces) for key, pieces in tables.items()}
    rows = pa.concat_tables([t for (part, _), t in held.items() if part == MAIN])
    places, ids = rows["_healpix_29"].to_numpy(), rows["candid"].to_numpy()
    seen = 0
    for leaf in catalog.leaves:
        wanted = set(ids[np.isin(places >> 32, rim(leaf))].tolist())
        margin = held.get((MARGIN, leaf))
        found = [] if margin is None else margin["candid"].to_pylist()
        assert sorted(found) == sorted(wanted)
        seen += len(found)
    return seen


async def test_margins_hold_what_is_around_each_leaf(sky: Place, tmp_path: Path) -> None:
    """By both ways: as rows came night by night, and all at once."""
    async with opened_writer(sky, catalog_leaf_rows=80) as writer:
        for night in range(4):
            await set_newest(sky, 2 * night + 2)
            old = await update(writer)
        assert await check_margins(writer, old, tmp_path / "old") > 4
        assert await check_margins(writer, await compact(writer), tmp_path / "new") > 4
