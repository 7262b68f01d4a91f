"""What a reader that gives up leaves behind."""

import asyncio
from typing import Any

import asyncpg
import pytest
from sqlalchemy import literal_column, select

from app.alerts.access.archive import open_archive
from app.alerts.sql.statements import compile_statement
from archive.surveys.ztf.tables import alert
from tests.app.conftest import Served, database_of
from tests.conftest import url_of


async def test_who_gives_up_between_two_steps_keeps_no_lock(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A statement that was prepared and is not run holds its table."""
    prepared = asyncio.Event()
    prepare: Any = getattr(asyncpg.Connection, "_get_statement")  # noqa: B009 - typed without it

    async def prepare_and_wait(self: Any, query: str, *more: Any, **words: Any) -> Any:
        found = await prepare(self, query, *more, **words)
        if "12345" in query:
            prepared.set()
            await asyncio.sleep(3600)
        return found

    owner = await asyncpg.connect(
        url_of("owner", database_of(served.settings)).replace("+asyncpg", "")
    )
    async with open_archive(served.settings) as archive:
        with monkeypatch.context() as patched:
            patched.setattr(asyncpg.Connection, "_get_statement", prepare_and_wait)
            statement = compile_statement(select(alert.c.candid, literal_column("12345")))
            asked = asyncio.create_task(archive.fetch(statement))
            await prepared.wait()
            asked.cancel()
            await asyncio.gather(asked, return_exceptions=True)
        async with owner.transaction():
            await owner.execute("SET LOCAL lock_timeout = '5s'")
            locked = await owner.execute("LOCK TABLE alert IN ACCESS EXCLUSIVE MODE")
    assert locked == "LOCK TABLE"
    await owner.close()
