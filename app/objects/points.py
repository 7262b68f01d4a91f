"""The columns of a light curve: which a point of each kind has, and what is known of them.

Response models, tables and `fields=` are made from this list.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Final

from app.alerts.output.items import linked_column
from app.answers.tabular import Table
from app.search.selection import ALERT_COLUMNS
from archive.columns import BIGINT, BOOLEAN, DOUBLE, TEXT, Column


class PointKind(StrEnum):
    """What a point of a light curve is."""

    DETECTION = "detection"
    EARLIER_DETECTION = "earlier_detection"
    UPPER_LIMIT = "upper_limit"
    FORCED = "forced"


HEAD: Final = ("kind", "jd", "mjd", "mjd_mid", "time", "filter", "pid")
"""What every point has; `object_id` follows `kind` where points name their object."""
_DETECTED: Final = (
    *("candid", "magpsf", "sigmapsf", "isdiffpos", "total_mag", "total_mag_err", "corrected"),
    *("dubious", "flux_ujy", "flux_ujy_err", "rb", "drb"),
)
OF_KIND: Final[dict[PointKind, tuple[str, ...]]] = {
    PointKind.DETECTION: _DETECTED,
    PointKind.EARLIER_DETECTION: _DETECTED,
    PointKind.UPPER_LIMIT: ("diffmaglim",),
    PointKind.FORCED: (
        *("flux_ujy", "flux_ujy_err", "snr", "mag", "mag_err", "limit_mag", "procstatus"),
        "from_candid",
    ),
}
"""What a point of each kind has beside HEAD."""
NEVER_NULL: Final = frozenset({"candid", "corrected", "dubious", "diffmaglim", "from_candid"})
"""What a point always knows whose kind has it at all."""

_ALERTS: Final = ("jd", "mjd", "time", "filter", "pid", "isdiffpos", "rb", "drb", "object_id")
_FLUX: Final = "phot.flux.density"
_KIND_WORDS: Final = f"what the point is: {', '.join(PointKind)}"
_MIDDLE_WORDS: Final = "middle of exposure, modified Julian date, UTC; null before schema 3.1"
_STATUS_WORDS: Final = "0 clean, 56 warning, 55 and 61 no flux"
_DUBIOUS_WORDS: Final = "faded without a reference source, or no consistent one"
_OWN: Final = (
    Column("kind", TEXT, "", "meta.code.class", _KIND_WORDS, required=True, is_ascii=True),
    Column("mjd_mid", DOUBLE, "d", "time.epoch;obs.exposure", _MIDDLE_WORDS),
    ALERT_COLUMNS["candid"]._replace(meaning="candidate id of the alert"),
    ALERT_COLUMNS["magpsf"]._replace(meaning="magnitude of the difference"),
    ALERT_COLUMNS["sigmapsf"],
    Column("total_mag", DOUBLE, "mag", "phot.mag", "magnitude of source and difference"),
    Column("total_mag_err", DOUBLE, "mag", "stat.error;phot.mag", "1-sigma error of total_mag"),
    Column("corrected", BOOLEAN, "", "meta.code", "a reference source lies within 1.4 pixels"),
    Column("dubious", BOOLEAN, "", "meta.code.qual", _DUBIOUS_WORDS),
    Column("flux_ujy", DOUBLE, "uJy", _FLUX, "flux of the difference, signed"),
    Column("flux_ujy_err", DOUBLE, "uJy", f"stat.error;{_FLUX}", "1-sigma error of flux_ujy"),
    ALERT_COLUMNS["diffmaglim"]._replace(meaning="5-sigma limit of the difference image"),
    Column("snr", DOUBLE, "", "stat.snr", "flux_ujy / flux_ujy_err"),
    Column("mag", DOUBLE, "mag", "phot.mag", "magnitude where |snr| > 3"),
    Column("mag_err", DOUBLE, "mag", "stat.error;phot.mag", "1-sigma error of mag"),
    Column("limit_mag", DOUBLE, "mag", "phot.mag;stat.max", "5-sigma limit where |snr| <= 3"),
    Column("procstatus", TEXT, "", "meta.code.status", _STATUS_WORDS, is_ascii=True),
    Column("from_candid", BIGINT, "", "meta.id", "the alert that carried the value", as_text=True),
)
_KNOWN: Final = {c.name: c for c in (*(ALERT_COLUMNS[name] for name in _ALERTS), *_OWN)}
_ORDER: Final = dict.fromkeys(
    (HEAD[0], "object_id", *HEAD[1:], *(name for own in OF_KIND.values() for name in own))
)
POINTS: Final[dict[str, Column]] = {
    # Of another kind than its own a point's column is empty.
    # A history may lack the pid too.
    name: _KNOWN[name]._replace(
        required=name in ("object_id", *HEAD) and name != "pid" and _KNOWN[name].required
    )
    for name in _ORDER
}
"""Every column, in the order of a table."""


def table_of(object_ids: Sequence[str], fields: Sequence[str], *, named: bool) -> Table:
    """The table of an object's points, or of several; without `fields` it has every column.

    `object_id` is one of them where the points are `named`.
    """
    names = fields or [name for name in POINTS if named or name != "object_id"]
    meaning = f"Light curve of {', '.join(object_ids)}, as the MARS archive holds it"
    return Table("lightcurve", meaning, tuple(POINTS[name] for name in names), linked_column(names))
