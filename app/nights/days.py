"""Nights: their names, the table of the ledger, and the nights before and after one."""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any, Final

from sqlalchemy import BindParameter, Date, Double, bindparam, func, select

from app.alerts.access.archive import Archive
from app.alerts.sql.statements import compile_statement
from app.answers.tabular import Table
from app.errors import NotFound
from app.search.examples import NIGHT
from app.search.search import Search, parse_search
from archive import times
from archive.columns import INTEGER, TEXT, Column
from archive.surveys.ztf.tables import alert
from archive.tables import ledger

Item = dict[str, Any]
DEFAULT_LIMIT: Final = 100
MAX_LIMIT: Final = 400
_WHOLE: Final = 10**9
"""More alerts than a night has."""
NIGHT_COLUMNS: Final = (
    Column(
        "night", TEXT, "", "time.epoch", "the night, UTC", required=True, since="", is_ascii=True
    ),
    Column("topic", TEXT, "", "meta.id", "topic, tarball or folder", required=True, since=""),
    *(
        Column(name, INTEGER, "", "meta.number", meaning, required=True, since="")
        for name, meaning in {
            "received": "packets received",
            "stored": "packets that became alerts of the archive",
            "duplicate": "packets that were already known",
            "private": "packets of other programmes, dropped",
            "rejected": "packets that could not be read",
        }.items()
    ),
)
NIGHTS_TABLE: Final = Table(
    "nights", "What became of every packet, per night and topic", NIGHT_COLUMNS
)
OUTCOMES: Final = tuple(column.name for column in NIGHT_COLUMNS if column.kind is INTEGER)
DAY: Final = "[0-9]{8}|[0-9]{4}-[0-9]{2}-[0-9]{2}"
"""A day as addresses have it, or as the lists do."""


def read_day(text: str) -> date:
    """The day that YYYYMMDD or YYYY-MM-DD names. Raises ValueError."""
    try:
        if not re.fullmatch(DAY, text):
            raise ValueError
        return date.fromisoformat(text)
    except ValueError:
        shown = f"not a day as YYYYMMDD or YYYY-MM-DD; an example is {NIGHT}"
        raise ValueError(shown) from None


def read_night(text: str) -> date:
    """The night that a path names. Raises NotFound if it is not a day."""
    try:
        day = read_day(text)
    except ValueError as error:
        raise NotFound(f"no night {text[:16]!r}: {error}") from None
    if day == date.max:
        # The end of this day cannot be written as a date.
        raise NotFound("no night on the last day of the year 9999")
    return day


def compact_date(night: date) -> str:
    """The night as addresses have it."""
    return night.isoformat().replace("-", "")


def midnight_of(night: date) -> datetime:
    """The night's 0h UTC."""
    return datetime(night.year, night.month, night.day, tzinfo=UTC)


def begin_of(night: date) -> float:
    """The same as a Julian date, exactly: one half behind the point."""
    return times.jd_of(midnight_of(night))


def search_night(night: date, as_of: int | None) -> Search:
    """All alerts exposed in a night, with all columns, as Parquet."""
    begin = begin_of(night)
    bounds = [("jd__gte", repr(begin)), ("jd__lt", repr(begin + 1)), ("format", "parquet")]
    seen = [] if as_of is None else [("as_of", str(as_of))]
    return replace(parse_search(bounds + seen), limit=_WHOLE)


def read_topics(items: Sequence[Item]) -> list[Item]:
    """Nights as rows of the table, one a topic."""
    return [{"night": item["night"], **topic} for item in items for topic in item["topics"]]


_DAY: Final = bindparam("night", type_=Date())
_BEGIN: Final[BindParameter[float]] = bindparam("begin", type_=Double())
_END: Final[BindParameter[float]] = bindparam("end", type_=Double())
_BESIDE: Final = compile_statement(
    select(
        select(func.max(ledger.c.night)).where(ledger.c.night < _DAY).scalar_subquery(),
        select(func.max(alert.c.jd)).where(alert.c.jd < _BEGIN).scalar_subquery(),
        select(func.min(ledger.c.night)).where(ledger.c.night > _DAY).scalar_subquery(),
        select(func.min(alert.c.jd)).where(alert.c.jd >= _END).scalar_subquery(),
    )
)


async def read_neighbours(archive: Archive, night: date) -> tuple[date | None, date | None]:
    """The nearest nights before and after that the ledger knows or that have alerts."""
    begin = begin_of(night)
    ((earlier, before, later, after),) = await archive.fetch(
        _BESIDE, night=night, begin=begin, end=begin + 1
    )
    return (
        max((day for day in (earlier, _day_at(before)) if day), default=None),
        min((day for day in (later, _day_at(after)) if day), default=None),
    )


def _day_at(jd: float | None) -> date | None:
    return times.datetime_of(jd).date() if jd is not None and times.is_date(jd) else None
