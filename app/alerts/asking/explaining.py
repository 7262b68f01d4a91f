"""By which way a search is answered, what it has to look at, and what would be cheaper."""

from enum import StrEnum
from typing import Final, NamedTuple

from app.alerts.access.archive import Archive
from app.alerts.asking import searching
from app.alerts.asking.by_columns import readable_for
from app.alerts.sql.costs import Cost, cost_of, is_gathered
from app.alerts.sql.search_sql import GLANCE
from app.columns.row_groups import count_rows_to_read
from app.errors import ColumnsUnavailable, QueryTooCostly
from app.search.search import Search

PLAN_S: Final = 0.5


class Way(StrEnum):
    """How alerts are found."""

    INDEX = "index"
    WALK = "walk"
    COLUMNS = "columns"
    TABLE = "table"


_WORDS: Final = {
    Way.INDEX: "an index of PostgreSQL leads to the alerts",
    Way.WALK: "PostgreSQL walks down an index in the order asked for until the page is full",
    Way.COLUMNS: "the columnar copy is scanned, and PostgreSQL for what came after it",
    Way.TABLE: "PostgreSQL scans the whole table: there is no columnar copy to scan in its place",
}
_BY_PLACE: Final = (
    "a cone, a polygon, an object, a body or a list of ids: an index leads to their alerts"
)
_BY_TIME: Final = "a shorter time range (jd, mjd or time, from and to)"
_BY_ORDER: Final = "the order of time (without sort): the page may be full before all is read"


class Explained(NamedTuple):
    """How a search is answered."""

    way: Way
    words: str
    looks_at: int | None
    """Alerts that have to be looked at, at most; None where only the answer itself would tell."""
    columns_as_of: int | None
    """Last batch of the columnar copy; None without one."""
    cheaper: list[str]


async def explain_search(archive: Archive, search: Search) -> Explained:
    """How this search is answered just now."""
    cost, copy = cost_of(search), archive.columns.readable if archive.columns else None
    usable = readable_for(archive, search)
    looks_at: int | None = None
    if cost is Cost.LITTLE or is_gathered(search):
        way, looks_at = Way.INDEX, await _planned(archive, search)
    elif cost is Cost.OPEN and await searching.is_glanced(archive, search):
        way, looks_at = Way.WALK, GLANCE
    elif usable is not None:
        way = Way.COLUMNS
        try:
            ((rows,),) = await archive.scan(count_rows_to_read(search, usable))
            looks_at = int(rows)
        except (QueryTooCostly, ColumnsUnavailable):
            looks_at = usable.rows
    else:
        way, looks_at = Way.TABLE, await _planned(archive, search)
    as_of = None if copy is None else copy.as_of
    return Explained(way, _WORDS[way], looks_at, as_of, _cheaper(search, way))


async def _planned(archive: Archive, search: Search) -> int | None:
    """What the planner expects; it knows nothing of regions."""
    if search.is_local:
        return None
    try:
        return await searching.estimate_count(archive.hasty(PLAN_S), search)
    except QueryTooCostly:
        return None


def _cheaper(search: Search, way: Way) -> list[str]:
    if way in (Way.INDEX, Way.WALK):
        return []
    times = (c.filter for c in search.clauses if c.filter.field.columns == ("jd",))
    bounded = {one.operator for one in times}
    advice = [_BY_PLACE]
    if not {"gt", "gte"} & bounded or not {"lt", "lte"} & bounded:
        advice.append(_BY_TIME)
    if search.sort.column not in search.vocabulary.sorted_anywhere:
        advice.append(_BY_ORDER)
    return advice
