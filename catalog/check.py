"""Whether the catalog holds what PostgreSQL holds: every file read back, every row added up.

Both sides' rows are counted and added up (sums.py) batch by batch. Of batches that differ some of
the alerts that differ are named.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pyarrow import ArrowInvalid, parquet
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine
from tqdm import tqdm

from archive.errors import ObjectMissing, StoreUnavailable
from catalog import layout, source
from catalog.form import PLACE
from catalog.layout import INDEX, MAIN, MARGIN, File
from catalog.published import INTENT, Catalog, Shelf, read_intent
from catalog.sums import MODULUS, hashes_of
from catalog.writer import working_folder

MOST_NAMED: Final = 10
"""Batches that are named where both sides differ, and alerts of each."""
Say = Callable[[str], object]
See = Callable[[Any], None]
"""Takes rows of the catalog or the archive, as a table."""


class Verdict(NamedTuple):
    """What was found."""

    checked: Counter[str]
    faults: list[str]
    unknown: list[str]
    """What could not be looked at, and why."""

    @property
    def status(self) -> int:
        """The exit status: 0 sound, 1 faults, 3 none as far as could be looked."""
        return 1 if self.faults else 3 if self.unknown else 0

    def __str__(self) -> str:
        looked = ", ".join(f"{count:,} {kind}" for kind, count in self.checked.items())
        lines = [f"checked {looked or 'nothing: there is no catalog'}"]
        if self.unknown:
            lines.append(f"{len(self.unknown)} things could not be looked at: run it again")
        lines.append(f"{len(self.faults) or 'no'} fault{'s' * (len(self.faults) > 1)}")
        return "\n".join(lines)


class Tally:
    """The rows of each batch up to one: how many, and their sum."""

    def __init__(self, as_of: int) -> None:
        self.rows = np.zeros(as_of + 1, np.int64)
        self.sums = np.zeros(as_of + 1, np.uint64)

    def add(self, table: Any) -> None:
        """Count rows; those of batches beyond are left out."""
        batches = table["batch"].to_numpy()
        ours = (batches > 0) & (batches < len(self.rows))
        np.add.at(self.rows, batches[ours], 1)
        np.add.at(self.sums, batches[ours], hashes_of(table)[ours])

    def differs(self, other: "Tally") -> list[int]:
        """The batches whose rows are not the same."""
        odd = (self.rows != other.rows) | (self.sums != other.sums)
        found: list[int] = np.flatnonzero(odd).tolist()
        return found


class Checker:
    """One look at one catalog."""

    def __init__(self, engine: AsyncEngine, shelf: Shelf, say: Say) -> None:
        self._engine = engine
        self._shelf = shelf
        self._say = say
        self._bad: set[File] = set()
        self.verdict = Verdict(Counter(), [], [])

    async def check(self, quick: bool) -> Verdict:
        """Look at everything; `quick` counts rows and reads no file of theirs."""
        catalog = await self._shelf.load()
        if catalog.as_of:
            await self._check_lists(catalog)
            await (self._count(catalog) if quick else self._check_rows(catalog))
            self.verdict.checked["alerts"] += catalog.rows
        return self.verdict

    def _fault(self, text: str) -> None:
        self._say(f"fault: {text}")
        self.verdict.faults.append(text)

    def _cannot(self, text: str) -> None:
        self._say(f"cannot say: {text}")
        self.verdict.unknown.append(text)

    async def _check_lists(self, catalog: Catalog) -> None:
        """Whether what HATS's readers go by agrees with files.csv."""
        place, root = self._shelf.place, catalog.root
        begun = await self._shelf.data(place.key(root, INTENT))
        is_written = begun is not None and read_intent(begun)[1] > catalog.as_of
        for part in (MAIN, MARGIN):
            listed = await self._shelf.text(place.key(root, "partition_info.csv", part))
            if listed != layout.partition_text(catalog.of(part)):
                tell = self._cannot if is_written else self._fault
                tell(f"{root}{part}/partition_info.csv does not list what files.csv lists")
        text = await self._shelf.text(place.key(root, "hats.properties"))
        told = layout.read_properties(text or "")
        if told["mars_as_of"] == str(catalog.as_of) and told["hats_nrows"] != str(catalog.rows):
            self._fault(f"hats_nrows is {told['hats_nrows']}, files.csv lists {catalog.rows} rows")
        if not catalog.is_named:
            self._fault("collection.properties is missing: update the catalog")

    async def _count(self, catalog: Catalog) -> None:
        b = self._shelf.form.survey.alert.c.batch
        for first, last, rows in ranges(catalog):
            counted = select(func.count()).where(b.between(first, last))
            async with self._engine.connect() as connection:
                there = await connection.scalar(counted)
            if rows != there:
                self._fault(f"batches {first} to {last}: {rows} rows, PostgreSQL has {there}")

    async def _check_rows(self, catalog: Catalog) -> None:
        ours, theirs = Tally(catalog.as_of), Tally(catalog.as_of)
        total = 2 * catalog.rows
        with tqdm(total=total, unit=" rows", unit_scale=True, disable=None, desc="check") as bar:
            for file in catalog.files:
                await self._look_at(catalog, file, ours.add if file.part == MAIN else _nothing)
                bar.update(file.rows if file.part == MAIN else 0)
            async for table in self._archived(1, catalog.as_of):
                await asyncio.to_thread(theirs.add, table)
                bar.update(table.num_rows)
        if self.verdict.unknown:
            return
        odd = ours.differs(theirs)
        for batch in odd[:MOST_NAMED]:
            self._fault(
                f"batch {batch}: {ours.rows[batch]} rows, {theirs.rows[batch]} in PostgreSQL"
            )
            for text in await self._differences(catalog, batch):
                self._fault(f"batch {batch}: {text}")
        if len(odd) > MOST_NAMED:
            self._fault(f"{len(odd) - MOST_NAMED} more batches differ")

    async def _differences(self, catalog: Catalog, batch: int) -> list[str]:
        """Some of the alerts of a batch that both sides do not have alike."""
        here: Counter[tuple[int, int]] = Counter()
        there: Counter[tuple[int, int]] = Counter()
        key = self._shelf.form.survey.key

        def into(rows: Counter[tuple[int, int]], table: Any) -> None:
            of_batch = table["batch"].to_numpy() == batch
            ids, hashes = table[key].to_numpy()[of_batch], hashes_of(table)[of_batch]
            rows.update(zip(ids.tolist(), hashes.tolist(), strict=True))

        for file in catalog.of(MAIN):
            if file.first <= batch <= file.last and file not in self._bad:
                await self._read(catalog, file, lambda table: into(here, table))
        async for table in self._archived(batch, batch):
            into(there, table)
        added, lacking = (here - there).keys(), (there - here).keys()
        ids = sorted({number for number, _ in (*added, *lacking)})
        told = []
        for number in ids[:MOST_NAMED]:
            sides = [any(number == one for one, _ in rows) for rows in (added, lacking)]
            words = {(True, False): "not in PostgreSQL", (False, True): "not in the catalog"}
            told.append(f"alert {number} is {words.get((sides[0], sides[1]), 'another')}")
        return told + ([f"and {len(ids) - MOST_NAMED} more"] if len(ids) > MOST_NAMED else [])

    async def _archived(self, first: int, last: int) -> AsyncIterator[Any]:
        """The rows of PostgreSQL of some batches."""
        form = self._shelf.form
        stored = await source.rows_by_batch(self._engine, first, last)
        spans = source.spans(stored, source.ROWS_AT_ONCE, first, last)
        calls = (source.copied(self._engine, form.query(a, b)) for a, b, _ in spans)
        async for sent in source.ahead(calls):
            if sent:
                yield await asyncio.to_thread(form.read, sent)

    async def _look_at(self, catalog: Catalog, file: File, see: See) -> None:
        """Read a file, and tell what is wrong with it."""
        name = f"{catalog.root}{file.part}/{file.name}"
        look = Look(file, see)
        try:
            await self._read(catalog, file, look.at)
            faults = list(look.faults())
        except ObjectMissing:
            self._bad.add(file)
            faults = ["missing"]
        except (ArrowInvalid, OSError) as error:
            self._bad.add(file)
            faults = [f"cannot be read: {str(error)[:200]}"]
        except StoreUnavailable as error:
            self._cannot(f"{name}: {error}")
            return
        for text in faults:
            self._fault(f"{name}: {text}")
        self.verdict.checked["files"] += 1

    async def _read(self, catalog: Catalog, file: File, see: See) -> None:
        with working_folder() as folder:
            path = folder / "file.parquet"
            await self._shelf.fetch(catalog.root, file, path)
            await asyncio.to_thread(_read, path, see)


class Look:
    """What is wrong with a file, from its rows as they come."""

    def __init__(self, file: File, see: See) -> None:
        self._file = file
        self._see = see
        self._rows = self._sum = 0
        self._last = -1
        self._odd: set[str] = set()

    def at(self, table: Any) -> None:
        """Look at the next rows."""
        self._rows += table.num_rows
        self._see(table)
        if self._file.leaf is None or not table.num_rows:
            return
        self._sum += int(hashes_of(table).sum(dtype=np.uint64))
        places, batches = table[PLACE].to_numpy(), table["batch"].to_numpy()
        inside = (places >= self._file.leaf.first) & (places < self._file.leaf.end)
        is_main = self._file.part == MAIN
        self._note(_falls(places, self._last), "rows are not in the order of the sky")
        self._note(bool((inside != is_main).any()), "rows of another leaf")
        # A new leaf's margin holds what was around it before.
        low = self._file.first if is_main else 1
        outside = batches.min() < low or batches.max() > self._file.last
        self._note(outside, "rows of other batches than its name says")
        self._last = int(places[-1])

    def _note(self, is_so: bool, text: str) -> None:
        if is_so:
            self._odd.add(text)

    def faults(self) -> Iterator[str]:
        """What was found."""
        if self._rows != self._file.rows:
            yield f"{self._rows} rows, not {self._file.rows}"
        elif self._file.part != INDEX and self._sum % MODULUS != self._file.sum:
            yield "other rows than were written"
        yield from sorted(self._odd)


def _falls(places: NDArray[np.int64], last: int) -> bool:
    return bool(places[0] < last or (np.diff(places) < 0).any())


def _read(path: Path, see: See) -> None:
    with parquet.ParquetFile(path) as file:
        for n in range(file.num_row_groups):
            see(file.read_row_group(n))


def _nothing(_table: Any) -> None:
    """Margins and indexes hold what the leaves hold."""


def ranges(catalog: Catalog) -> Iterator[tuple[int, int, int]]:
    """All batches of a catalog, range by range of its files, and those between: ends and rows."""
    rows: dict[tuple[int, int], int] = {}
    for file in catalog.of(MAIN):
        key = file.first, file.last
        rows[key] = rows.get(key, 0) + file.rows
    begin = 1
    for (first, last), count in sorted(rows.items()):
        if begin < first:
            yield begin, first - 1, 0
        yield first, last, count
        begin = last + 1
    if begin <= catalog.as_of:
        yield begin, catalog.as_of, 0
