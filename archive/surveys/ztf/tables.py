"""ZTF's tables of alerts and histories."""

from typing import Any, Final

from sqlalchemy import ARRAY, REAL, BigInteger, Boolean, Column, Double, Integer, Table, Text, types

from archive.surveys.ztf.columns import CANDIDATE, DERIVED
from archive.tables import alert_table, metadata

FILTER_OF_FID: Final = {1: "g", 2: "r", 3: "i"}
STAMPS: Final = ("science", "template", "difference")

alert = alert_table(
    metadata,
    "alert",
    key="candid",
    sent=CANDIDATE,
    derived=DERIVED,
    stamps=STAMPS,
    generated=("filter",),
)

LIMIT: Final = {"jd": Double, "pid": BigInteger, "fid": Integer, "diffmaglim": REAL}


DETECTION: Final = {
    "candid": BigInteger,
    "jd": Double,
    "pid": BigInteger,
    "fid": Integer,
    "magpsf": REAL,
    "sigmapsf": REAL,
    "isdiffpos": Boolean,
    "magnr": REAL,
    "sigmagnr": REAL,
    "distnr": REAL,
    "rb": REAL,
    "diffmaglim": REAL,
}


FORCED: Final = {
    "jd": Double,
    "pid": BigInteger,
    "fid": Integer,
    "forcediffimflux": REAL,
    "forcediffimfluxunc": REAL,
    "magzpsci": REAL,
    "procstatus": Text,
    "exptime": REAL,
    "diffmaglim": REAL,
    "magnr": REAL,
    "sigmagnr": REAL,
    "distnr": REAL,
}


HISTORIES: Final[dict[str, dict[str, type[types.TypeEngine[Any]]]]] = {
    "limit": LIMIT,
    "detection": DETECTION,
    "forced": FORCED,
}
"""The lists of a packet's history: `history.<list>_<field>` is an array, one element an entry."""


history = Table(
    "history",
    metadata,
    Column("candid", BigInteger, primary_key=True),
    Column("batch", BigInteger, nullable=False),
    *(
        Column(f"{kind}_{field}", ARRAY(sql_type))
        for kind, fields in HISTORIES.items()
        for field, sql_type in fields.items()
    ),
)
