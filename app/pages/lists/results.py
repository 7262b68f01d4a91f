"""The main page's table: its columns, and its rows as HTML.

Rows are written here and not by a template, for which a page of 100 takes 8 ms, and here 2.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple

import asyncpg
from markupsafe import Markup, escape

from app.addresses import object_address
from app.pages.html import format_fixed, format_longitude
from archive import times

Row = Mapping[str, Any] | asyncpg.Record

SIGNS: Final = {True: "+", False: "−", None: ""}
STAMP_PIXELS: Final = 63
"""One for each of the stamp's own: enough for the height of a row, and the least bytes."""


class Column(NamedTuple):
    """A column of the results: its header is the original's word, which scrapers look for."""

    title: str
    sort: str
    """Its name in `sort_value`."""
    meaning: str
    text: Callable[[Row], str]
    number: bool = True
    """Numbers stand to the right."""
    address: Callable[[Row], str] | None = None
    """Where its link leads."""


def clock(jd: float) -> str:
    """`YYYY-MM-DD HH:MM:SS` of a Julian date, UTC, cut to the second as the original cut it.

    Nothing for one that is no date.
    """
    return f"{times.datetime_of(jd):%Y-%m-%d %H:%M:%S}" if times.is_date(jd) else ""


def _decimals(
    name: str, places: int, write: Callable[[Any, int], str] = format_fixed
) -> Callable[[Row], str]:
    return lambda row: write(row[name], places)


# fmt: off
LIST_COLUMNS: Final = (
    # The original's twelve, and then ours.
    Column("id", "id", "number of the alert in this archive",
           lambda row: str(row["lco_id"]), address=lambda row: f"/{row['lco_id']}/"),
    Column("objectId", "objectId", "ZTF's name of the object", lambda row: str(row["object_id"]),
           number=False, address=lambda row: object_address(row["object_id"])),
    Column("time", "jd", "start of exposure, UTC", lambda row: clock(row["jd"]), number=False),
    Column("filter", "filter", "band", lambda row: row["filter"] or "", number=False),
    Column("ra", "ra", "right ascension, J2000 [deg]", _decimals("ra", 5, format_longitude)),
    Column("dec", "dec", "declination, J2000 [deg]", _decimals("dec", 5)),
    Column("magpsf", "magpsf", "magnitude of the difference, PSF fit", _decimals("magpsf", 2)),
    Column("magap", "magap", "magnitude of the difference, aperture", _decimals("magap", 2)),
    Column("distnr", "distnr", "distance to the reference source [pix]", _decimals("distnr", 3)),
    Column("Δmaglatest", "deltamaglatest", "change since the latest detection, same filter and "
           "sign [mag]", _decimals("deltamaglatest", 2)),
    Column("Δmagref", "deltamagref", "reference source minus magpsf [mag]",
           _decimals("deltamagref", 2)),
    Column("rb", "rb", "real (1) or bogus (0), random forest", _decimals("rb", 3)),
    Column("drb", "drb", "real (1) or bogus (0), deep learning", _decimals("drb", 3)),
    Column("sign", "isdiffpos", "+ brighter than the reference, − fainter",
           lambda row: SIGNS[row["isdiffpos"]], number=False),
)
# fmt: on


def _nothing(row: Row) -> Markup:
    return Markup()


def write_rows(rows: Iterable[Row], base: str, last: Callable[[Row], Markup] = _nothing) -> Markup:
    """The rows of the table's body; `base` is before every address, `last` is a further cell."""
    writers = [_cell_writer(column, str(escape(base))) for column in LIST_COLUMNS]
    stamp = _stamp_writer(str(escape(base)))
    lines = (
        f"<tr>{''.join([write(row) for write in writers])}{stamp(row)}{last(row)}</tr>"
        for row in rows
    )
    return Markup("\n".join(lines))  # noqa: S704 - escaped cell by cell


def _cell_writer(column: Column, base: str) -> Callable[[Row], str]:
    """What writes a cell of a column: the parts that are the same in each row are put together."""
    text, address = column.text, column.address
    start = f'<td class="{"n " if column.number else ""}c-{column.sort}"'
    if address:
        return lambda row: (
            f'{start}><a href="{base}{escape(address(row))}">{escape(text(row))}</a></td>'
        )
    if column.title == "filter":
        return lambda row: f'{start} data-band="{(shown := escape(text(row)))}">{shown}</td>'
    return lambda row: f"{start}>{text(row)}</td>"


def _stamp_writer(base: str) -> Callable[[Row], str]:
    start = f'<td class="thumb"><img src="{base}/api/v1/alerts/'
    end = (
        f'/cutouts/difference.png?size={STAMP_PIXELS}" alt="" width="27" height="27" '
        'loading="lazy" decoding="async"></td>'
    )
    none = '<td class="thumb"></td>'
    return lambda row: f"{start}{row['candid']}{end}" if row["has_difference"] else none
