"""What the catalog is for its readers, and how that changes: by one small file, put last."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import orjson

from archive.errors import ObjectMissing
from archive.objects import ObjectStore
from catalog import layout, parquetry
from catalog.form import PLACE, Form
from catalog.index import SCHEMA as INDEX_SCHEMA
from catalog.layout import INDEX, INDEXED, MAIN, MARGIN, MARGIN_ARCSEC, File, Place
from catalog.pixels import COUNTED, FINEST, Ints, Pixel, no_counts
from catalog.skymap import read_skymap, skymap_bytes

LARGEST: Final = 2**31
FOOTER: Final = 2**16
AT_ONCE: Final = 8


@dataclass(frozen=True)
class Catalog:
    """A catalog as of a batch."""

    root: str
    as_of: int
    files: tuple[File, ...] = ()
    retired: Mapping[str, str] = field(default_factory=dict)
    """Older roots, and when each ceased to be the catalog (ISO 8601, UTC)."""
    is_named: bool = False
    """Whether collection.properties names it."""

    def of(self, part: str) -> list[File]:
        """The files of the root itself, its margin or its index."""
        return [file for file in self.files if file.part == part]

    @property
    def leaves(self) -> list[Pixel]:
        """The leaves that hold rows."""
        return list(layout.rows_of(self.of(MAIN)))

    @property
    def rows(self) -> int:
        """How many alerts it holds."""
        return sum(file.rows for file in self.of(MAIN))


@dataclass(frozen=True)
class Shelf:
    """One survey's catalog in the object store."""

    store: ObjectStore
    place: Place
    form: Form

    async def text(self, key: str) -> str | None:
        """A small file; None where there is none."""
        data = await self.data(key)
        return None if data is None else data.decode()

    async def data(self, key: str) -> bytes | None:
        """The bytes of an object; None where there is none."""
        try:
            return (await self.store.get_whole(key, LARGEST))[1]
        except ObjectMissing:
            return None

    async def fetch(self, root: str, file: File, path: Path) -> None:
        """Copy a file of a root to the local disk."""
        key = self.place.key(root, file.name, file.part)
        with path.open("wb") as out:
            async for piece in self.store.stream(key, 0, file.bytes):
                out.write(piece)

    async def load(self) -> Catalog:
        """The catalog as its readers see it; as of batch 0 where there is none yet."""
        named = await self.text(self.place.collection)
        collection = layout.read_properties(named or "")
        root = collection.get("hats_primary_table_url", layout.root_of(layout.FIRST_ROOT))
        retired = dict(pair.split("@") for pair in collection.get("mars_retired", "").split())
        told = await self.text(self.place.key(root, "hats.properties"))
        if told is None:
            return Catalog(root, 0, retired=retired)
        as_of = int(layout.read_properties(told)["mars_as_of"])
        listed = await self.text(self.place.key(root, "files.csv"))
        files = [f for f in layout.read_files(listed or "") if f.last <= as_of]
        return Catalog(root, as_of, tuple(files), retired, named is not None)

    async def counts(self, catalog: Catalog) -> tuple[Ints, int]:
        """The rows in each pixel of the sky, and as of which batch; that may be a later one."""
        data = await self.data(self.place.key(catalog.root, "skymap.fits"))
        return (no_counts(), 0) if data is None else read_skymap(data)

    async def publish(self, catalog: Catalog, counts: Ints) -> None:
        """Put all that says what a root holds, `hats.properties` at the end."""
        place, root = self.place, catalog.root
        for part in (MARGIN, INDEX):
            await self._publish_part(catalog, part)
        await self.store.put(place.key(root, "skymap.fits"), skymap_bytes(counts, catalog.as_of))
        await self._put(place.key(root, "files.csv"), layout.files_text(catalog.files))
        await self._put_lists(catalog, MAIN, self.form.schema)
        told = self._common(catalog, MAIN) | {
            "dataproduct_type": "source",
            "hats_skymap_order": COUNTED,
            "moc_sky_fraction": f"{(counts > 0).mean():.6g}",
            "obs_title": f"Alerts of {place.survey.upper()} as of batch {catalog.as_of}",
        }
        await self._put_properties(place.key(root, "hats.properties"), told)

    async def name(self, catalog: Catalog) -> None:
        """Make a published root the catalog: the one file that readers begin with."""
        root = catalog.root
        retired = " ".join(f"{name}@{time}" for name, time in catalog.retired.items())
        told = {
            "obs_collection": self.place.survey,
            "hats_primary_table_url": root,
            "all_margins": root + MARGIN,
            "default_margin": root + MARGIN,
            "all_indexes": f"{INDEXED} {root}{INDEX}",
            "default_index": INDEXED,
        }
        await self._put_properties(
            self.place.collection, told | ({"mars_retired": retired} if retired else {})
        )

    async def _publish_part(self, catalog: Catalog, part: str) -> None:
        told = self._common(catalog, part) | {"hats_primary_table_url": catalog.root}
        key = self.place.key(catalog.root, "hats.properties", part)
        if part == MARGIN:
            await self._put_lists(catalog, part, self.form.schema)
            told |= {"dataproduct_type": "margin", "hats_margin_threshold": MARGIN_ARCSEC}
        else:
            await self._put_footers(catalog)
            told |= {"dataproduct_type": "index", "hats_index_column": INDEXED}
            told |= {"hats_index_extra_column": "Norder Dir Npix"}
        await self._put_properties(key, told)

    async def _put_lists(self, catalog: Catalog, part: str, schema: Any) -> None:
        for name, text in (
            ("dataset/_common_metadata", parquetry.schema_bytes(schema)),
            ("partition_info.csv", layout.partition_text(catalog.of(part)).encode()),
        ):
            await self.store.put(self.place.key(catalog.root, name, part), text)

    async def _put_footers(self, catalog: Catalog) -> None:
        """What an index needs for each search in it: the bounds of all its row groups."""
        limit = asyncio.Semaphore(AT_ONCE)

        async def end_of(file: File) -> tuple[str, bytes]:
            key = self.place.key(catalog.root, file.name, INDEX)
            length = min(FOOTER, file.bytes)
            async with limit:
                end = await self.store.get(key, file.bytes - length, length)
                wanted = int.from_bytes(end[-8:-4], "little") + 8
                if wanted > length:
                    end = await self.store.get(key, file.bytes - wanted, wanted)
            return file.name.removeprefix("dataset/"), end

        footers = await asyncio.gather(*map(end_of, catalog.of(INDEX)))
        for name, data in (
            ("_common_metadata", parquetry.schema_bytes(INDEX_SCHEMA)),
            ("_metadata", parquetry.footers_bytes(INDEX_SCHEMA, list(footers))),
        ):
            await self.store.put(self.place.key(catalog.root, f"dataset/{name}", INDEX), data)

    def _common(self, catalog: Catalog, part: str) -> dict[str, object]:
        files = catalog.of(part)
        leaves = layout.rows_of(files)
        return {
            "obs_collection": catalog.root + part,
            "hats_nrows": sum(file.rows for file in files),
            "hats_col_ra": "ra",
            "hats_col_dec": "dec",
            "hats_col_healpix": PLACE,
            "hats_col_healpix_order": FINEST,
            "hats_npix_suffix": "/",
            "hats_order": max((leaf.order for leaf in leaves), default=0),
            "hats_max_rows": max(leaves.values(), default=0),
            "hats_estsize": sum(file.bytes for file in files) // 1024,
            "hats_builder": "MARS",
            "hats_creation_date": f"{datetime.now(UTC):%Y-%m-%dT%H:%MUTC}",
            "mars_as_of": catalog.as_of,
        }

    async def _put_properties(self, key: str, told: Mapping[str, object]) -> None:
        await self._put(key, layout.properties_text("HATS catalog", told))

    async def _put(self, key: str, text: str) -> None:
        await self.store.put(key, text.encode())


def intent_bytes(first: int, last: int, leaves: Sequence[Pixel]) -> bytes:
    """unfinished.json: which batches are being written, to which leaves."""
    return orjson.dumps({"first": first, "last": last, "leaves": [list(leaf) for leaf in leaves]})


def read_intent(data: bytes) -> tuple[int, int, list[Pixel]]:
    """Its first and last batch, and the leaves."""
    told = orjson.loads(data)
    return told["first"], told["last"], [Pixel(*leaf) for leaf in told["leaves"]]
