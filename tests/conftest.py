"""Real servers, a fresh database and bucket for each archive, and the real packets where they are.

`make test` starts the servers and names them in the environment.
"""

import os
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import NamedTuple

import aioboto3
import asyncpg
import pytest
from pydantic import SecretStr
from sqlalchemy.engine import make_url

from archive.database import SQL, make_engine
from archive.migrate import migrate
from archive.objects import open_store
from consumer.ingest import Archive
from consumer.settings import Settings

pytest_plugins = ["tests.real_archive"]

DATA = Path(os.environ.get("MARS_TEST_DATA", "../shared/data"))
PUBLISHED = "https://ztf.uw.edu/alerts/public/"
_left_out: list[str] = []
_told: dict[str, list[str]] = {}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Without the real packets leave out the tests that need them; in CI that is a fault."""
    if (DATA / "ztf" / "manifest.csv").is_file():
        return
    if os.environ.get("CI"):
        raise pytest.UsageError(f"no real packets in {DATA.resolve()}: set MARS_TEST_DATA")
    real = [item for item in items if "real" in getattr(item, "fixturenames", ())]
    _left_out.extend(item.nodeid for item in real)
    config.hook.pytest_deselected(items=real)
    items[:] = [item for item in items if item not in real]


def lines_at_the_end(heading: str) -> list[str]:
    """Lines that are printed under a heading when the run ends, passed or not."""
    return _told.setdefault(heading, [])


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for heading, lines in _told.items():
        if lines:
            terminalreporter.section(heading)
            for line in lines:
                terminalreporter.write_line(line)
    if _left_out:
        terminalreporter.section("left out: tests on real packets")
        for name in _left_out:
            terminalreporter.write_line(name)
        terminalreporter.write_line(
            f"ZTF publishes packets at {PUBLISHED}; set MARS_TEST_DATA to the folder of yours"
        )


@pytest.fixture(scope="session")
def real() -> Path:
    """The folder with ztf/, ztf_malformed/ and mars/."""
    return DATA


class Place(NamedTuple):
    """An archive's own database and bucket."""

    database: str
    bucket: str

    def settings(self, role: str) -> Settings:
        """The consumer's settings for it, as `role`: owner, writer or reader."""
        return Settings(
            database_url=SecretStr(url_of(role, self.database)),
            s3_bucket=self.bucket,
            metrics_port=0,
        )


def url_of(role: str, database: str) -> str:
    url = make_url(os.environ[f"MARS_{role.upper()}_DATABASE_URL"])
    return url.set(database=database).render_as_string(hide_password=False)


async def _as_admin(script: str, database: str = "postgres") -> None:
    connection = await asyncpg.connect(url_of("admin", database).replace("+asyncpg", ""))
    try:
        await connection.execute(script)
    finally:
        await connection.close()


@cache
def _session() -> aioboto3.Session:
    """One for all tests: reading botocore's description of S3 takes half a second."""
    settings = Settings()
    return aioboto3.Session(
        settings.s3_access_key_id.get_secret_value(),
        settings.s3_secret_access_key.get_secret_value(),
        region_name=settings.s3_region,
    )


@asynccontextmanager
async def new_place(template: str | None = None) -> AsyncIterator[Place]:
    """A database (a copy of `template`, else an empty one with our roles) and a bucket."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    await _as_admin(f"CREATE DATABASE {name}" + (f" TEMPLATE {template}" if template else ""))
    async with _session().client("s3", endpoint_url=Settings().s3_endpoint_url) as s3:
        await s3.create_bucket(Bucket=name.replace("_", "-"))
    try:
        if template is None:
            await _as_admin((SQL / "cluster.sql").read_text(), name)
        yield Place(name, name.replace("_", "-"))
    finally:
        await _as_admin(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
async def template() -> AsyncIterator[str]:
    """A migrated database, to be copied: 60 ms where a migration takes 300."""
    async with new_place() as place:
        await migrate(place.settings("owner"))
        yield place.database


@pytest.fixture
async def place(template: str) -> AsyncIterator[Place]:
    """A fresh archive of this test's own."""
    async with new_place(template) as fresh:
        yield fresh


@asynccontextmanager
async def opened(place: Place, role: str = "writer") -> AsyncIterator[Archive]:
    """The archive at a place, as the consumer opens it."""
    settings = place.settings(role)
    engine = make_engine(settings, "test")
    async with open_store(settings) as store:
        yield Archive(engine, store)
    await engine.dispose()


@pytest.fixture
async def archive(place: Place) -> AsyncIterator[Archive]:
    """A fresh archive, open for writing."""
    async with opened(place) as ours:
        yield ours


@pytest.fixture(scope="session", autouse=True)
def _stack_is_up() -> None:
    if "MARS_ADMIN_DATABASE_URL" not in os.environ:
        pytest.exit("no servers are named in the environment: run `make test`", returncode=2)
