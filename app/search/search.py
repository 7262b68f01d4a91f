"""A search: what a request asks for, validated in one place.

Blank values count as absent. Unknown names, malformed values and values out of bounds are refused,
all in one answer, each by its name; nothing is clamped.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, Final, NamedTuple

from app.answers.formats import FORMATS, JSON, negotiate_format, read_format
from app.errors import BadParameter, BadParameters, unknown_parameters
from app.search.arcs import bend_arcs
from app.search.cursor import Cursor, read_cursor
from app.search.filters import Clause
from app.search.regions import (
    Cone,
    Named,
    Polygon,
    Region,
    parse_cone,
    parse_named,
    parse_polygon,
    parse_region,
)
from app.search.selection import default_fields, fields_named, flatten_links
from app.search.values import read_integer, read_text, read_truth
from app.search.vocabulary import ZTF, Vocabulary
from app.spelling import Unknown

DEFAULT_LIMIT: Final = 100
MAX_LIMIT: Final = 1000
MAX_EXPORT: Final = 1_000_000
"""Alerts in an answer that is streamed: any but JSON."""
MAX_CLAUSES: Final = 64
COUNTS: Final = ("exact", "estimate")
PAGE_PARAMETERS: Final = (
    *("cone", "polygon", "region", "name", "where", "sort", "limit", "cursor", "after", "as_of"),
    *("count", "fields", "format", "explain"),
)


class Sort(NamedTuple):
    """A column and the direction in which it is listed; candid follows as second key."""

    column: str = "jd"
    descending: bool = True
    as_mars: bool = False
    """By the values that MARS held: nulls highest, sentinels as numbers, missing texts empty."""


DEFAULT_SORT: Final = Sort()


@dataclass(frozen=True, slots=True)
class Search:
    """A validated search."""

    vocabulary: Vocabulary = field(default=ZTF, kw_only=True)
    cone: Cone | None = None
    polygon: Polygon | None = None
    named: Named | None = None
    """A cone whose position is not resolved yet: `put_at` sets it."""
    region_id: str = ""
    """A region, by its id; empty: none."""
    region: Region | None = field(default=None, compare=False)
    """What it holds; windows.put_in sets it."""
    clauses: tuple[Clause, ...] = ()
    sort: Sort = DEFAULT_SORT
    limit: int = DEFAULT_LIMIT
    as_of: int | None = None
    cursor: Cursor | None = None
    format: str = JSON
    fields: tuple[str, ...] = ()
    """The columns of the answer; empty for whole JSON alerts."""
    after: int | None = None
    """The answer begins after this candid; replaces a cursor."""
    count: str = ""
    """How to count the matches, one of COUNTS; empty: do not count."""
    explain: bool = False
    """Whether the answer says how it was found."""
    digest: str = field(default="", compare=False)
    """A hash of everything that decides which alerts match, and in which order."""

    @property
    def is_local(self) -> bool:
        """Whether it is limited to a part of the sky."""
        return bool(self.cone or self.polygon or self.region_id)


def _parse_sort(text: str, vocabulary: Vocabulary) -> Sort:
    name, descending = text.strip().removeprefix("-"), text.strip().startswith("-")
    column = {"time": "jd", "mjd": "jd"}.get(name, name)
    fields = vocabulary.fields
    if column not in fields or len(fields[column].columns) != 1:
        raise Unknown("unknown field", name, fields)
    return Sort(column, descending)


def _parse_limit(text: str) -> int:
    if not 1 <= (value := read_integer(text)) <= MAX_EXPORT:
        raise ValueError(_LIMITS)
    return value


_LIMITS: Final = f"must be between 1 and {MAX_LIMIT}, or {MAX_EXPORT} in any format but {JSON}"


def _parse_as_of(text: str) -> int:
    if (value := read_integer(text)) < 0:
        raise ValueError("must be a batch number, 0 or more")
    return value


def _parse_count(text: str) -> str:
    if (kind := text.strip()) not in COUNTS:
        raise Unknown(f"must be one of {', '.join(COUNTS)}", kind.lower(), COUNTS)
    return kind


def _parse_where(text: str, vocabulary: Vocabulary) -> Clause:
    name, colon, value = text.partition(":")
    if not colon or not value.strip():
        raise ValueError("must be <field>__<operator>:<value>; an example is chipsf__lt:5")
    filters = vocabulary.filters
    if (name := name.strip()) not in filters:
        raise Unknown(f"unknown filter {read_text(name)!r}", name, filters)
    try:
        return filters[name].read(value)
    except ValueError as error:
        shown = f"{name}:{filters[name].example}"
        raise ValueError(f"{name}: {error}; an example is {shown}") from None


_PARSE: Final[dict[str, Callable[[str], Any]]] = {
    "cone": parse_cone,
    "polygon": parse_polygon,
    "region": parse_region,
    "name": parse_named,
    "limit": _parse_limit,
    "as_of": _parse_as_of,
    "cursor": read_cursor,
    "after": read_integer,
    "count": _parse_count,
    "explain": read_truth,
    "format": read_format,
}


@cache
def _names_of(vocabulary: Vocabulary) -> dict[str, None]:
    """Every parameter of a search."""
    return dict.fromkeys((*PAGE_PARAMETERS, *vocabulary.filters))


def explain_refusal(name: str, error: ValueError, vocabulary: Vocabulary = ZTF) -> BadParameter:
    """What is wrong with a parameter's value, and what would be right."""
    if isinstance(error, Unknown):
        return BadParameter(name, str(error), error.misspelt)
    known = vocabulary.filters.get(name)
    shown = f"; an example is {known.example}" if known else ""
    return BadParameter(name, f"{error}{shown}")


def parse_search(
    parameters: Iterable[tuple[str, str]],
    accept: str = "",
    *own: Clause,
    vocabulary: Vocabulary = ZTF,
) -> Search:
    """The search that a query string asks for, in the format that it or Accept names.

    `own` are the clauses of its address.

    Raises BadParameters with every error in it.
    """
    filters, names = vocabulary.filters, _names_of(vocabulary)
    given = [(name, value) for name, value in parameters if value.strip()]
    times = Counter(name for name, _ in given)
    errors = [
        BadParameter(name, "given more than once")
        for name in times
        if times[name] > 1 and name in names and name != "where"
    ]
    errors += unknown_parameters(times, names)
    clauses = [*own]
    page: dict[str, Any] = {}
    for name, value in given:
        try:
            if name in _PARSE:
                page[name] = _PARSE[name](value)
            elif name == "sort":
                page[name] = _parse_sort(value, vocabulary)
            elif name == "fields":
                page[name] = fields_named(value, vocabulary.selectable)
            elif name == "where":
                clauses.append(_parse_where(value, vocabulary))
            elif name in filters:
                clauses.append(filters[name].read(value))
        except ValueError as error:
            errors.append(explain_refusal(name, error, vocabulary))
    if times["where"] > MAX_CLAUSES:
        errors.append(BadParameter("where", f"more than {MAX_CLAUSES} filters"))
    if errors:
        raise BadParameters(errors)
    page.setdefault("format", negotiate_format(accept))
    return _settled(clauses, page, vocabulary)


def _settled(clauses: list[Clause], page: dict[str, Any], vocabulary: Vocabulary) -> Search:
    """Put a search together and check the rules that concern several of its parts."""
    cone, polygon, named = (page.get(name) for name in ("cone", "polygon", "name"))
    sort, wanted = page.get("sort", DEFAULT_SORT), page["format"]
    if cone and named:
        raise _bad("name", "cannot be combined with cone; give one of them")
    ordered = sorted(bend_arcs(clauses), key=lambda c: (c.filter.name, repr(c.value)))
    search = Search(
        vocabulary=vocabulary,
        cone=cone,
        polygon=polygon,
        named=named,
        region_id=page.get("region", ""),
        clauses=tuple(ordered),
        sort=sort,
        limit=page.get("limit", DEFAULT_LIMIT),
        as_of=page.get("as_of"),
        cursor=page.get("cursor"),
        format=wanted,
        fields=_columns_of(wanted, page.get("fields", ()), vocabulary),
        after=page.get("after"),
        count=page.get("count", ""),
        explain=page.get("explain", False),
    )
    if search.explain and wanted != JSON:
        raise _bad("explain", f"only an answer in {JSON} has room for it; leave format out")
    if wanted == JSON and search.limit > MAX_LIMIT:
        raise _bad("limit", _LIMITS)
    if search.cursor and search.cursor.back and search.limit > MAX_LIMIT:
        raise _bad("limit", f"must be at most {MAX_LIMIT} with a cursor of `prev`")
    if search.after is not None and search.cursor:
        raise _bad("after", "cannot be combined with cursor; give one of them")
    return search if named else _continued(search)


def put_at(search: Search, cone: Cone) -> Search:
    """A search by name, at its place. Raises BadParameters for a cursor of another search."""
    return _continued(replace(search, cone=cone, named=None))


def _continued(search: Search) -> Search:
    """The search with its digest; its cursor, if it has one, must be its own."""
    sort, cursor = search.sort, search.cursor
    named = [(clause.filter.name, clause.value) for clause in search.clauses]
    # Nothing that depends on the process: a cursor outlives it, and other processes accept it.
    deciding: tuple[Any, ...] = (search.cone, search.polygon, named, sort)
    if search.region_id:
        deciding = (search.region_id, *deciding)
    if search.vocabulary is not ZTF:
        deciding = (search.vocabulary.survey.name, *deciding)
    digest = hashlib.sha256(repr(deciding).encode()).hexdigest()[:16]
    if cursor is None:
        return replace(search, digest=digest)
    if cursor.digest != digest:
        raise _bad("cursor", "belongs to another search; repeat the parameters that it came with")
    if not isinstance(cursor.value, search.vocabulary.fields[sort.column].held | None):
        raise _bad("cursor", "not a cursor of this API")
    if search.as_of not in (None, cursor.as_of):
        raise _bad("as_of", "is not the batch of the cursor; leave as_of out")
    return replace(search, digest=digest, as_of=cursor.as_of)


def _bad(parameter: str, reason: str) -> BadParameters:
    return BadParameters([BadParameter(parameter, reason)])


def _columns_of(wanted: str, fields: tuple[str, ...], vocabulary: Vocabulary) -> tuple[str, ...]:
    """The columns of an answer in a format; none for whole JSON alerts, whose bytes are kept."""
    as_table = not FORMATS[wanted].nested
    named = fields or (() if wanted == JSON else default_fields(as_table, vocabulary))
    return flatten_links(named, vocabulary) if as_table else named
