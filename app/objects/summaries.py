"""Summaries of objects: rows of finding.py -> the values of the typed API."""

import math
from collections.abc import Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

import asyncpg

from app.addresses import quote_object_id
from app.alerts.output.items import utc_text
from app.answers.tabular import shortest_floats
from app.search.sphere import direction_of
from archive.columns import Column, Kind
from archive.surveys.ztf.tables import FILTER_OF_FID

Item = dict[str, Any]
_ARCSEC: Final = 3600.0


def required_column(name: str, kind: Kind, unit: str, ucd: str, meaning: str) -> Column:
    """A column that every row has."""
    return Column(name, kind, unit, ucd, meaning, required=True, since="", is_ascii=True)


TIMES: Final = (
    required_column("first_jd", Kind.DOUBLE, "d", "time.start", "first exposure, Julian date, UTC"),
    required_column("first_time", Kind.TIME, "", "time.start", "first exposure, RFC 3339, UTC"),
    required_column("last_jd", Kind.DOUBLE, "d", "time.end", "last exposure, Julian date, UTC"),
    required_column("last_time", Kind.TIME, "", "time.end", "last exposure, RFC 3339, UTC"),
)
BRIGHTEST: Final = (
    Column(
        "brightest_candid",
        Kind.BIGINT,
        "",
        "meta.id",
        "brightest alert above the reference",
        as_text=True,
    ),
    Column("brightest_magpsf", Kind.REAL, "mag", "phot.mag;stat.min", "its magpsf"),
)
OBJECT_COLUMNS: Final = (
    required_column("object_id", Kind.TEXT, "", "meta.id;meta.main", "name of the object"),
    required_column("alerts", Kind.INTEGER, "", "meta.number;obs", "number of its alerts"),
    *(
        required_column(f"alerts_{b}", Kind.INTEGER, "", "meta.number;obs", f"of these in {b}")
        for b in FILTER_OF_FID.values()
    ),
    *TIMES,
    *BRIGHTEST,
    Column("brightest_filter", Kind.TEXT, "", "meta.id;instr.filter", "its filter", is_ascii=True),
    required_column("ra", Kind.DOUBLE, "deg", "pos.eq.ra;meta.main", "mean right ascension, J2000"),
    required_column("dec", Kind.DOUBLE, "deg", "pos.eq.dec;meta.main", "mean declination, J2000"),
    required_column(
        "scatter_arcsec",
        Kind.DOUBLE,
        "arcsec",
        "stat.stdev;pos.angDistance",
        "rms distance of its alerts from the mean position",
    ),
)
"""The columns of an object in a list; beside them are its links."""
_PARTS: Final = {
    "self": ("/api/v1/objects/{}", "the object"),
    "alerts": ("/api/v1/objects/{}/alerts", "its alerts"),
    "lightcurve": ("/api/v1/objects/{}/lightcurve", "its light curve"),
    "cutouts_png": ("/api/v1/objects/{}/cutouts.png", "its cutouts as a picture"),
    "cutouts_zip": ("/api/v1/objects/{}/cutouts.zip", "its cutouts as a zip file"),
    "page": ("/objects/{}/", "its page for people"),
}
OBJECT_LINKS: Final = tuple(
    Column(
        f"links_{part}",
        Kind.TEXT,
        "",
        "meta.ref.url",
        f"address of {words}",
        since="",
        is_ascii=True,
    )
    for part, (_, words) in _PARTS.items()
)
"""What `links` becomes in a table, where a cell holds one value."""
OBJECT_KEYS: Final = (*(column.name for column in OBJECT_COLUMNS), "links")
"""The keys of an object in a list, in order."""


def columns_of(names: Sequence[str], nested: bool) -> tuple[Column, ...]:
    """The columns for these keys; where a cell can be an object, `links` is one of them."""
    whole = Column("links", Kind.TEXT, "", "meta.ref.url", "addresses of the object's parts")
    known: dict[str, tuple[Column, ...]] = {column.name: (column,) for column in OBJECT_COLUMNS}
    known |= {"links": (whole,) if nested else OBJECT_LINKS}
    return tuple(column for name in names for column in known[name])


def object_items(rows: Sequence[asyncpg.Record]) -> list[Item]:
    """Objects with `filters`, the same of each filter; from rows by object and filter."""
    return [_object(name, list(own)) for name, own in groupby(rows, itemgetter("object_id"))]


def _object(name: str, rows: Sequence[asyncpg.Record]) -> Item:
    bands = [_seen(row) for row in rows]
    counts = {band["filter"]: band["alerts"] for band in bands}
    bright = [band for band in bands if band["brightest_candid"] is not None]
    order = itemgetter("brightest_magpsf", "brightest_candid")
    best: Mapping[str, Any] = min(bright, key=order, default={})
    *mean, square = (rows[0][column] for column in ("x", "y", "z", "square"))
    ra, dec = direction_of(*mean)
    return {
        "object_id": name,
        "alerts": sum(counts.values()),
        **{f"alerts_{band}": counts.get(band, 0) for band in FILTER_OF_FID.values()},
        **times_between(
            min(band["first_jd"] for band in bands), max(band["last_jd"] for band in bands)
        ),
        **{column.name: best.get(column.name) for column in BRIGHTEST},
        "brightest_filter": best.get("filter"),
        "ra": ra,
        "dec": dec,
        "scatter_arcsec": math.degrees(math.sqrt(square)) * _ARCSEC,
        "filters": bands,
    }


def _seen(row: asyncpg.Record) -> Item:
    """What the alerts in one filter say."""
    candid, (magpsf,) = row["brightest_candid"], shortest_floats([row["brightest_magpsf"]])
    return {
        "filter": row["filter"],
        "alerts": row["alerts"],
        **times_between(row["first_jd"], row["last_jd"]),
        "brightest_candid": None if candid is None else str(candid),
        "brightest_magpsf": magpsf,
    }


def times_between(first: float, last: float) -> Item:
    """The keys of TIMES."""
    return {
        "first_jd": first,
        "first_time": utc_text(first),
        "last_jd": last,
        "last_time": utc_text(last),
    }


def list_item(item: Item, public_url: str) -> Item:
    """An object as it stands in a list: without `filters`, with links."""
    listed = {name: value for name, value in item.items() if name != "filters"}
    return listed | {"links": _links(item["object_id"], public_url)}


def _links(object_id: str, public_url: str) -> dict[str, str]:
    """Where the object's parts are."""
    name = quote_object_id(object_id)
    return {part: public_url + address.format(name) for part, (address, _) in _PARTS.items()}
