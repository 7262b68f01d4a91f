"""Rows -> the values of the typed API, and those -> bytes.

Nothing is validated row by row here: the shapes are models.py's, and tests hold the two together.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any, Final

import asyncpg
import numpy as np
import orjson

from app.matching import KEPT, PLAIN, REALS
from archive import times
from archive.columns import CANDIDATE
from archive.tables import STAMPS

_HEAD: Final = (
    *("candid", "object_id", "batch", "jd", "mjd", "time", "filter", "ra", "dec", "l", "b"),
    *("isdiffpos", "deltamaglatest", "deltamagref"),
)
ALERT_KEYS: Final = (*_HEAD, *(c.name for c in CANDIDATE if c.name not in _HEAD), "links")
"""The keys of an alert in the typed API, in order."""

AS_TEXT: Final = frozenset({"candid", "objectidps1", "objectidps2", "objectidps3"})
"""Integers that pass 2^53, which JavaScript and many JSON readers cannot hold."""

_SOURCE: Final = (*PLAIN, *REALS, "mjd", "time", "links")
_IN_ORDER: Final = itemgetter(*(_SOURCE.index(name) for name in ALERT_KEYS))
_TEXTS: Final = tuple(i for i, name in enumerate(PLAIN) if name in AS_TEXT)
_CANDID, _OBJECT, _JD = (PLAIN.index(name) for name in ("candid", "object_id", "jd"))


def shortest(values: Sequence[float | None]) -> list[float | None]:
    """Doubles that print with the shortest digits that give the same float32; NaN becomes None.

    orjson prints a float32 array that way at 20 ns a number; repr(numpy.float32) takes 1 µs.
    """
    single = np.array(values, dtype=np.float32)
    printed = orjson.dumps(single, option=orjson.OPT_SERIALIZE_NUMPY)
    numbers: list[float | None] = orjson.loads(printed)
    return numbers


@lru_cache(maxsize=4096)
def utc(jd: float) -> str:
    """RFC 3339 time of a Julian date, to the microsecond. One exposure gives many alerts."""
    return times.datetime_of(jd).isoformat(timespec="microseconds").replace("+00:00", "Z")


def alert_items(rows: Sequence[asyncpg.Record], api: str) -> list[dict[str, Any]]:
    """Alerts as API.md shapes them, from rows whose last columns are matching.ANSWERED.

    `api` is the address of the typed API, with which links begin.
    """
    plain, reals = len(PLAIN), len(REALS)
    numbers = shortest([value for row in rows for value in tuple(row)[-reals:]])
    items = []
    for n, row in enumerate(rows):
        values = list(row)[-(plain + len(KEPT) + reals) :]
        jd, links = values[_JD], _links(values, api)
        for i in _TEXTS:
            if values[i] is not None:
                values[i] = str(values[i])
        values[plain:] = numbers[n * reals : (n + 1) * reals]
        values += (times.mjd_of(jd), utc(jd), links)
        items.append(dict(zip(ALERT_KEYS, _IN_ORDER(values), strict=True)))
    return items


def _links(values: Sequence[Any], api: str) -> dict[str, str | None]:
    """Where an alert's parts are; null for what its packet does not hold or must not show."""
    own = f"{api}/alerts/{values[_CANDID]}"
    packet, *stamps = values[len(PLAIN) : len(PLAIN) + len(KEPT)]
    return {
        "self": own,
        "object": f"{api}/objects/{values[_OBJECT]}",
        "avro": f"{own}/avro" if packet else None,
        **{
            stamp: f"{own}/cutouts/{stamp}.fits" if held else None
            for stamp, held in zip(STAMPS, stamps, strict=True)
        },
    }


def night_items(rows: Sequence[asyncpg.Record], outcomes: Sequence[str]) -> list[dict[str, Any]]:
    """Nights with their topics, in the order of the rows (queries.nights)."""
    items: dict[str, dict[str, Any]] = {}
    for row in rows:
        night = row["night"].isoformat()
        item = items.setdefault(night, {"night": night, **dict.fromkeys(outcomes, 0), "topics": []})
        item["topics"].append({name: row[name] for name in ("topic", *outcomes)})
        for outcome in outcomes:
            item[outcome] += row[outcome]
    return list(items.values())


def json_bytes(body: Mapping[str, Any]) -> bytes:
    """JSON; NaN, which no row should hold, would become null."""
    return orjson.dumps(body)
