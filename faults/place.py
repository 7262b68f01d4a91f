"""A fresh archive for one fault: its database, its bucket, its topic."""

import asyncio
import shutil
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Final, NamedTuple

import asyncpg
from pydantic import SecretStr
from sqlalchemy.engine import make_url

from archive.database import make_engine
from archive.objects import open_store
from consumer.batches.ingest import Archive
from consumer.settings import Settings
from dev import database
from dev.state import State

TEMPLATE: Final = "mars"
"""The stack's own database: migrated, and left empty."""
READERS: Final = {"": "reader", "APP_": "app", "TAP_": "tap"}
"""The app's roles, by what stands before DATABASE_URL."""
HOLDS: Final = "SELECT EXISTS (SELECT FROM ledger WHERE source = $1) AS holds"
ASIDE: Final = """
    SELECT (SELECT count(*) FROM held) AS held, (SELECT count(*) FROM reject) AS rejected, $1::text
"""
LOCKED: Final = "LOCK TABLE alert IN ACCESS EXCLUSIVE MODE"
"""Nobody reads or writes an alert until this is over."""
FIRST_AFTER: Final = "SELECT min(time) AS time FROM ledger WHERE time > $1"


class Place(NamedTuple):
    """What belongs to one fault alone, on a stack."""

    state: State
    name: str

    @property
    def bucket(self) -> str:
        return self.name.replace("_", "-")

    @property
    def topic(self) -> str:
        return f"{self.name}_{datetime.now(UTC):%Y%m%d}_programid1"

    def environment(self, batch: int) -> dict[str, str]:
        """The environment of a consumer that takes `batch` messages at a time."""
        return self.state.environment("writer") | {
            "MARS_DATABASE_URL": self.url("writer"),
            "MARS_S3_BUCKET": self.bucket,
            "MARS_METRICS_PORT": "0",
            "MARS_KAFKA_TOPIC": self.name + "_{night}_programid1",
            "MARS_KAFKA_GROUP": self.name,
            "MARS_BATCH_MESSAGES": str(batch),
        }

    def reading(self) -> dict[str, str]:
        """The environment of an app of it, with whatever it can do but ask the world."""
        own = {f"MARS_{role}DATABASE_URL": self.url(name) for role, name in READERS.items()}
        return (
            self.state.environment("reader")
            | own
            | {
                "MARS_S3_BUCKET": self.bucket,
                "MARS_RATE_LIMIT_PER_S": "0",
                "MARS_SESAME_URL": "",
                "MARS_SIMBAD_TAP_URL": "",
            }
        )

    def settings(self) -> Settings:
        secrets = self.state.secrets
        return Settings(
            database_url=SecretStr(self.url("writer")),
            s3_endpoint_url=f"http://127.0.0.1:{self.state.ports.s3}",
            s3_bucket=self.bucket,
            s3_access_key_id=SecretStr(secrets["s3_key_id"]),
            s3_secret_access_key=SecretStr(secrets["s3_key"]),
        )

    def url(self, role: str) -> str:
        """The address of its database for a role."""
        url = make_url(self.state.database_url(role))
        return url.set(database=self.name).render_as_string(hide_password=False)


@asynccontextmanager
async def new_place(state: State) -> AsyncIterator[Place]:
    """A place of a name drawn at random; its database and its objects are deleted at the end."""
    place = Place(state, f"faults_{uuid.uuid4().hex[:10]}")
    bucket = state.folder / "s3" / "data" / place.bucket
    await asyncio.to_thread(bucket.mkdir, parents=True)
    await _as_admin(state, f"CREATE DATABASE {place.name} TEMPLATE {TEMPLATE}")
    try:
        yield place
    finally:
        await _as_admin(state, f"DROP DATABASE {place.name} WITH (FORCE)")
        # Where it is a disk of its own the folder stays.
        await asyncio.to_thread(shutil.rmtree, bucket, ignore_errors=True)


async def _as_admin(state: State, script: str) -> None:
    connection = await database.connect(state, "postgres")
    try:
        await connection.execute(script)
    finally:
        await connection.close()


@asynccontextmanager
async def opened(place: Place) -> AsyncIterator[Archive]:
    """The archive there, as a consumer opens it."""
    settings = place.settings()
    engine = make_engine(settings, "faults")
    async with open_store(settings) as store:
        yield Archive(engine, store)
    await engine.dispose()


class Progress:
    """How far the ledger of a place is; a database that is away just now is asked again."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._connection: asyncpg.Connection[asyncpg.Record] | None = None
        # Several wait at once, for a topic each; a connection answers one question at a time.
        self._turn = asyncio.Lock()

    async def received(self) -> int:
        """Packets in the ledger."""
        return int((await self._row(database.SUMS, None))["received"])

    async def first_after(self, moment: datetime) -> datetime | None:
        """When the first batch after a moment began to be written."""
        found: datetime | None = (await self._row(FIRST_AFTER, moment))["time"]
        return found

    async def holds(self, source: str) -> bool:
        """Whether anything of a topic is in the ledger."""
        return bool((await self._row(HOLDS, source))["holds"])

    async def aside(self) -> tuple[int, int]:
        """How many partitions have been held, and how many messages were rejected."""
        row = await self._row(ASIDE, None)
        return int(row["held"]), int(row["rejected"])

    async def _row(self, question: str, argument: object) -> "asyncpg.Record":
        async with self._turn:
            while True:
                try:
                    if self._connection is None:
                        place = self._place
                        self._connection = await database.connect(place.state, place.name)
                    row = await self._connection.fetchrow(question, argument)
                except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
                    await self.close()
                    await asyncio.sleep(0.1)
                else:
                    assert row is not None
                    return row

    async def close(self) -> None:
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None


@asynccontextmanager
async def connected(place: Place) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """A connection to a place's database, which may be killed in its use."""
    connection = await database.connect(place.state, place.name)
    try:
        yield connection
    finally:
        connection.terminate()
