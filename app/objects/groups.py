"""A search's alerts grouped by object: how many of each match, the first, last, brightest of them.

Objects come in the order of their newest match. The search is walked newest first, by whichever way
searching.py finds it; an alert stands for its object if no newer one of it matches, which the sums
of the object's matches tell. So pages follow each other by the alert where one ended, and neither
repeat nor lose an object, whatever arrives meanwhile.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import asyncpg

from app.addresses import quote_object_id
from app.alerts.access.archive import Archive
from app.alerts.asking import searching
from app.alerts.asking.as_of import settle_as_of
from app.alerts.asking.paging import Page
from app.alerts.sql.search_sql import groups_statement
from app.alerts.sql.shapes import shape_of
from app.answers.tabular import Table, shortest_floats
from app.errors import BadParameter, BadParameters
from app.objects.summaries import BRIGHTEST, TIMES, Item, required_column, times_between
from app.search.cursor import Cursor
from app.search.filters import Clause
from app.search.search import MAX_LIMIT, Search
from archive.columns import Kind

STEP: Final = MAX_LIMIT
"""Alerts of the walk that are read at once."""
STEPS: Final = 10
"""A page that is not full after so many ends there."""
CHUNK: Final = 100
"""Alerts whose objects are summed up at once, by index; after the first step at the gate."""
COLUMNS: Final = (
    required_column("object_id", Kind.TEXT, "", "meta.id;meta.main", "name of the object"),
    required_column("matches", Kind.INTEGER, "", "meta.number;obs", "alerts of it that match"),
    *TIMES,
    required_column("last_candid", Kind.BIGINT, "", "meta.id", "newest match")._replace(
        as_text=True
    ),
    required_column("ra", Kind.DOUBLE, "deg", "pos.eq.ra;meta.main", "its right ascension, J2000"),
    required_column("dec", Kind.DOUBLE, "deg", "pos.eq.dec;meta.main", "its declination, J2000"),
    *BRIGHTEST,
)
"""The columns of a group; beside them are its links."""
TABLE: Final = Table("groups", "Objects with alerts that match, as MARS holds them", COLUMNS)
_READ: Final = ("object_id", "filter", "magpsf", "isdiffpos", "ra", "dec")
_NOT_HERE: Final = ("sort", "after", "count", "explain", "fields")


def check_grouped(search: Search, given: Sequence[str]) -> None:
    """Raise BadParameters for what a search of groups cannot have."""
    reason = "not allowed here: objects come in the order of their newest match, whole"
    errors = [BadParameter(name, reason) for name in _NOT_HERE if name in given]
    if search.limit > MAX_LIMIT:
        errors.append(BadParameter("limit", f"must be between 1 and {MAX_LIMIT}"))
    if search.cursor is not None and search.cursor.back:
        errors.append(BadParameter("cursor", "not a cursor of this list"))
    if errors:
        raise BadParameters(errors)


async def read_groups(archive: Archive, search: Search) -> Page:
    """A page of groups by newest match: fewer than the limit where matches lie far apart.

    Raises what searching.find_alerts raises.
    """
    as_of = await settle_as_of(archive, search.as_of)
    search = replace(search, as_of=as_of, fields=_READ)
    found: dict[str, Item] = {}
    older: set[str] = set()
    edge = search.cursor
    for n_step in range(STEPS):
        step = replace(search, cursor=edge, limit=STEP)
        _, rows = await searching.find_alerts(archive, step)
        for n in range(0, min(len(rows), STEP), CHUNK):
            chunk = rows[n : min(n + CHUNK, STEP)]
            new = {row["object_id"] for row in chunk} - found.keys() - older
            groups = await _sum_up(archive, search, sorted(new), costly=n_step > 0)
            for row in chunk:
                group = groups.get(row["object_id"])
                if group is None or group["last_candid"] != row["candid"]:
                    continue
                if len(found) == search.limit:
                    return Page(list(found.values()), edge, as_of)
                found[row["object_id"]] = group
                edge = Cursor(search.digest, as_of, row["jd"], row["candid"])
            older |= new - found.keys()
        if len(rows) <= STEP:
            return Page(list(found.values()), None, as_of)
        last = rows[STEP - 1]
        edge = Cursor(search.digest, as_of, last["jd"], last["candid"])
    return Page(list(found.values()), edge, as_of)


async def _sum_up(
    archive: Archive, search: Search, names: Sequence[str], *, costly: bool
) -> Mapping[str, Item]:
    """The sums of the matches of some objects, by name."""
    if not names:
        return {}
    any_of = Clause(search.vocabulary.filters["object_id__in"], list(names))
    own = replace(search, cursor=None, clauses=(*search.clauses, any_of))
    shape, values = shape_of(own)
    rows = await archive.fetch(groups_statement(shape)._replace(costly=costly), **values)
    return {row["object_id"]: _group(row) for row in rows}


async def read_curves(archive: Archive, names: Sequence[str]) -> Mapping[str, Any]:
    """Of some objects, CHUNK at most, all alerts: times [JD], magnitudes and bands, newest first.

    Raises QueryTooCostly or one of DATABASE_ERRORS.
    """
    groups = await _sum_up(archive, Search(fields=_READ), names, costly=False)
    return {name: group["curve"] for name, group in groups.items()}


def _group(row: asyncpg.Record) -> Item:
    (magpsf,) = shortest_floats([row["brightest_magpsf"]])
    return {
        "object_id": row["object_id"],
        "matches": row["matches"],
        **times_between(row["first_jd"], row["last_jd"]),
        "last_candid": row["last_candid"],
        "ra": row["ra"],
        "dec": row["dec"],
        "brightest_candid": row["brightest_candid"],
        "brightest_magpsf": magpsf,
        "curve": list(zip(row["jds"], row["magpsfs"], row["filters"], strict=True)),
    }


def group_item(group: Item, public_url: str) -> Item:
    """A group as the typed API has it."""
    name = quote_object_id(group["object_id"])
    item = {column.name: group[column.name] for column in COLUMNS}
    for key in ("last_candid", "brightest_candid"):
        item[key] = None if item[key] is None else str(item[key])
    return item | {
        "links": {
            "object": f"{public_url}/api/v1/objects/{name}",
            "lightcurve": f"{public_url}/api/v1/objects/{name}/lightcurve",
            "page": f"{public_url}/objects/{name}/",
        }
    }
