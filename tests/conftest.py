"""Real servers, a fresh database and bucket for each archive, and the real packets where they are.

`make test` starts the servers and names them in the environment.
"""

import os
import random
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import aioboto3
import asyncpg
import hypothesis
import pytest
from pydantic import SecretStr
from sqlalchemy.engine import make_url

from app.alerts.asking import counting, explaining
from app.pages.lists import totals
from archive.database import SQL, make_engine
from archive.objects import open_store
from consumer.batches.ingest import Archive
from consumer.settings import Settings
from dev.processes import port_is_free
from dev.testing import TEMPLATE

pytest_plugins = ["tests.app.columns.copied", "tests.real_archive", "tests.scheduling"]

DATA = Path(os.environ.get("MARS_TEST_DATA", "../shared/data"))
PUBLISHED = "https://ztf.uw.edu/alerts/public/"
_told: dict[str, list[str]] = {}

# The same examples in every run, and no failure of a machine that is busy with other things.
hypothesis.settings.register_profile(
    "mars",
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("mars")


def pytest_configure() -> None:
    """In CI the real packets must be there."""
    if os.environ.get("CI") and not _is_real():
        raise pytest.UsageError(f"no real packets in {DATA.resolve()}: set MARS_TEST_DATA")


def _is_real() -> bool:
    return (DATA / "ztf" / "manifest.csv").is_file()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Without the real packets leave out the tests that need them."""
    if _is_real():
        return
    real = [item for item in items if "real" in getattr(item, "fixturenames", ())]
    config.hook.pytest_deselected(items=real)
    items[:] = [item for item in items if item not in real]
    # Each of several processes leaves them out; the first one says so.
    if os.environ.get("PYTEST_XDIST_WORKER", "gw0") == "gw0":
        lines_at_the_end("left out: tests on real packets").extend(
            [
                *(item.nodeid for item in real),
                f"ZTF publishes packets at {PUBLISHED}; set MARS_TEST_DATA to the folder of yours",
            ]
        )


def lines_at_the_end(heading: str) -> list[str]:
    """Lines that are printed under a heading when the run ends, passed or not."""
    return _told.setdefault(heading, [])


def pytest_sessionfinish(session: pytest.Session) -> None:
    """One of several processes hands its lines to the one that prints."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["told"] = _told


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take the lines of one that has ended (one that crashed has none)."""
    for heading, lines in getattr(node, "workeroutput", {}).get("told", {}).items():
        lines_at_the_end(heading).extend(lines)


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for heading, lines in _told.items():
        if lines:
            terminalreporter.section(heading)
            for line in lines:
                terminalreporter.write_line(line)


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
    copied = f" TEMPLATE {template} OWNER mars_owner" if template else ""
    # Through the log, as the server likes it best, a copy takes five times the CPU.
    await _as_admin(f"CREATE DATABASE {name} STRATEGY file_copy{copied}")
    endpoint = Settings().s3_endpoint_url
    # Nothing is encrypted: to read certificates takes 40 ms.
    async with _session().client("s3", endpoint_url=endpoint, verify=False) as s3:
        await s3.create_bucket(Bucket=name.replace("_", "-"))
    try:
        if template is None:
            await _as_admin((SQL / "cluster.sql").read_text(), name)
        yield Place(name, name.replace("_", "-"))
    finally:
        await _as_admin(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def template() -> str:
    """A migrated database, to be copied: 60 ms where a migration takes 300."""
    return TEMPLATE


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


def free_ports() -> int:
    """Draw the port of a stack's app, of which all others follow; nobody listens on any of them."""
    while True:
        first = random.randrange(20_000, 30_000, 10)
        if all(port_is_free(first + n) for n in range(10)):
            return first


@pytest.fixture(scope="session", autouse=True)
def _stack_is_up() -> None:
    if "MARS_ADMIN_DATABASE_URL" not in os.environ:
        pytest.exit("no servers are named in the environment: run `make test`", returncode=2)


@pytest.fixture(scope="session", autouse=True)
def _extras_have_time() -> Iterator[None]:
    """Totals, blame and plans are left out when they take long: not here, however busy it is.

    Tests of what happens then give them less.
    """
    with pytest.MonkeyPatch.context() as patch:
        for module, name in (
            (counting, "COUNT_S"),
            (counting, "EXACT_S"),
            (explaining, "PLAN_S"),
            (totals, "PROBE_S"),
            (totals, "PROBES_S"),
        ):
            patch.setattr(module, name, 30.0)
        yield
