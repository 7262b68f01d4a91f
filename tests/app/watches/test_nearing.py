"""Positions of many watches in one pass: what each finds alone, by the index."""

from collections.abc import AsyncIterator, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from sqlalchemy import func, insert, text
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from app import schema
from app.alerts.sql.statements import compile_statement
from app.watches import near_sql, nearing
from app.watches.near_sql import insert_positions, select_near, select_near_any
from app.watches.nearing import find_near
from app.watches.positions import Slice
from tests.app.conftest import database_of, fresh_archive
from tests.conftest import url_of

RADII = (1 / 3600, 0.01, 0.3, 1.0)
"""Greatest radius of each watch [deg]."""
IDS = [letter * 32 for letter in "ABCD"]
EACH = 3_000


def draw(rng: np.random.Generator, count: int) -> tuple[Any, Any]:
    """Places at the poles, across RA 0, on one spot, and anywhere [deg]."""
    ra, dec = rng.uniform(0, 360, count), np.degrees(np.arcsin(rng.uniform(-1, 1, count)))
    kind = rng.integers(0, 5, count)
    dec = np.select([kind == 0, kind == 1], [90 - np.abs(dec) / 90, np.abs(dec) / 90 - 90], dec)
    ra = np.where(kind == 2, rng.uniform(-0.5, 0.5, count) % 360, ra)
    dec = np.where(kind == 2, rng.uniform(-0.5, 0.5, count), dec)
    return np.where(kind == 3, 150.0, ra), np.where(kind == 3, 2.0, dec)


def apart(alerts: Any, positions: Any) -> Any:
    """The separation of each alert and each position [deg], by unit vectors."""

    def vectors(ra: Any, dec: Any) -> Any:
        ra, dec = np.radians(ra), np.radians(dec)
        return np.stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)], axis=-1)

    chord = np.linalg.norm(vectors(*alerts)[:, None] - vectors(*positions)[None], axis=-1)
    return np.degrees(2 * np.arcsin(np.minimum(chord / 2, 1)))


class Sky:
    """Watches whose positions are known, and alerts."""

    def __init__(self, connection: AsyncConnection) -> None:
        self.connection = connection
        self.watches: list[Any] = []
        self.positions: dict[str, tuple[Any, Any, Any]] = {}
        self.alerts: list[Any] = []
        self.places: Any = ()

    async def fill(self, rng: np.random.Generator) -> None:
        for watch, widest in zip(IDS, RADII, strict=True):
            await self.connection.execute(
                insert(schema.watch).values(
                    id=watch,
                    client="x",
                    secret=bytes(32),
                    filters=[],
                    upto=0,
                    positions=EACH,
                    widest=widest,
                    expires=func.now(),
                )
            )
            ra, dec = draw(rng, EACH)
            radius = rng.uniform(widest / 2, widest, EACH)
            some = Slice([""] * EACH, ra.tolist(), dec.tolist(), radius.tolist())
            await self.connection.execute(insert_positions(watch, some))
            self.watches.append(SimpleNamespace(id=watch, widest=widest, positions=EACH))
            self.positions[watch] = (ra, dec, radius)
        ra, dec = draw(rng, 600)
        # Some of them a little beside a position, so that small circles have some too.
        for n, watch in enumerate(IDS):
            own = self.positions[watch]
            ra[n * 100 : n * 100 + 60] = own[0][:60]
            dec[n * 100 : n * 100 + 60] = np.clip(own[1][:60] + own[2][:60] * 0.7, -90, 90)
        self.places = (ra, dec)
        told = enumerate(zip(ra.tolist(), dec.tolist(), strict=True), 1)
        self.alerts = [{"lco_id": n, "ra": a, "dec": d} for n, (a, d) in told]
        await self.connection.execute(text("ANALYZE app.watch_position"))

    def wanted(self, watch: str) -> list[int]:
        *place, radius = self.positions[watch]
        near = (apart(self.places, place) < radius).any(axis=1)
        return [int(n) + 1 for n in np.flatnonzero(near)]

    async def found(self, passed: Mapping[str, Sequence[Any]]) -> dict[str, Any]:
        told = await find_near(self.connection, self.watches, passed)
        return {watch: sorted(held) for watch, held in told.items() if isinstance(held, list)}


@pytest.fixture(scope="module")
async def sky() -> AsyncIterator[Sky]:
    async with fresh_archive() as settings:
        engine = create_async_engine(url_of("admin", database_of(settings)))
        async with engine.connect() as connection:
            sky = Sky(connection)
            await sky.fill(np.random.default_rng(14))
            yield sky
        await engine.dispose()


@pytest.mark.parametrize("most", [near_sql.MOST, 3])
async def test_a_pass_finds_what_each_watch_finds_by_arithmetic(
    sky: Sky, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where more lie around an alert than a pass looks at, each watch looks for itself."""
    for module in (near_sql, nearing):
        monkeypatch.setattr(module, "MOST", most)
    found = await sky.found(dict.fromkeys(IDS, sky.alerts))
    assert found == {watch: sky.wanted(watch) for watch in IDS}
    assert all(60 <= len(held) < 600 for held in found.values())
    # Each has filters of its own, which leave it some of the alerts.
    passed = {watch: sky.alerts[n::4] for n, watch in enumerate(IDS)}
    kept = {n: {alert["lco_id"] for alert in held} for n, held in passed.items()}
    assert await sky.found(passed) == {
        watch: [number for number in held if number in kept[watch]] for watch, held in found.items()
    }


async def test_a_watch_that_has_passed_no_alert_finds_none(sky: Sky) -> None:
    assert await sky.found({watch: [] for watch in IDS}) == {watch: [] for watch in IDS}


async def test_who_cannot_be_looked_at_is_left_alone(
    sky: Sky, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the pass nor one of the watches gets an answer in time; the others do."""

    def slow(statement: Any) -> Any:
        return statement.add_columns(text("pg_sleep(60)"))

    def select_alone(watch: str, widest: float, some: Any) -> Any:
        own = select_near(watch, widest, some)
        return slow(own) if watch == IDS[1] else own

    monkeypatch.setattr(nearing, "select_near_any", lambda *asked: slow(select_near_any(*asked)))
    monkeypatch.setattr(nearing, "select_near", select_alone)
    async with sky.connection.begin_nested():
        await sky.connection.execute(text("SET LOCAL statement_timeout = '2s'"))
        told = await find_near(sky.connection, sky.watches, dict.fromkeys(IDS, sky.alerts[:250]))
    assert isinstance(told[IDS[1]], Exception)
    for watch in (IDS[0], *IDS[2:]):
        assert told[watch] == [n for n in sky.wanted(watch) if n <= 250]


def indexes_of(plan: Any) -> dict[str, int]:
    """The indexes that a plan uses, with how often each was asked; no table may be read whole."""
    found: dict[str, int] = {}
    assert plan["Node Type"] != "Seq Scan"
    if "Index Name" in plan:
        found[plan["Index Name"]] = plan["Actual Loops"]
    for part in plan.get("Plans", ()):
        found |= indexes_of(part)
    return found


@pytest.mark.parametrize("mode", ["force_custom_plan", "force_generic_plan"])
async def test_alerts_lead_to_positions_by_the_index(sky: Sky, mode: str) -> None:
    """Four ranges an alert, however many watches there are; the same once the plan is generic."""
    asked = {
        "watch_position_pixel": select_near_any(IDS, RADII[0], sky.alerts[:250]),
        "watch_position_sky": select_near(IDS[0], RADII[0], sky.alerts[:250]),
    }
    driver: Any = (await sky.connection.get_raw_connection()).driver_connection
    await driver.execute(f"SET plan_cache_mode = {mode}")
    for index, select in asked.items():
        statement = compile_statement(select)
        told = await driver.fetchval(
            f"EXPLAIN (ANALYZE, FORMAT JSON) {statement.sql}", *statement.arguments({})
        )
        used = indexes_of(told[0]["Plan"])
        assert list(used) == [index]
        assert 250 <= used[index] <= 4 * 250
