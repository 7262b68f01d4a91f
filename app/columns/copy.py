"""The columnar copy as it stands in the object store: its files, up to which batch.

The collection names its present root, `hats.properties` in it the batch up to which it is whole
(`mars_as_of`), `files.csv` its files (catalog/layout.py). A file counts if its last batch is not
later; any other is of an update that has not ended, or never will. Nothing is listed: a store may
leave out objects of a list while others are put beside them.
"""

import csv
from typing import Final, NamedTuple

from archive.errors import ObjectMissing
from archive.objects import ObjectStore

_MOST: Final = 100_000_000
"""Bytes of a small file that are read; a hundred a Parquet file is usual."""


class Leaf(NamedTuple):
    """A Parquet file of the copy."""

    key: str
    size: int
    sum: str
    """A sum of its rows, which tells it from any other of that key."""


class Copy(NamedTuple):
    """A copy of all alerts of the batches up to `as_of`."""

    root: str
    as_of: int
    rows: int
    leaves: tuple[Leaf, ...] = ()


class Readable(NamedTuple):
    """A copy that can be read, as a table of DuckDB."""

    table: str
    as_of: int
    """The last batch in it."""
    rows: int
    columns: frozenset[str]
    with_nan: frozenset[str]
    """Columns in which a NaN occurs."""


async def read_copy(store: ObjectStore, survey: str, known: Copy | None) -> Copy | None:
    """The present copy of a survey's alerts: the known one if it is that; None if there is none.

    Raises StoreUnavailable.
    """
    base = f"catalog/{survey}/"
    try:
        collection = await _read_properties(store, f"{base}collection.properties")
        root = f"{base}{collection['hats_primary_table_url']}/"
        told = await _read_properties(store, f"{root}hats.properties")
    except ObjectMissing:
        return None
    copy = Copy(root, int(told["mars_as_of"]), int(told["hats_nrows"]))
    if known is not None and known[:3] == copy[:3]:
        return known
    listed = csv.DictReader((await _read(store, f"{root}files.csv")).splitlines())
    own = (line for line in listed if line["part"] == "dataset")
    counting = (line for line in own if int(line["last_batch"]) <= copy.as_of)
    return copy._replace(leaves=tuple(_leaf(root, line) for line in counting))


def _leaf(root: str, line: dict[str, str]) -> Leaf:
    number = int(line["Npix"])
    place = f"Norder={line['Norder']}/Dir={number // 10_000 * 10_000}/Npix={number}"
    name = f"{int(line['first_batch']):010}-{int(line['last_batch']):010}.parquet"
    return Leaf(f"{root}dataset/{place}/{name}", int(line["bytes"]), line["sum"])


async def _read(store: ObjectStore, key: str) -> str:
    return (await store.get_whole(key, _MOST))[1].decode()


async def _read_properties(store: ObjectStore, key: str) -> dict[str, str]:
    lines = (line.strip() for line in (await _read(store, key)).splitlines())
    pairs = (line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
    return {name.strip(): value.strip() for name, value in pairs}
