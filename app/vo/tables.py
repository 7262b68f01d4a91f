"""The tables that TAP shows. sql/schema.sql has them as views, and lists them in tap_schema.

A test holds the three equal: this list, the views, and the rows of tap_schema.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

from archive.columns import (
    BIGINT,
    BOOLEAN,
    DOUBLE,
    INTEGER,
    REAL,
    TEXT,
    Column,
    Kind,
)
from archive.surveys.ztf import ZTF
from archive.surveys.ztf.tables import FILTER_OF_FID

_UNITS: Final = {"mag2": "mag**2"}
"""Units that VOUnits spells otherwise."""


class Shown(NamedTuple):
    """A table that TAP shows."""

    name: str
    """With its schema."""
    meaning: str
    columns: tuple[Column, ...]
    indexed: frozenset[str] = frozenset()
    principal: frozenset[str] = frozenset()
    located: bool = False
    """Whether circles around its `ra` and `dec` are found by an index."""
    kind: str = "view"

    @staticmethod
    def unit_of(column: Column) -> str | None:
        """The unit as VOUnits spells it; None: there is none."""
        return _UNITS.get(column.unit, column.unit) or None


class Key(NamedTuple):
    """Columns by which one table leads to another."""

    id: str
    from_table: str
    target_table: str
    columns: tuple[tuple[str, str], ...]
    meaning: str


SCHEMAS: Final = {
    "mars": "Alerts of the Zwicky Transient Facility, and what they tell of objects",
    "tap_schema": "The tables of this service",
}

_FIRST: Final = "candid object_id jd mjd filter ra dec l b isdiffpos magpsf sigmapsf".split()
_PUBLIC: Final[dict[str, Column]] = {
    name: column._replace(unit=_UNITS.get(column.unit, column.unit))
    for name, column in ZTF.columns.items()
    if name != "time"  # ADQL reserves the word; jd and mjd say the same
}
CANDID: Final = _PUBLIC[ZTF.key]
ALERT_COLUMNS: Final = tuple(
    _PUBLIC[name] for name in dict.fromkeys((*_FIRST, *(c.name for c in ZTF.sent), *_PUBLIC))
)


def _of_alert(*names: str) -> tuple[Column, ...]:
    return tuple(_PUBLIC[name] for name in names)


def _own(name: str, kind: Kind, unit: str, ucd: str, meaning: str) -> Column:
    return Column(name, kind, unit, ucd, meaning, is_ascii=True)


_OBJECT_ID: Final = _PUBLIC["object_id"]
_EXPOSURE: Final = _of_alert("jd", "mjd", "pid", "filter")
_PRINCIPAL: Final = frozenset(
    "candid object_id jd filter ra dec magpsf sigmapsf isdiffpos rb drb".split()
)

ALERT: Final = Shown(
    "mars.alert",
    "One public alert: every column of its packet's candidate, and what is computed from it",
    ALERT_COLUMNS,
    frozenset("candid object_id jd ra dec ssnamenr batch lco_id".split()),
    _PRINCIPAL,
    located=True,
)
OBJECT: Final = Shown(
    "mars.object",
    "An object: sums over its alerts, computed as it is read; ask by object_id",
    (
        _OBJECT_ID,
        _own("alerts", INTEGER, "", "meta.number;obs", "number of its alerts"),
        *(
            _own(f"alerts_{band}", INTEGER, "", "meta.number;obs", f"of these in {band}")
            for band in FILTER_OF_FID.values()
        ),
        _own("first_jd", DOUBLE, "d", "time.start", "first exposure, Julian date, UTC"),
        _own("last_jd", DOUBLE, "d", "time.end", "last exposure, Julian date, UTC"),
        _own(
            "brightest_magpsf",
            REAL,
            "mag",
            "phot.mag;stat.min",
            "least magpsf of its alerts above the reference",
        ),
        _own("ra", DOUBLE, "deg", "pos.eq.ra;meta.main", "mean right ascension, J2000"),
        _own("dec", DOUBLE, "deg", "pos.eq.dec;meta.main", "mean declination, J2000"),
    ),
    frozenset({"object_id"}),
    frozenset({"object_id", "alerts", "ra", "dec"}),
)
DETECTION: Final = Shown(
    "mars.detection",
    "Detections of an object: its alerts, and those that only histories know; ask by object_id",
    (
        _OBJECT_ID,
        _PUBLIC["candid"],
        *_EXPOSURE,
        *_of_alert("magpsf", "sigmapsf", "isdiffpos", "magnr", "sigmagnr", "distnr", "rb"),
        _own(
            "is_alert",
            BOOLEAN,
            "",
            "meta.code",
            "true: an alert of mars.alert; false: known from a history, rounded by ZTF",
        ),
    ),
    frozenset({"object_id"}),
    frozenset({"object_id", "jd", "filter", "magpsf", "sigmapsf"}),
)
UPPER_LIMIT: Final = Shown(
    "mars.upper_limit",
    "Exposures that did not detect an object, from histories; ask by object_id",
    (_OBJECT_ID, *_EXPOSURE, _PUBLIC["diffmaglim"]),
    frozenset({"object_id"}),
    frozenset({"object_id", "jd", "filter", "diffmaglim"}),
)
FORCED: Final = Shown(
    "mars.forced",
    "Forced photometry at an object's place, as its newest alert has it; ask by object_id",
    (
        _OBJECT_ID,
        *_EXPOSURE,
        _own("forcediffimflux", REAL, "adu", "phot.count", "flux of the difference, PSF fit"),
        _own(
            "forcediffimfluxunc",
            REAL,
            "adu",
            "stat.error;phot.count",
            "1-sigma error of forcediffimflux",
        ),
        _PUBLIC["magzpsci"],
        _own("procstatus", TEXT, "", "meta.code.status", "0: clean, 56: warning, 55, 61: no flux"),
        *_of_alert("exptime", "diffmaglim", "magnr", "sigmagnr"),
        _own("distnr", REAL, "arcsec", "pos.angDistance", "distance to the reference source"),
        _own("from_candid", BIGINT, "", "meta.id", "the alert that carried it"),
    ),
    frozenset({"object_id"}),
    frozenset({"object_id", "jd", "filter", "forcediffimflux", "forcediffimfluxunc"}),
)


def _text(name: str, meaning: str) -> Column:
    return _own(name, TEXT, "", "", meaning)


def _number(name: str, meaning: str) -> Column:
    return _own(name, INTEGER, "", "", meaning)


def _listed(name: str, meaning: str, *columns: Column) -> Shown:
    every = frozenset(column.name for column in columns)
    return Shown(f"tap_schema.{name}", meaning, columns, principal=every, kind="table")


_UTYPE: Final = _text("utype", "its place in a data model")
_DESCRIPTION: Final = _text("description", "what it is")
TAP_SCHEMA: Final = (
    _listed(
        "schemas",
        "Schemas that TAP shows",
        _text("schema_name", "name of the schema"),
        _UTYPE,
        _DESCRIPTION,
        _number("schema_index", "place among the schemas"),
    ),
    _listed(
        "tables",
        "Tables that TAP shows",
        _text("schema_name", "its schema"),
        _text("table_name", "name, with the schema, as a query has it"),
        _text("table_type", "table or view"),
        _UTYPE,
        _DESCRIPTION,
        _number("table_index", "place among the tables"),
    ),
    _listed(
        "columns",
        "Their columns",
        _text("table_name", "its table"),
        _text("column_name", "name as a query has it"),
        _text("datatype", "type, as VOTable has it"),
        _text("arraysize", "length, as VOTable has it"),
        _text("xtype", "what the value stands for, as DALI has it"),
        _number("size", "length; arraysize says more"),
        _DESCRIPTION,
        _UTYPE,
        _text("unit", "unit, as VOUnits spells it"),
        _text("ucd", "what it is, as UCD1+"),
        _number("indexed", "1: an index leads from its value to rows"),
        _number("principal", "1: among the first to look at"),
        _number("std", "1: defined by a standard"),
        _number("column_index", "place in the table"),
    ),
    _listed(
        "keys",
        "Which tables belong together",
        _text("key_id", "name of the key"),
        _text("from_table", "the table that refers to another"),
        _text("target_table", "the table to which it refers"),
        _UTYPE,
        _DESCRIPTION,
    ),
    _listed(
        "key_columns",
        "By which columns",
        _text("key_id", "name of the key"),
        _text("from_column", "column of from_table"),
        _text("target_column", "column of target_table"),
    ),
)
TABLES: Final = (ALERT, OBJECT, DETECTION, UPPER_LIMIT, FORCED, *TAP_SCHEMA)
BY_NAME: Final[Mapping[str, Shown]] = {table.name: table for table in TABLES}


def _by_object(table: Shown) -> Key:
    name = table.name.partition(".")[2]
    return Key(
        f"{name}_object",
        table.name,
        OBJECT.name,
        (("object_id", "object_id"),),
        "the object of a row",
    )


_WITHIN: Final = (
    ("tables", "schemas", (("schema_name", "schema_name"),)),
    ("columns", "tables", (("table_name", "table_name"),)),
    ("keys", "tables", (("from_table", "table_name"),)),
    ("keys", "tables", (("target_table", "table_name"),)),
    ("key_columns", "keys", (("key_id", "key_id"),)),
)
"""Of tap_schema, as TAP 1.1 has them."""
KEYS: Final = (
    *map(_by_object, (ALERT, DETECTION, UPPER_LIMIT, FORCED)),
    *(
        Key(f"tap_schema_{n}", f"tap_schema.{one}", f"tap_schema.{other}", columns, "as it says")
        for n, (one, other, columns) in enumerate(_WITHIN, 1)
    ),
    Key(
        "forced_alert",
        FORCED.name,
        ALERT.name,
        (("from_candid", "candid"),),
        "the alert that carried it",
    ),
)
