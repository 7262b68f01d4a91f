"""What lies where in the bucket, by the HATS standard, and what the small files say.

    <prefix>/<survey>/collection.properties     which root is the catalog, with margin and index
                      <root>/                   alert-0000000000; the number is that of its first batch - 1
                          hats.properties       put last: rows, and `mars_as_of`
                          files.csv             every file of root, margin and index
                          partition_info.csv  skymap.fits  unfinished.json
                          dataset/Norder=k/Dir=d/Npix=n/0000000081-0000000160.parquet
                      <root>_10arcs/            rows near a leaf, by leaf
                      <root>_object_id/         in which leaves an object lies

A file holds what the batches of its name brought to its leaf. It counts for a reader if its last
batch is not above `mars_as_of`.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from catalog.pixels import Pixel

FIRST_ROOT: Final = 0
MARGIN_ARCSEC: Final = 10
INDEXED: Final = "object_id"
MAIN, MARGIN, INDEX = "", f"_{MARGIN_ARCSEC}arcs", f"_{INDEXED}"
"""What the names of a root, its margin and its index end with."""
_HEAD: Final = "part,Norder,Npix,first_batch,last_batch,rows,bytes,sum"


class Place(NamedTuple):
    """Where a survey's catalog lies."""

    prefix: str
    survey: str

    @property
    def folder(self) -> str:
        """With what all keys of the catalog begin."""
        return f"{self.prefix}/{self.survey}"

    @property
    def collection(self) -> str:
        """The key that says which root is the catalog."""
        return f"{self.folder}/collection.properties"

    @property
    def compacting(self) -> str:
        """The key that says which root is being made beside it."""
        return f"{self.folder}/compacting.json"

    def key(self, root: str, name: str, part: str = MAIN) -> str:
        """The key of a file of a root, its margin or its index."""
        return f"{self.folder}/{root}{part}/{name}"


class File(NamedTuple):
    """One Parquet file of a root; those of an index have no leaf."""

    part: str
    leaf: Pixel | None
    first: int
    last: int
    rows: int
    bytes: int
    sum: int
    """sums.sum_of its rows; 0 for an index."""

    @property
    def name(self) -> str:
        """Below the folder of its root or margin or index."""
        batches = f"{self.first:010}-{self.last:010}.parquet"
        if self.leaf is None:
            return f"dataset/index/{batches}"
        order, number = self.leaf
        return f"dataset/Norder={order}/Dir={number // 10_000 * 10_000}/Npix={number}/{batches}"


def root_of(batch: int) -> str:
    """The name of a root whose first content is the catalog as of a batch."""
    return f"alert-{batch:010}"


def files_text(files: Iterable[File]) -> str:
    """files.csv."""
    lines = [_HEAD]
    for f in files:
        place = f.leaf or ("", "")
        part = f.part.removeprefix("_") or "dataset"
        lines.append(
            f"{part},{place[0]},{place[1]},{f.first},{f.last},{f.rows},{f.bytes},{f.sum:016x}"
        )
    return "\n".join(lines) + "\n"


def read_files(text: str) -> list[File]:
    """The files that a files.csv lists. Raises ValueError where it is none."""
    head, *lines = text.splitlines()
    if head != _HEAD:
        raise ValueError(f"files.csv begins with {head[:100]!r}")
    files = []
    for line in lines:
        part, order, number, *numbers, total = line.split(",")
        first, last, rows, size = map(int, numbers)
        leaf = Pixel(int(order), int(number)) if order else None
        kind = MAIN if part == "dataset" else f"_{part}"
        files.append(File(kind, leaf, first, last, rows, size, int(total, 16)))
    return files


def partition_text(files: Iterable[File]) -> str:
    """partition_info.csv: the leaves, and how many rows each has."""
    rows = rows_of(files)
    lines = [
        f"{leaf.order},{leaf.number // 10_000 * 10_000},{leaf.number},{rows[leaf]}"
        for leaf in sorted(rows, key=lambda leaf: leaf.first)
    ]
    return "\n".join(["Norder,Dir,Npix,num_rows", *lines]) + "\n"


def rows_of(files: Iterable[File]) -> dict[Pixel, int]:
    """The rows of each leaf."""
    rows: dict[Pixel, int] = {}
    for file in files:
        if file.leaf is not None:
            rows[file.leaf] = rows.get(file.leaf, 0) + file.rows
    return rows


def properties_text(heading: str, properties: Mapping[str, object]) -> str:
    """A file of properties as Java reads it."""
    lines = [f"{name}={_escaped(str(value))}" for name, value in properties.items()]
    return "\n".join([f"#{heading}", *lines]) + "\n"


def _escaped(value: str) -> str:
    return re.sub(r"([\\:=#!])", r"\\\1", value)


def read_properties(text: str) -> dict[str, str]:
    """What a file of properties says."""
    pairs = (
        line.split("=", 1) for line in text.splitlines() if "=" in line and line[0] not in "#!"
    )
    return {name.strip(): re.sub(r"\\(.)", r"\1", value.strip()) for name, value in pairs}
