"""Simple Cone Search 1.03: its parameters, and its columns with the UCDs 1.0 that it asks for."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, NamedTuple

from app.alerts.access.archive import Archive
from app.alerts.output.exports import read_pages
from app.alerts.output.items import alert_columns, alert_values
from app.answers.tabular import Table, Values
from app.errors import BadQuery
from app.search.regions import Cone, cone_of
from app.search.search import Search
from app.search.values import read_number
from app.search.vocabulary import ZTF
from app.vo.parameters import read_maxrec
from archive.columns import TEXT, Column

MAX_ROWS: Final = 10_000
_LEAST: Final = "candid object_id ra dec jd filter magpsf".split()
_SOME: Final = [*_LEAST, *"sigmapsf isdiffpos rb drb distnr magnr deltamaglatest field".split()]
_OF_VERB: Final = {1: _LEAST, 2: _SOME, 3: [name for name in ZTF.keys if name not in ("links",)]}
_UCD1: Final = {"candid": "ID_MAIN", "ra": "POS_EQ_RA_MAIN", "dec": "POS_EQ_DEC_MAIN"}


class ConeQuery(NamedTuple):
    """A cone search."""

    cone: Cone | None
    """None: SR is 0, which asks for the columns alone."""
    fields: tuple[str, ...]
    most: int


def read_cone(given: Mapping[str, str]) -> ConeQuery:
    """The search that parameters make; unknown ones are ignored. Raises BadQuery."""
    ra, dec, radius = (_number(given, name) for name in ("RA", "DEC", "SR"))
    most = read_maxrec(given.get("MAXREC", str(MAX_ROWS)), MAX_ROWS)
    verb = _number(given, "VERB") if "VERB" in given else 2
    if verb not in _OF_VERB:
        raise BadQuery("VERB must be 1, 2 or 3")
    cone = None
    try:
        if radius:
            cone = cone_of(ra, dec, radius)
    except ValueError as error:
        raise BadQuery(f"RA, DEC, SR: {error}") from None
    return ConeQuery(cone, tuple(_OF_VERB[int(verb)]), most)


def _number(given: Mapping[str, str], name: str) -> float:
    if name not in given:
        raise BadQuery(f"{name} is missing: it is a number, in degrees")
    try:
        number = read_number(given[name])
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise BadQuery(f"{name} must be a number, not {given[name][:40]!r}")
    return number


def cone_table(query: ConeQuery) -> Table:
    """The columns of the answer."""
    columns = tuple(map(_column, alert_columns(query.fields)))
    return Table("cone", "Alerts in a cone, as the MARS archive holds them", columns, "candid")


def _column(column: Column) -> Column:
    """A column; three of them must have UCDs of version 1.0, and the id must be a text."""
    if column.name not in _UCD1:
        # No other may seem to be a main position.
        return column._replace(ucd=column.ucd.replace(";meta.main", ""))
    kind = TEXT if column.name == "candid" else column.kind
    return column._replace(ucd=_UCD1[column.name], kind=kind, is_ascii=True)


async def find_in_cone(archive: Archive, query: ConeQuery, api: str) -> tuple[Values, bool, int]:
    """Columns of the alerts, newest first; whether there are more; up to which batch they are."""
    search = Search(cone=query.cone, limit=max(1, query.most), fields=query.fields)
    rows: list[Any] = []
    more, as_of = False, 0
    async for page in read_pages(archive, replace(search, format="votable")):
        rows += page.rows
        more, as_of = page.next is not None, page.as_of
    return _written(query.fields, rows, api), more, as_of


def _written(fields: Sequence[str], rows: Sequence[Any], api: str) -> Values:
    values = list(alert_values(fields, rows, api))
    at = fields.index("candid")
    values[at] = [str(candid) for candid in values[at]]
    return values
