"""Statistics against brute force over the rows of PostgreSQL, and how often they are counted."""

import asyncio
import math
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import cdshealpix.nested
import numpy as np
import pytest
from astropy.coordinates import Latitude, Longitude

from app.alerts.access.archive import Archive
from app.columns.copy import Readable
from app.columns.question import Question, Row
from app.errors import ColumnsUnavailable, NoCatalog
from app.statistics import overview
from app.statistics.counting import MAGNITUDES, SCORES, Axis, count_copy
from app.statistics.models import Statistics
from app.statistics.overview import Overview
from archive import times
from tests.app.columns.copied import Copied
from tests.conftest import url_of

ROWS = """
    SELECT jd, ra, dec, filter, magpsf, rb, drb, object_id, ssnamenr
    FROM alert WHERE batch <= $1
"""
GROWTH = """
    SELECT (time AT TIME ZONE 'UTC')::date::text AS day, sum(stored) AS alerts
    FROM ledger WHERE batch <= $1 GROUP BY day HAVING sum(stored) > 0 ORDER BY day
"""


@pytest.fixture(scope="module")
async def statistics(copied: Copied) -> Statistics:
    return await count_copy(copied.archive, copied.copy)


async def ask(copied: Copied, statement: str) -> list[asyncpg.Record]:
    url = url_of("owner", copied.place.database).replace("+asyncpg", "")
    connection = await asyncpg.connect(url)
    try:
        found: list[asyncpg.Record] = await connection.fetch(statement, copied.copy.as_of)
        return found
    finally:
        await connection.close()


@pytest.fixture(scope="module")
async def rows(copied: Copied) -> list[asyncpg.Record]:
    """Every row that the copy holds."""
    return await ask(copied, ROWS)


def is_dated(row: asyncpg.Record) -> bool:
    return row["jd"] is not None and times.is_date(row["jd"])


def test_totals(statistics: Statistics, rows: list[asyncpg.Record], copied: Copied) -> None:
    jds = [row["jd"] for row in rows if is_dated(row)]
    bodies = [row["ssnamenr"] for row in rows if row["ssnamenr"] is not None]
    assert statistics.as_of == copied.copy.as_of
    assert statistics.totals.model_dump() == {
        "alerts": len(rows),
        "objects": len({row["object_id"] for row in rows}),
        "nights": len({math.floor(jd - 0.5) for jd in jds}),
        "exposures": len(set(jds)),
        "undated": len(rows) - len(jds),
        "bodies": len(set(bodies)),
        "body_alerts": len(bodies),
        "first_jd": min(jds),
        "first_time": times.datetime_of(min(jds)).isoformat(timespec="microseconds")[:-6] + "Z",
        "last_jd": max(jds),
        "last_time": times.datetime_of(max(jds)).isoformat(timespec="microseconds")[:-6] + "Z",
    }
    # There is something odd among them, and not that alone.
    assert 0 < statistics.totals.undated < len(rows) / 2


def test_nights(statistics: Statistics, rows: list[asyncpg.Record]) -> None:
    # A night is where its page finds it: from 0h to 0h, by the doubles of Julian dates.
    days = [(np.float64(row["jd"]), row["filter"]) for row in rows if is_dated(row)]
    wanted: Counter[tuple[str, str | None]] = Counter()
    for jd, band in days:
        midnight = math.floor(jd - 0.5) + 0.5
        assert midnight <= jd < midnight + 1
        wanted[times.datetime_of(midnight).date().isoformat(), band] += 1
    assert {(n.night, n.filter): n.alerts for n in statistics.nights} == wanted
    assert len(statistics.nights) == len(wanted) > 100
    assert [n.night for n in statistics.nights] == sorted(n.night for n in statistics.nights)


def histogram(axis: Axis, values: Sequence[float | None]) -> dict[str, Any]:
    """By comparing with edges in single precision, as a search does."""
    edges = [float(np.float32(axis.begin + n / axis.per_unit)) for n in range(axis.bins + 1)]
    found = {"counts": [0] * axis.bins, "below": 0, "above": 0, "missing": 0}
    for value in values:
        if value is None or math.isnan(value):
            found["missing"] += 1  # type: ignore[operator]
        elif value < edges[0]:
            found["below"] += 1  # type: ignore[operator]
        elif value > edges[-1]:
            found["above"] += 1  # type: ignore[operator]
        else:
            place = max(n for n in range(axis.bins) if value >= edges[n])
            found["counts"][place] += 1  # type: ignore[index]
    return {"begin": axis.begin, "width": 1 / axis.per_unit, **found}


def test_histograms(statistics: Statistics, rows: list[asyncpg.Record]) -> None:
    for name, own in (("rb", statistics.rb), ("drb", statistics.drb)):
        assert own.model_dump() == histogram(SCORES, [row[name] for row in rows])
        assert min(own.below, own.above, own.missing, sum(own.counts)) > 0
    bands = [one.filter for one in statistics.magpsf]
    assert bands == [b for b in ("g", "r", "i", None) if any(row["filter"] == b for row in rows)]
    for one in statistics.magpsf:
        values = [row["magpsf"] for row in rows if row["filter"] == one.filter]
        assert one.model_dump() == histogram(MAGNITUDES, values) | {"filter": one.filter}
    every = [*statistics.magpsf, statistics.rb, statistics.drb]
    assert sum(sum(h.counts) + h.below + h.above + h.missing for h in every) == 3 * len(rows)


@pytest.mark.parametrize("axis", [MAGNITUDES, SCORES])
def test_every_edge_lies_in_the_bin_that_begins_there(axis: Axis) -> None:
    edges = np.float32(axis.begin) + np.arange(axis.bins) / axis.per_unit
    for n, edge in enumerate(edges.astype(np.float32)):
        before, after = (np.nextafter(edge, np.float32(to)) for to in (-99, 99))
        found = [math.floor(float(v) * axis.factor) for v in (before, edge, after)]
        first = axis.begin * axis.per_unit
        assert found == [first + n - 1, first + n, first + n]


def test_sky(statistics: Statistics, rows: list[asyncpg.Record]) -> None:
    ra, dec = (np.array([row[name] for row in rows]) for name in ("ra", "dec"))
    pixels = cdshealpix.nested.lonlat_to_healpix(
        Longitude(ra, unit="deg"), Latitude(dec, unit="deg"), statistics.sky.order
    )
    assert statistics.sky.counts == np.bincount(pixels, minlength=3072).tolist()


def test_objects_and_bodies(statistics: Statistics, rows: list[asyncpg.Record]) -> None:
    alerts = Counter(row["object_id"] for row in rows)
    assert sum(item.objects for item in statistics.objects) == len(alerts)
    for item in statistics.objects:
        own = [n for n in alerts.values() if item.least <= n <= item.most]
        assert len(own) == item.objects > 0
    firsts = [(item.least, item.most) for item in statistics.objects[:4]]
    assert firsts == [(1, 1), (2, 2), (3, 4), (5, 8)]
    bodies = Counter(row["ssnamenr"] for row in rows if row["ssnamenr"] is not None)
    ordered = sorted(bodies.items(), key=lambda one: (-one[1], one[0].encode()))
    assert [(b.ssnamenr, b.alerts) for b in statistics.bodies] == ordered[:20]


async def test_growth(statistics: Statistics, copied: Copied) -> None:
    found = await ask(copied, GROWTH)
    assert [(g.day, g.alerts) for g in statistics.growth] == [tuple(row) for row in found]
    assert statistics.growth[-1].total == sum(row["alerts"] for row in found) > 0


async def test_a_copy_without_rows(copied: Copied) -> None:
    empty = Readable("nothing", 0, 0, frozenset(), frozenset())
    statistics = await count_copy(copied.archive, empty)
    assert statistics.totals.alerts == statistics.totals.objects == 0
    assert statistics.totals.first_time is None
    assert sum(statistics.sky.counts) == len(statistics.nights) == len(statistics.growth) == 0


# -------------------------------------------------------------------------------------------------
# How often
# -------------------------------------------------------------------------------------------------


@dataclass
class Stopped:
    """Columns whose questions wait until they are let go, or fail."""

    columns: Any
    readable: Readable | None
    go: asyncio.Event = field(default_factory=asyncio.Event)
    failing: bool = False
    asked: int = 0

    async def ask(self, question: Question, seconds: float) -> list[Row]:
        self.asked += 1
        await self.go.wait()
        if self.failing:
            raise ColumnsUnavailable("the disk is away")
        found: list[Row] = await self.columns.ask(question, seconds)
        return found


@pytest.fixture
async def stopped(copied: Copied) -> AsyncIterator[tuple[Stopped, Overview]]:
    columns = Stopped(copied.columns, copied.columns.readable)
    archive: Archive = copied.archive._replace(columns=columns)  # type: ignore[arg-type]
    made = Overview(archive)
    yield columns, made
    await made.close()


async def test_requests_at_once_count_once(stopped: tuple[Stopped, Overview]) -> None:
    columns, made = stopped
    asked = [asyncio.create_task(made.present()) for _ in range(3)]
    await asyncio.sleep(0)
    # The first client leaves, which is nothing to the others.
    asked[0].cancel()
    columns.go.set()
    second, third = await asyncio.gather(*asked[1:])
    assert second is third is await made.present()
    assert columns.asked == 7


async def test_a_newer_copy_is_counted_behind(stopped: tuple[Stopped, Overview]) -> None:
    columns, made = stopped
    columns.go.set()
    first = await made.present()
    columns.go.clear()
    assert columns.readable is not None
    columns.readable = columns.readable._replace(as_of=columns.readable.as_of + 1)
    assert await made.present() is first
    columns.go.set()
    counting = asyncio.create_task(made.keep_counting())
    async with asyncio.timeout(60):
        while (await made.present()).as_of == first.as_of:  # noqa: ASYNC110 - no event
            await asyncio.sleep(0.01)
    counting.cancel()
    assert columns.asked == 14


async def test_a_fault_is_told_and_not_kept(
    stopped: tuple[Stopped, Overview], monkeypatch: pytest.MonkeyPatch
) -> None:
    columns, made = stopped
    monkeypatch.setattr(overview, "WAIT_S", 0.01)
    with pytest.raises(Exception, match="the archive is being counted"):
        await made.present()
    monkeypatch.undo()
    columns.failing = True
    columns.go.set()
    with pytest.raises(ColumnsUnavailable):
        await made.present()
    columns.failing = False
    assert (await made.present()).totals.alerts > 0
    columns.readable = None
    with pytest.raises(NoCatalog):
        await made.present()
