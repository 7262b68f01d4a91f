"""Rows -> the values of the typed API, and those -> bytes.

Nothing is validated row by row here: the shapes are models.py's, and tests hold the two together.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any, Final

import asyncpg
import numpy as np

from app.addresses import quote_object_id
from app.alerts.matching import KEPT, PLAIN, REALS
from app.answers.tabular import AS_TEXT, Values, json_items, shortest_floats
from app.search.selection import ALERT_COLUMNS, ALERT_KEYS, ALERT_LINKS, HAS
from archive import times
from archive.columns import TEXT, Column
from archive.tables import STAMPS

_SOURCE: Final = (*PLAIN, *REALS, "mjd", "time", "links")
_IN_ORDER: Final = itemgetter(*(_SOURCE.index(name) for name in ALERT_KEYS))
_TEXTS: Final = tuple(i for i, name in enumerate(PLAIN) if name in AS_TEXT)
_CANDID, _OBJECT, _JD = (PLAIN.index(name) for name in ("candid", "object_id", "jd"))


@lru_cache(maxsize=4096)
def utc_text(jd: float) -> str | None:
    """RFC 3339 time of a Julian date, to the microsecond; None for one that is no date.

    It is kept: one exposure gives many alerts.
    """
    if not times.is_date(jd):
        return None
    return times.datetime_of(jd).isoformat(timespec="microseconds").replace("+00:00", "Z")


def utc_texts(jds: Sequence[float]) -> list[str | None]:
    """utc() of many at once: 0.8 µs each, and not 6 µs."""
    days = np.array(jds, dtype=np.float64)
    if not ((days >= times.YEAR_1_JD) & (days < times.YEAR_10000_JD)).all():
        return list(map(utc_text, jds))
    moments = times.many_microseconds_of(days).astype("datetime64[us]")
    texts: list[str | None] = np.datetime_as_string(moments, timezone="UTC").tolist()
    return texts


def alert_items(rows: Sequence[asyncpg.Record], api: str) -> list[dict[str, Any]]:
    """Alerts as API.md shapes them, from rows whose last columns are matching.ANSWERED.

    `api` is the address of the typed API, with which links begin.
    """
    plain, reals = len(PLAIN), len(REALS)
    numbers = shortest_floats([value for row in rows for value in tuple(row)[-reals:]])
    moments = utc_texts([row["jd"] for row in rows])
    items = []
    for n, row in enumerate(rows):
        values = list(row)[-(plain + len(KEPT) + reals) :]
        has = values[plain : plain + len(KEPT)]
        jd, links = values[_JD], _links(api, values[_CANDID], values[_OBJECT], *has)
        for i in _TEXTS:
            if values[i] is not None:
                values[i] = str(values[i])
        values[plain:] = numbers[n * reals : (n + 1) * reals]
        values += (times.mjd_of(jd), moments[n], links)
        items.append(dict(zip(ALERT_KEYS, _IN_ORDER(values), strict=True)))
    return items


def _links(
    api: str, candid: int, object_id: str, packet: bool, *stamps: bool
) -> dict[str, str | None]:
    """Where an alert's parts are; null for what its packet does not hold or must not show."""
    own = f"{api}/alerts/{candid}"
    return {
        "self": own,
        "object": f"{api}/objects/{quote_object_id(object_id)}",
        "avro": f"{own}/avro" if packet else None,
        **{
            stamp: f"{own}/cutouts/{stamp}.fits" if held else None
            for stamp, held in zip(STAMPS, stamps, strict=True)
        },
    }


Held = Mapping[str, Sequence[Any]]
"""What rows hold, column by column."""


def _links_of(held: Held, api: str) -> list[dict[str, str | None]]:
    parts = (held[name] for name in ("candid", "object_id", *HAS))
    return [_links(api, *row) for row in zip(*parts, strict=True)]


def _link(part: str) -> Callable[[Held, str], Sequence[Any]]:
    return lambda held, api: [links[part] for links in _links_of(held, api)]


_MADE: Final[dict[str, Callable[[Held, str], Sequence[Any]]]] = {
    "mjd": lambda held, api: list(map(times.mjd_of, held["jd"])),
    "time": lambda held, api: list(map(utc_text, held["jd"])),
    "links": _links_of,
    **{name: _link(name.removeprefix("links_")) for name in ALERT_LINKS},
}
"""Columns of an answer that no column of the archive holds."""


def alert_values(names: Sequence[str], rows: Sequence[asyncpg.Record], api: str) -> Values:
    """The chosen columns of alerts, from rows that hold selection.columns_of(names)."""
    if not rows:
        return [()] * len(names)
    # All at once: a record takes 0.1 us to find one value by its name.
    held = dict(zip(rows[0].keys(), zip(*rows, strict=True), strict=True))
    return [_MADE[name](held, api) if name in _MADE else held[name] for name in names]


def alert_columns(names: Sequence[str]) -> tuple[Column, ...]:
    """What is known of the chosen columns; `links` is an object, which only JSON can hold."""
    links = Column("links", TEXT, "", "meta.ref.url", "addresses of the alert's parts")
    return tuple(links if name == "links" else ALERT_COLUMNS[name] for name in names)


def chosen_items(
    names: Sequence[str], rows: Sequence[asyncpg.Record], api: str
) -> list[dict[str, Any]]:
    """Alerts with the chosen keys only; with all of them what alert_items makes."""
    return json_items(alert_columns(names), alert_values(names, rows, api))
