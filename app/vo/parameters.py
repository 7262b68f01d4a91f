"""The parameters of a query of TAP, as TAP 1.1 and DALI 1.1 have them."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from app.errors import BadQuery
from app.search.values import read_integer

DEFAULT_ROWS: Final = 2_000
MAX_ROWS: Final = 100_000
"""Rows of an answer at most, at once."""
MAX_JOB_ROWS: Final = 1_000_000
"""Rows of the result of a job."""
LANGUAGES: Final = ("ADQL", "ADQL-2.0", "ADQL-2.1")
MEDIA: Final = {
    "application/x-votable+xml": "votable",
    "application/x-votable+xml;serialization=tabledata": "votable",
    "text/xml": "votable",
    "application/xml": "votable",
    "votable": "votable",
    "votable/td": "votable",
    "text/csv": "csv",
    "csv": "csv",
    "text/tab-separated-values": "tsv",
    "tsv": "tsv",
    "application/vnd.apache.parquet": "parquet",
    "parquet": "parquet",
}
"""What FORMAT may say, and which format that is."""
UPLOAD_PART: Final = "param:"


class Query(NamedTuple):
    """A query of TAP."""

    adql: str
    format: str
    most: int
    """Rows of the result at most."""
    uploads: Mapping[str, str]
    """Table -> the part of the request in which it is."""


def named(given: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Parameters by upper-case name; a blank one counts as absent. Raises BadQuery.

    UPLOAD may be repeated, as TAP 1.0 had it.
    """
    found: dict[str, str] = {}
    for name, value in given:
        key = name.upper()
        if not value.strip():
            continue
        if key == "UPLOAD" and key in found:
            found[key] += f";{value}"
        elif found.setdefault(key, value) != value:
            raise BadQuery(f"{key[:40]} is given twice")
    return found


def read_query(parameters: Mapping[str, str], hard: int) -> Query:
    """The query that parameters make. Raises BadQuery."""
    if (request := parameters.get("REQUEST", "doQuery")).lower() != "doquery":
        raise BadQuery(f"REQUEST must be doQuery, not {request[:40]!r}")
    if "LANG" not in parameters:
        raise BadQuery("LANG is missing: write LANG=ADQL")
    if parameters["LANG"].upper() not in LANGUAGES:
        raise BadQuery(f"LANG must be ADQL, not {parameters['LANG'][:40]!r}")
    if "QUERY" not in parameters:
        raise BadQuery("QUERY is missing: it is the query in ADQL")
    return Query(
        parameters["QUERY"],
        read_format(parameters),
        read_maxrec(parameters.get("MAXREC"), hard),
        read_uploads(parameters.get("UPLOAD", "")),
    )


def read_format(parameters: Mapping[str, str]) -> str:
    """The name of a format of vo/formats.py. Raises BadQuery."""
    wanted = parameters.get("RESPONSEFORMAT") or parameters.get("FORMAT") or "votable"
    known = MEDIA.get(wanted.strip().lower().replace(" ", ""))
    if known is None:
        raise BadQuery(f"FORMAT must be votable, csv, tsv or parquet, not {wanted[:60]!r}")
    return known


def read_maxrec(text: str | None, hard: int) -> int:
    """How many rows an answer may have: what is asked for, up to the service's bound."""
    if text is None:
        return min(DEFAULT_ROWS, hard)
    try:
        asked = read_integer(text)
    except ValueError:
        asked = -1
    if asked < 0:
        raise BadQuery(f"MAXREC must be a whole number from 0 on, not {text[:40]!r}")
    return min(asked, hard)


def read_uploads(text: str) -> dict[str, str]:
    """`name,param:part;…`. Raises BadQuery for addresses: nothing is fetched for a stranger."""
    found: dict[str, str] = {}
    for one in filter(None, (part.strip() for part in text.split(";"))):
        name, comma, where = (word.strip() for word in one.partition(","))
        if not comma or not name.isidentifier() or not name.isascii() or name.startswith("_"):
            raise BadQuery(f"UPLOAD must be name,param:part, not {one[:60]!r}")
        if not where.lower().startswith(UPLOAD_PART):
            raise BadQuery(
                "UPLOAD takes tables that come with the request, as name,param:part: nothing is "
                "fetched from an address"
            )
        if name.lower() in (known.lower() for known in found):
            raise BadQuery(f"two tables called {name[:40]} are uploaded")
        found[name] = where[len(UPLOAD_PART) :]
    return found
