"""What every process of the consumer does before its work: memory, log, database and store."""

import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from archive import logs
from archive.database import check_schema, make_engine
from archive.objects import open_store
from consumer.batches.ingest import Archive
from consumer.settings import Settings


def prepare(settings: Settings) -> None:
    """Set up memory and log; once everything is imported."""
    # A batch makes 100,000 tuples and no cycle: the usual threshold would look for one 140 times,
    # through all of astropy and SQLAlchemy, at a seventh of the processor's time.
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)
    logs.configure(settings.log_level)


@asynccontextmanager
async def open_archive(settings: Settings, program: str) -> AsyncIterator[Archive]:
    """Database and store, closed at the end. Raises SchemaOutdated."""
    engine = make_engine(settings, f"consumer-{program}")
    try:
        async with engine.connect() as connection:
            await check_schema(connection)
        async with open_store(settings) as store:
            yield Archive(engine, store)
    finally:
        await engine.dispose()
