"""The columnar copy as this process reads it: found anew regularly, its files kept near."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from app.columns.cache import Cache
from app.columns.copy import Copy, Readable, read_copy
from app.columns.hands import Hands
from app.columns.question import Question, Row, quoted
from app.columns.scans import Scans
from app.columns.spool import PREFIX, Spool
from app.errors import ColumnsUnavailable
from app.settings import Settings
from archive.errors import MarsError
from archive.objects import ObjectStore
from archive.survey import Survey

if TYPE_CHECKING:
    import pyarrow as pa

log = logging.getLogger(__name__)
SCRIBES: Final = 2
"""Processes that write long answers, for all clients together; each takes some 160 MB."""
_OPENING_S: Final = 60.0
_AGAIN_S: Final = 1.0
"""Seconds after which the copy is looked for again when a question failed."""


class Columns:
    """The copy of one survey's alerts."""

    def __init__(
        self,
        survey: Survey,
        store: ObjectStore,
        cache: Cache,
        scans: Scans,
        scribes: Hands,
    ) -> None:
        self._survey, self._store, self._cache, self._scans = survey, store, cache, scans
        self.scribes = scribes
        """Who writes parts of long answers."""
        self._copy: Copy | None = None
        self._made = 0
        self._looking = asyncio.Lock()
        self._failed = asyncio.Event()
        self.readable: Readable | None = None

    async def ask(self, question: Question, seconds: float) -> list[Row]:
        """The rows of an answer. Raises QueryTooCostly after so long, or ColumnsUnavailable."""
        rows: list[Row] = await self._ask(question, seconds)
        return rows

    async def ask_table(self, question: Question, seconds: float) -> "pa.Table":
        """The same as a table of Arrow."""
        return await self._ask(question, seconds, as_table=True)

    async def spool(self, question: Question, seconds: float, spool: Spool) -> "pa.Schema":
        """The rows of an answer, with their ranks, into a spool. Raises as `ask` does."""
        return await self._ask(question, seconds, into=spool)

    async def _ask(self, question: Question, seconds: float, **how: Any) -> Any:
        try:
            return await self._scans.ask(question, seconds, **how)
        except ColumnsUnavailable:
            # A file may be gone, or the process that knew the copy: look() makes both anew.
            self._copy = None
            self._failed.set()
            raise

    def new_spool(self, bucket: int) -> Spool:
        """A place for the rows of one long answer; to be removed when they are sent."""
        return Spool(self._cache.directory / f"{PREFIX}{uuid4().hex}", bucket)

    async def look(self) -> None:
        """Take the present copy, if it is another.

        Raises StoreUnavailable or ColumnsUnavailable.
        """
        async with self._looking:
            copy = await read_copy(self._store, self._survey.name, self._copy)
            if copy == self._copy:
                return
            self.readable = None if copy is None else await self._opened(copy)
            self._copy = copy

    async def _opened(self, copy: Copy) -> Readable:
        """The copy as a view; those of earlier copies stay, for who still reads them."""
        places = await self._cache.keep(self._store, copy.leaves)
        self._made += 1
        table = f"{self._survey.name}_{self._made}"
        listed = ", ".join(map(quoted, places))
        columns, with_nan = frozenset[str](), frozenset[str]()
        if places:
            schemas = f"SELECT count(DISTINCT names) FROM ({_SCHEMAS.format(listed)})"
            ((kinds,),) = await self.ask(Question(schemas), _OPENING_S)
            # A field that came later is missing in older files, as it is in older packets.
            union = "true" if kinds > 1 else "false"
            files = f"read_parquet([{listed}], hive_partitioning = false, union_by_name = {union})"
            await self.ask(Question(f"CREATE VIEW {table} AS SELECT * FROM {files}"), _OPENING_S)
            await self.ask(Question(_GROUPS.format(table, listed)), _OPENING_S)
            told = await self.ask(Question(f"DESCRIBE {table}"), _OPENING_S)
            columns = frozenset(row[0] for row in told)
            noted = await self.ask(Question(_NANS.format(listed)), _OPENING_S)
            named = (name for row in noted for name in row[0].decode().split(","))
            with_nan = frozenset(filter(None, named))
        log.info(
            "columns",
            extra={"as_of": copy.as_of, "rows": copy.rows, "files": len(places)},
        )
        return Readable(table, copy.as_of, copy.rows, columns, with_nan)

    async def keep_looking(self, every_s: float) -> None:
        """Look again and again. Without the store, or the disk, the known copy stays."""
        while True:
            try:
                await self.look()
            except MarsError as error:
                log.warning("columns not read", extra={"error": repr(error)})
            except Exception as error:  # whatever it is: the copy must be looked after
                log.error("columns not read", exc_info=error)
            await asyncio.sleep(min(every_s, _AGAIN_S))
            with suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, every_s - _AGAIN_S)):
                    await self._failed.wait()
            self._failed.clear()


_SCHEMAS = (
    "SELECT string_agg(name || ' ' || type, ',') AS names FROM parquet_schema([{}]) "
    "GROUP BY file_name"
)
_NANS = "SELECT DISTINCT value FROM parquet_kv_metadata([{}]) WHERE key = 'mars_nan'"
"""Each file names the columns in which it has a NaN (catalog/parquetry.py)."""
_GROUPS = """
    CREATE TABLE {0}_groups AS
    SELECT file_name AS file, row_group_id AS number, row_group_num_rows AS rows,
           path_in_schema AS name, try_cast(stats_min_value AS DOUBLE) AS least,
           try_cast(stats_max_value AS DOUBLE) AS greatest
    FROM parquet_metadata([{1}])
"""
"""What a row group holds of each column, as far as it is a number."""


@asynccontextmanager
async def open_columns(
    settings: Settings, survey: Survey, store: ObjectStore, scribe: str
) -> AsyncIterator[Columns]:
    """The columns of a survey; the copy is looked for in the background.

    `scribe` is the program that writes parts of long answers.
    """
    folder = settings.columns_dir
    cache = Cache(folder, int(settings.columns_gb * 1e9), settings.s3_bucket)
    scans = Scans(settings, folder, settings.columns_memory_mb, settings.columns_places)
    scribes = Hands(scribe, SCRIBES)
    columns = Columns(survey, store, cache, scans, scribes)
    task = asyncio.create_task(columns.keep_looking(settings.columns_look_s))
    try:
        yield columns
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await scribes.close()
        await scans.close()
