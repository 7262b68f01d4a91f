"""The columnar copy as it stands in the object store: its files, up to which batch.

The collection names its present root, `hats.properties` in it the batch up to which it is whole
(`mars_as_of`). A file counts if the last batch in its name is not later; any other is of an update
that has not ended, or never will.
"""

import re
from typing import Final, NamedTuple

from archive.errors import ObjectMissing
from archive.objects import ObjectStore

_MOST: Final = 100_000
"""Bytes of a file of properties that are read; it has some hundred."""
_LEAF: Final = re.compile(r"/(\d{10})-(\d{10})\.parquet$", re.ASCII)


class Leaf(NamedTuple):
    """A Parquet file of the copy."""

    key: str
    size: int
    version: str
    """The store's ETag of it."""


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
    held = sorted((await store.versions(f"{root}dataset/")).items())
    leaves = (Leaf(key, *version) for key, version in held if _counts(key, copy.as_of))
    return copy._replace(leaves=tuple(leaves))


def _counts(key: str, as_of: int) -> bool:
    named = _LEAF.search(key)
    return named is not None and int(named[2]) <= as_of


async def _read_properties(store: ObjectStore, key: str) -> dict[str, str]:
    _, data = await store.get_whole(key, _MOST)
    lines = (line.strip() for line in data.decode().splitlines())
    pairs = (line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
    return {name.strip(): value.strip() for name, value in pairs}
