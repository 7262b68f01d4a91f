"""A night's alerts by field and filter, from all that the archive holds of one UTC day of jd.

The database counts the alerts of each quadrant exposure: a few ten thousand rows a night. All other
numbers are computed from them here. Rows never change and batches are only added, so the counts up
to one batch are kept, and later batches are counted alone and added.
Measured on two busy cores: a night of 434,000 alerts takes 3.5 s, and 2,300 more of them 0.4 s.
"""

import asyncio
from collections.abc import Sequence
from datetime import date
from itertools import pairwise
from typing import Any, Final, NamedTuple

import asyncpg
import numpy as np
from cachetools import LRUCache
from numpy.typing import NDArray
from sqlalchemy import (
    BigInteger,
    BindParameter,
    ColumnElement,
    Double,
    Integer,
    bindparam,
    cast,
    func,
    literal_column,
    select,
)

from app.alerts.access.archive import Archive
from app.alerts.output.items import utc_text
from app.alerts.sql.region_sql import unit_vector_of
from app.alerts.sql.statements import Statement, compile_statement
from app.answers.tabular import Table, shortest_floats
from app.errors import QueryTooCostly
from app.nights.days import Item, begin_of, compact_date
from app.search.sphere import direction_of
from archive.columns import DOUBLE, INTEGER, REAL, TEXT, TIME, Column, Kind
from archive.surveys.ztf.tables import FILTER_OF_FID, alert

MOST: Final = 12
"""Nights kept, each of some 3 MB; the one unused for longest is forgotten first."""
PARTS: Final = 24
"""A whole night is read in parts of an hour: of a million alerts each takes a fraction of the time
that a statement has, and no answer of another request waits for the rows of all to be read."""
MANY_BATCHES: Final = 1000
"""More new batches than this are read in parts too."""
WAIT_S: Final = 4.0
"""How long a request waits for others: nights are counted one at a time."""
BANDS: Final = (*FILTER_OF_FID.values(), None)
"""In the order of their numbers; alerts of any other have no filter."""
_NO_FIELD: Final = 2**31
"""Stands for a missing field; sorts last."""
_PER_RADIAN: Final = 1e9
"""Axes are added as integers, which gives the same sum in any order: 0.2 mas are lost at most."""


def _told(
    name: str, kind: Kind, unit: str, ucd: str, meaning: str, *, null: bool = False
) -> Column:
    return Column(name, kind, unit, ucd, meaning, required=not null, since="", is_ascii=True)


# fmt: off
FIELD_COUNT_COLUMNS: Final = (
    _told("field", INTEGER, "", "meta.id;obs.field", "field of ZTF's grid", null=True),
    _told("filter", TEXT, "", "meta.id;instr.filter", "band of the exposures", null=True),
    _told("alerts", INTEGER, "", "meta.number;obs", "number of alerts"),
    _told("exposures", INTEGER, "", "meta.number;obs.exposure", "exposures with an alert, by jd"),
    _told("quadrants", INTEGER, "", "meta.number;instr.det", "readout channels with an alert, by "
          "rcid; the camera has 64"),
    _told("diffmaglim_median", REAL, "mag", "phot.mag;stat.median", "median 5-sigma limit of the "
          "quadrant exposures with an alert", null=True),
    _told("first_jd", DOUBLE, "d", "time.start;obs.exposure", "first exposure, Julian date, UTC"),
    _told("first_time", TIME, "", "time.start;obs.exposure", "first exposure, RFC 3339, UTC"),
    _told("last_jd", DOUBLE, "d", "time.end;obs.exposure", "last exposure, Julian date, UTC"),
    _told("last_time", TIME, "", "time.end;obs.exposure", "last exposure, RFC 3339, UTC"),
    _told("ra", DOUBLE, "deg", "pos.eq.ra;meta.main", "mean right ascension of the alerts, J2000"),
    _told("dec", DOUBLE, "deg", "pos.eq.dec;meta.main", "mean declination of the alerts, J2000"),
)
# fmt: on
_MEANING: Final = "Alerts of one night by ZTF field and filter"

Exposures = NDArray[Any]
"""One row for each quadrant exposure, in order of its key."""
_KEY: Final = ("field", "band", "jd", "quadrant")
_SUMS: Final = ("alerts", "x", "y", "z")
_TYPE: Final = np.dtype(
    [("field", "i8"), ("band", "i8"), ("jd", "f8"), ("quadrant", "i8"), ("limit", "f4")]
    + [(name, "i8") for name in _SUMS]
)


def _counting(since: bool) -> Statement:
    """The rows of a part of a night, up to a batch, or of what came after an earlier one."""
    batch = alert.c.batch <= bindparam("as_of", type_=BigInteger())
    later = [alert.c.batch > bindparam("since", type_=BigInteger())] if since else []
    begin: BindParameter[float] = bindparam("begin", type_=Double())
    end: BindParameter[float] = bindparam("end", type_=Double())
    scale: ColumnElement[float] = literal_column(repr(_PER_RADIAN), Double())
    # The readout channel is also the middle of pid, so it is known of packets without rcid.
    quadrant = func.coalesce(alert.c.rcid, literal_column("pid % 10000 / 100", BigInteger()))
    keys = (alert.c.field, alert.c.filter, alert.c.jd, quadrant)
    return compile_statement(
        select(
            *keys,
            func.min(alert.c.diffmaglim),
            func.count(),
            *(func.sum(cast(axis * scale, Integer)) for axis in unit_vector_of(alert.c).values()),
        )
        .where(alert.c.jd >= begin, alert.c.jd < end, batch, *later)
        .group_by(*keys)
    )


_WHOLE: Final = _counting(since=False)
_SINCE: Final = _counting(since=True)


def table_of(night: date) -> Table:
    """The table that a night's counts are."""
    return Table(f"fields-{compact_date(night)}", _MEANING, FIELD_COUNT_COLUMNS)


class Counted(NamedTuple):
    """What was counted of a night."""

    as_of: int
    exposures: Exposures
    items: list[Item]
    """The same by field and filter, as the typed API has it."""

    @property
    def alerts(self) -> int:
        """How many the night has."""
        return int(self.exposures["alerts"].sum())


_NOTHING: Final = Counted(-1, np.empty(0, _TYPE), [])


class NightCounts:
    """The counts of the nights that were requested last."""

    def __init__(self) -> None:
        self._kept: LRUCache[tuple[date, int | None], Counted] = LRUCache(MOST)
        """Each as of the newest requested batch (None), and as of one earlier batch."""
        self._counting = asyncio.Lock()

    async def of(self, archive: Archive, night: date, as_of: int) -> Counted:
        """The alerts of a night up to a batch that the archive holds. Raises QueryTooCostly."""
        _, known = self._known(night, as_of)
        if known.as_of == as_of:
            return known
        try:
            async with asyncio.timeout(WAIT_S):
                await self._counting.acquire()
        except TimeoutError:
            raise QueryTooCostly(
                "the server is counting other nights: try again in a few seconds"
            ) from None
        try:
            # The request that held the lock may have counted this night.
            key, known = self._known(night, as_of)
            if known.as_of != as_of:
                self._kept[key] = known = await _added(archive, night, known, as_of)
            return known
        finally:
            self._counting.release()

    def _known(self, night: date, as_of: int) -> tuple[tuple[date, int | None], Counted]:
        """The key under which a night up to a batch is kept, and its counts so far."""
        key: tuple[date, int | None] = (night, None)
        if key in self._kept and self._kept[key].as_of > as_of:
            key = (night, as_of)
        return key, self._kept.get(key, _NOTHING)


async def _added(archive: Archive, night: date, known: Counted, as_of: int) -> Counted:
    """The known counts of a night plus those of its later batches, up to `as_of`."""
    whole = known.as_of < 0
    statement = _WHOLE if whole else _SINCE
    parts = PARTS if whole or as_of - known.as_of > MANY_BATCHES else 1
    edges = [begin_of(night) + n / parts for n in range(parts + 1)]
    found = [known.exposures]
    statement = statement._replace(costly=parts > 1)
    for begin, end in pairwise(edges):
        rows = await archive.fetch(statement, begin=begin, end=end, as_of=as_of, since=known.as_of)
        if rows:
            found.append(_exposures(rows))
    if len(found) == 1:
        return known._replace(as_of=as_of)
    exposures = await asyncio.to_thread(join_exposures, found)
    return Counted(as_of, exposures, await asyncio.to_thread(sum_by_field, exposures))


def _exposures(rows: Sequence[asyncpg.Record]) -> Exposures:
    made = [
        (_NO_FIELD if field is None else field, BANDS.index(band), *rest)
        for field, band, *rest in rows
    ]
    return np.array(made, _TYPE)


def join_exposures(parts: Sequence[Exposures]) -> Exposures:
    """All rows in order of their key, those of one key added up."""
    rows = np.concatenate(parts)
    rows = rows[np.lexsort([rows[name] for name in reversed(_KEY)])]
    first = _firsts(rows, _KEY)
    whole = rows[first]
    for name in _SUMS:
        whole[name] = np.add.reduceat(rows[name], first)
    whole["limit"] = np.fmin.reduceat(rows["limit"], first)
    return whole


def _firsts(rows: Exposures, key: Sequence[str]) -> NDArray[np.intp]:
    """Where each group of rows with an equal key begins; the rows are in its order."""
    new = np.ones(len(rows), bool)
    new[1:] = np.any([rows[name][1:] != rows[name][:-1] for name in key], axis=0)
    return np.flatnonzero(new)


def sum_by_field(exposures: Exposures) -> list[Item]:
    """What the alerts of each field and filter say."""
    first = _firsts(exposures, _KEY[:2])
    return [_item(own) for own in np.split(exposures, first[1:])] if len(first) else []


def _item(own: Exposures) -> Item:
    """One field in one filter."""
    limits = own["limit"][~np.isnan(own["limit"])]
    (limit,) = shortest_floats([float(np.median(limits.astype(float)))] if len(limits) else [None])
    ra, dec = direction_of(*(float(own[axis].sum()) for axis in "xyz"))
    begin, end = float(own["jd"].min()), float(own["jd"].max())
    number = int(own["field"][0])
    return {
        "field": None if number == _NO_FIELD else number,
        "filter": BANDS[own["band"][0]],
        "alerts": int(own["alerts"].sum()),
        "exposures": len(np.unique(own["jd"])),
        "quadrants": len(np.unique(own["quadrant"])),
        "diffmaglim_median": limit,
        "first_jd": begin,
        "first_time": utc_text(begin),
        "last_jd": end,
        "last_time": utc_text(end),
        "ra": ra,
        "dec": dec,
    }
