"""An archive with a columnar copy of a part of it: hostile rows and simulated ones, old and new."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from app.alerts.access.archive import Archive, open_archive
from app.alerts.output.scribe import PROGRAM
from app.columns.columns import Columns, open_columns
from app.columns.copy import Readable
from app.settings import Settings
from archive.objects import open_store
from archive.surveys.ztf import ZTF
from tests.app.conftest import app_settings
from tests.app.stored import store
from tests.catalog.catalogs import add_alerts, update_catalog
from tests.conftest import Place, new_place, opened, url_of


@dataclass
class Copied:
    """The archive at a place, read as the app reads it."""

    archive: Archive
    columns: Columns
    settings: Settings
    place: Place

    @property
    def copy(self) -> Readable:
        assert self.columns.readable is not None
        return self.columns.readable


async def execute(place: Place, statement: str) -> None:
    """A statement of the owner's, which may do what no program does."""
    connection = await asyncpg.connect(url_of("owner", place.database).replace("+asyncpg", ""))
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


_RENUMBERED = """
    UPDATE alert SET lco_id = -1000000000000 - number
    FROM (SELECT candid AS own, row_number() OVER () AS number FROM alert) AS numbered
    WHERE candid = own
"""


async def fill(place: Place) -> None:
    """Some 3,500 alerts, two thirds of them in the copy: simulated ones and hostile ones."""
    async with opened(place, "owner") as archive:
        await store(archive.engine, [b"x"], "key", 300)
    # Out of the way of the numbers to come.
    await execute(place, _RENUMBERED)
    await add_alerts(place, 2000)
    await execute(place, "UPDATE alert SET batch = 1000000 WHERE batch = 1 AND lco_id % 2 = 0")
    await update_catalog(place, catalog_leaf_rows=300)
    await add_alerts(place, 1200, seed=2)
    await execute(place, "UPDATE alert SET batch = 11 WHERE batch = 1000000")


@asynccontextmanager
async def read_at(place: Place, folder: Path, **more: Any) -> AsyncIterator[Copied]:
    """The archive at a place, once its copy, if there is one, can be read."""
    settings = app_settings(place).model_copy(update={"columns_dir": folder} | more)
    async with (
        open_store(settings) as held,
        open_columns(settings, ZTF, held, PROGRAM) as columns,
        open_archive(settings) as database,
    ):
        archive = database._replace(columns=columns, statement_timeout_s=60)
        await columns.look()
        yield Copied(archive, columns, settings, place)


@pytest.fixture(scope="session")
async def copied(template: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Copied]:
    """The archive of `fill`."""
    async with new_place(template) as place:
        await fill(place)
        async with read_at(place, tmp_path_factory.mktemp("columns")) as made:
            yield made
