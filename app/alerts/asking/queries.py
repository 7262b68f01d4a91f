"""SELECTs of the archive, one function each; those of a search are built in search_sql.py.

An answer's rows and the number of the newest batch come from one statement, so from one snapshot.
"""

from collections.abc import Sequence
from typing import Any, Final

import asyncpg
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Double,
    FromClause,
    Integer,
    Text,
    bindparam,
    func,
    literal_column,
    select,
)

from app.alerts.access.archive import Archive
from app.alerts.sql.search_sql import LEGACY, answered
from app.alerts.sql.statements import Statement, compile_statement
from app.errors import no_alert, no_object
from app.search.vocabulary import ZTF
from archive import times
from archive.database import HELD, compare_schema
from archive.surveys.ztf.tables import DETECTION, LIMIT, STAMPS, alert, history
from archive.tables import bundle, counter, ledger

_WHOLE: Final = answered(ZTF)
_SEEN: Final = bindparam("as_of", type_=BigInteger())
_STORED: Final = compile_statement(
    select(func.sum(ledger.c.stored)).where((ledger.c.batch <= _SEEN) | _SEEN.is_(None))
)
_LATEST: Final = compile_statement(
    select(func.max(alert.c.jd)).where(alert.c.jd <= literal_column(repr(times.LAST_JD), Double()))
)


async def count_stored(archive: Archive, as_of: int | None = None) -> int:
    """How many alerts the archive holds, or held as of a batch, by its ledger."""
    return int((await archive.fetch(_STORED, as_of=as_of))[0][0] or 0)


async def read_latest_jd(archive: Archive) -> float | None:
    """jd of the newest exposure, of those that have a date; None without any."""
    jd: float | None = (await archive.fetch(_LATEST))[0][0]
    return jd


_AS_OF: Final = bindparam("as_of", type_=BigInteger())
_NEWEST: Final = select(counter.c.batch).scalar_subquery()


def _by_either(columns: Sequence[ColumnElement[Any]], rows: FromClause) -> dict[str, Statement]:
    """One alert's columns, by candid or by lco_id."""
    statement, number = select(*columns).select_from(rows), bindparam("number", type_=BigInteger())
    return {
        key: compile_statement(statement.where(alert.c[key] == number))
        for key in ("candid", "lco_id")
    }


ONE_ALERT: Final = _by_either([_NEWEST.label("newest"), alert.c.lco_id, *_WHOLE.columns], alert)
_LEGACY_ALERT: Final = _by_either([*(alert.c[name] for name in LEGACY), *_WHOLE.columns], alert)
_PLACES: Final = _by_either(
    [
        *(alert.c[name] for name in ("candid", "pid", "isdiffpos", "payload_hash")),
        *(alert.c[name] for name in ("ra", "dec", "xpos", "ypos")),
        bundle.c.key,
        *(alert.c[f"{part}_{what}"] for part in _WHOLE.kept for what in ("offset", "length")),
    ],
    alert.outerjoin(bundle, alert.c.bundle == bundle.c.id),
)
_STAMPS_OF: Final = compile_statement(
    select(
        bundle.c.key,
        alert.c.payload_hash,
        *(alert.c[f"{stamp}_{what}"] for stamp in STAMPS for what in ("offset", "length")),
        *(alert.c[name] for name in ("candid", "object_id", "jd", "filter", "ra", "dec")),
        *(alert.c[name] for name in ("xpos", "ypos", "magpsf", "isdiffpos")),
        func.count().over().label("total"),
    )
    .select_from(alert.outerjoin(bundle, alert.c.bundle == bundle.c.id))
    .where(alert.c.object_id == bindparam("object_id", type_=Text()))
    .order_by(alert.c.jd.desc(), alert.c.candid.desc())
    .limit(bindparam("limit", type_=Integer()))
)
HISTORIES_OF: Final = compile_statement(
    select(
        *(alert.c[name] for name in ("object_id", *DETECTION, "drb", "exptime")),
        *(c for c in history.c if c.name not in ("candid", "batch")),
    )
    .select_from(alert.outerjoin(history, alert.c.candid == history.c.candid))
    .where(alert.c.object_id == bindparam("object_id", type_=Text()), alert.c.batch <= _AS_OF)
    .order_by(alert.c.candid)
)
_LIMITS_OF: Final = compile_statement(
    select(
        *(alert.c[name] for name in ("candid", "object_id", "pid")),
        *(history.c[f"limit_{name}"] for name in LIMIT),
        history.c.detection_pid,
    )
    .select_from(alert.outerjoin(history, alert.c.candid == history.c.candid))
    .where(alert.c.object_id == bindparam("object_id", type_=Text()))
    .order_by(alert.c.candid)
)


async def read_alert(archive: Archive, number: int, key: str = "candid") -> asyncpg.Record:
    """The newest batch, lco_id and the whole of one alert, by candid or lco_id. Raises NotFound."""
    return _one(await archive.fetch(ONE_ALERT[key], number=number), number)


def _one(rows: list[asyncpg.Record], number: int) -> asyncpg.Record:
    if not rows:
        raise no_alert(number)
    return rows[0]


OBJECT: Final = compile_statement(
    select(_NEWEST.label("newest"), *_WHOLE.columns)
    .where(alert.c.object_id == bindparam("object_id", type_=Text()))
    .order_by(alert.c.jd.desc(), alert.c.candid.desc())
)


async def read_object(archive: Archive, object_id: str) -> list[asyncpg.Record]:
    """The newest batch, and an object's whole alerts, newest first. Raises NotFound."""
    rows = await archive.fetch(OBJECT, object_id=object_id)
    if not rows:
        raise no_object(object_id)
    return rows


async def read_places(archive: Archive, number: int, key: str = "candid") -> asyncpg.Record:
    """Bundle and byte ranges of an alert's packet and stamps, its position; by candid or lco_id.

    Raises NotFound.
    """
    return _one(await archive.fetch(_PLACES[key], number=number), number)


async def read_legacy_alert(archive: Archive, number: int, key: str) -> asyncpg.Record:
    """The columns LEGACY and the whole of one alert, by candid or lco_id. Raises NotFound."""
    return _one(await archive.fetch(_LEGACY_ALERT[key], number=number), number)


async def read_limits(archive: Archive, object_id: str) -> list[asyncpg.Record]:
    """Exposures of an object's packets in which it was or was not seen, by candid."""
    return await archive.fetch(_LIMITS_OF, object_id=object_id)


async def read_stamps(archive: Archive, object_id: str, limit: int) -> list[dict[str, Any]]:
    """Where an object's newest stamps lie, alert by alert in time order; `total` counts its alerts.

    Raises NotFound.
    """
    rows = await archive.fetch(_STAMPS_OF, object_id=object_id, limit=limit)
    if not rows:
        raise no_object(object_id)
    return [dict(row) for row in reversed(rows)]


async def read_histories(archive: Archive, object_id: str, as_of: int) -> list[asyncpg.Record]:
    """An object's alerts up to a batch, each with the history of its packet, by candid."""
    return await archive.fetch(HISTORIES_OF, object_id=object_id, as_of=as_of)


_PLACE: Final = (alert.c.ra, alert.c.dec)
_PLACES_BY: Final = {
    "object_id": compile_statement(
        select(*_PLACE).where(alert.c.object_id == bindparam("key", type_=Text()))
    ),
    "candid": compile_statement(
        select(*_PLACE).where(alert.c.candid == bindparam("key", type_=BigInteger()))
    ),
    "lco_id": compile_statement(
        select(*_PLACE).where(alert.c.lco_id == bindparam("key", type_=BigInteger()))
    ),
}


async def read_positions(archive: Archive, by: str, key: str | int) -> list[tuple[float, float]]:
    """(ra, dec) in degrees of each alert of one object_id, candid or lco_id; none if unknown."""
    return [(row["ra"], row["dec"]) for row in await archive.fetch(_PLACES_BY[by], key=key)]


_HELD: Final = compile_statement(HELD)


async def check_archive(archive: Archive) -> None:
    """Raise SchemaOutdated unless the schema is this program's."""
    try:
        ((held,),) = await archive.fetch(_HELD)
    except asyncpg.UndefinedTableError:
        held = None
    compare_schema(held)
