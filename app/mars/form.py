"""MARS's form as data: its parameters, what each means in the vocabulary, and how they are read.

Two parameters are new: `field`, with which the page of a night links to its alerts, and `region`.

The rules are the original's, for its unmodified clients: a blank value is absent, an unknown name
is ignored, the first of a repeated name counts, and a bound is compared as the double that was
given (the typed API rounds it to float32 first). Values that cannot be read are refused together.
"""

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import BigInteger, Double

from app.errors import BadForm, BadParameter
from app.search.arcs import bend_arcs
from app.search.filters import Clause, Filter
from app.search.regions import MIN_RADIUS, Cone, Named, parse_region
from app.search.search import Search, Sort
from app.search.values import read_number, read_text
from app.search.vocabulary import FILTERS
from archive import times
from archive.surveys.ztf.columns import CANDIDATE, DERIVED, NONE, SENTINELS

PAGE_SIZE: Final = 100
MAX_RADIUS: Final = 180.0
GROUPS: Final = ("object", "position", "time", "photometry", "reference", "quality")
_INFINITY: Final = re.compile(r"[+-]?inf(inity)?", re.ASCII | re.IGNORECASE)
_DIGITS: Final = re.compile(r"[+-]?\d+", re.ASCII)
_SECONDS_PER_DAY: Final = 86_400.0
_NO_ID: Final = -(2**63)
"""Stands for every id beyond 64 bits: no source has it."""


def _bound(text: str) -> float:
    """A number or an infinity."""
    return float(text) if _INFINITY.fullmatch(text.strip()) else read_number(text)


def _ago(text: str) -> float:
    """Julian date of so many seconds before now."""
    return times.jd_of(datetime.now(UTC)) - _bound(text) / _SECONDS_PER_DAY


def _source(text: str) -> int:
    """A Pan-STARRS1 id; one beyond 64 bits is a number that no source has."""
    if not _DIGITS.fullmatch(digits := read_text(text)):
        raise ValueError("not an integer")
    return value if -_NO_ID > (value := int(digits)) > _NO_ID else _NO_ID


def _radius(text: str) -> float:
    """Degrees; one so small that PostgreSQL cannot square its sine holds nothing, as 0 does."""
    if not 0 <= (degrees := read_number(text)) <= MAX_RADIUS:
        raise ValueError(f"the radius must be between 0 and {MAX_RADIUS:g} degrees")
    return degrees if degrees >= MIN_RADIUS else 0.0


def read_cone(text: str) -> Cone:
    """`ra,dec,radius` in degrees, RA folded into 0 to 360. Raises ValueError."""
    parts = text.split(",")
    if len(parts) != len(Cone._fields):
        raise ValueError("must be ra,dec,radius: three numbers in degrees")
    ra, dec = read_number(parts[0]), read_number(parts[1])
    if not -90 <= dec <= 90:
        raise ValueError("the declination must be between -90 and 90 degrees")
    # The remainder of a tiny negative number rounds to 360 itself.
    return Cone(ra % 360 % 360, dec, _radius(parts[2]))


def read_named(text: str) -> Named:
    """`name,radius`, the radius in degrees. Raises ValueError."""
    name, _, radius = text.rpartition(",")
    if not name.strip():
        raise ValueError("must be name,radius: an object's name and a number of degrees")
    return Named(read_text(name), _radius(radius))


_PLACES: Final[dict[str, Callable[[str], Any]]] = {
    "cone": read_cone,
    "objectcone": read_named,
    "region": parse_region,
}
"""Parameters that mean a part of the sky."""


class Entry(NamedTuple):
    """One parameter of the form that narrows a search."""

    name: str
    filter: Filter | None
    """The filter that it means; None for a part of the sky, which concerns more than a column."""
    label: str
    group: str
    example: str


_READ: Final[dict[str, Callable[[str], Any]]] = {"objectidps": _source, "time__since": _ago}
"""Parameters whose values are read in a special way."""


def _entry(name: str, meaning: str, group: str, label: str, example: str = "") -> Entry:
    """The filter of the vocabulary; bounds are doubles here, also on an integer column."""
    wanted = FILTERS.get(meaning)
    if wanted is not None and wanted.field.kind in ("number", "integer"):
        bare = wanted.field._replace(parse=_bound, bound=Double())
        wanted = wanted._replace(field=bare)
    if wanted is not None and name in _READ:
        wanted = wanted._replace(field=wanted.field._replace(parse=_READ[name]))
    if wanted is not None:
        example = example or wanted.example
    return Entry(name, wanted, label, group, example)


# fmt: off
FORM: Final[dict[str, Entry]] = {row[0]: _entry(*row) for row in (
    # parameter, filter of the vocabulary, group, label, example if it is not the filter's own
    ("objectId", "object_id", "object", "ZTF object"),
    ("candid", "candid", "object", "Candidate id"),
    ("ssnamenr", "ssnamenr", "object", "Solar-system body"),
    ("objectidps", "objectidps", "object", "Pan-STARRS1 source nearby"),
    ("cone", "", "position", "Cone: RA, Dec, radius", "0.8143,16.1457,0.01"),
    ("objectcone", "", "position", "Cone: object name, radius", "M31, 0.5"),
    ("region", "", "position", "Region: its id", "2nRLkqYB0vGXJrA7u9Wd5QmKz1Te8fHs"),
    ("field", "field", "position", "ZTF field"),
    ("ra__gt", "ra__gt", "position", "RA above"),
    ("ra__lt", "ra__lt", "position", "RA below"),
    ("dec__gt", "dec__gt", "position", "Dec above"),
    ("dec__lt", "dec__lt", "position", "Dec below"),
    ("l__gt", "l__gt", "position", "Galactic l above"),
    ("l__lt", "l__lt", "position", "Galactic l below"),
    ("b__gt", "b__gt", "position", "Galactic b above"),
    ("b__lt", "b__lt", "position", "Galactic b below"),
    ("time__gt", "time__gt", "time", "Time after"),
    ("time__lt", "time__lt", "time", "Time before"),
    ("time__since", "time__gte", "time", "Not older than", "86400"),
    ("jd__gt", "jd__gt", "time", "Julian date above"),
    ("jd__lt", "jd__lt", "time", "Julian date below"),
    ("filter", "filter", "photometry", "Filter"),
    ("magpsf__gte", "magpsf__gte", "photometry", "PSF magnitude from"),
    ("magpsf__lte", "magpsf__lte", "photometry", "PSF magnitude to"),
    ("sigmapsf__lte", "sigmapsf__lte", "photometry", "PSF magnitude error to"),
    ("magap__gte", "magap__gte", "photometry", "Aperture magnitude from"),
    ("magap__lte", "magap__lte", "photometry", "Aperture magnitude to"),
    ("deltamaglatest__gte", "deltamaglatest__gte", "photometry", "Δmaglatest from"),
    ("deltamaglatest__lte", "deltamaglatest__lte", "photometry", "Δmaglatest to"),
    ("distnr__gte", "distnr__gte", "reference", "Distance to the reference source from"),
    ("distnr__lte", "distnr__lte", "reference", "Distance to the reference source to"),
    ("deltamagref__gte", "deltamagref__gte", "reference", "Δmagref from"),
    ("deltamagref__lte", "deltamagref__lte", "reference", "Δmagref to"),
    ("rb__gte", "rb__gte", "quality", "Real/bogus from"),
    ("drb__gte", "drb__gte", "quality", "Deep-learning real/bogus from"),
    ("classtar__gte", "classtar__gte", "quality", "Star/galaxy from"),
    ("classtar__lte", "classtar__lte", "quality", "Star/galaxy to"),
    ("fwhm__lte", "fwhm__lte", "quality", "FWHM to"),
    ("elong__lte", "elong__lte", "quality", "Elongation to"),
    ("nbad__lte", "nbad__lte", "quality", "Bad pixels to"),
)}
# fmt: on

SORTS: Final[dict[str, str]] = {c.name: c.name for c in (*CANDIDATE, *DERIVED)} | {
    "id": "lco_id",
    "objectId": "object_id",
    "alert_candid": "candid",
    "wall_time": "jd",
    "gal_l": "l",
    "gal_b": "b",
}
"""Every `sort_value` and its column."""

SORTS_OFFERED: Final = {
    "jd": "time",
    "objectId": "objectId",
    "filter": "filter",
    "magpsf": "magpsf",
    "magap": "magap",
    "distnr": "distnr",
    "deltamaglatest": "Δmaglatest",
    "deltamagref": "Δmagref",
    "rb": "rb",
}
"""The orders that the form offers, with their labels."""

KNOWN: Final = frozenset({*FORM, "sort_value", "sort_order", "page", "format"})
_SOURCES: Final = FILTERS["objectidps"].field
WITHOUT_SOURCE: Final = Clause(
    Filter(_SOURCES._replace(columns=("sentinels",), bound=BigInteger()), "bits"),
    sum(1 << bit for bit, c in enumerate(SENTINELS) if c.name in _SOURCES.columns),
)
"""Alerts that lack one of three Pan-STARRS1 sources: ZTF writes -999 there."""


@dataclass(frozen=True, slots=True)
class Form:
    """A request in MARS's words, read and validated."""

    search: Search
    page: int
    """Counted from 1; there is no smaller page."""
    given: Mapping[str, str]
    """The known parameters that were given, as text, by name."""
    named: Named | None = None
    """The objectcone, its name not resolved yet; it may stand beside the cone of the search."""


def read_form(parameters: Iterable[tuple[str, str]]) -> Form:
    """The form that a query string or a bulk query holds. Raises BadForm with every error."""
    given: dict[str, str] = {}
    for name, text in parameters:
        if name in KNOWN:
            given.setdefault(name, text)
    given = {name: text for name, text in given.items() if text.strip()}
    errors: list[BadParameter] = []
    clauses: dict[str, Clause] = {}
    places: dict[str, Any] = {}
    for name in given.keys() & FORM.keys():
        try:
            if name in _PLACES:
                places[name] = _PLACES[name](given[name])
            else:
                clauses[name] = _clause(name, given[name])
        except ValueError as error:
            errors.append(BadParameter(name, f"{error}; an example is {FORM[name].example}"))
    if (sort := _sort(given)) is None:
        errors.append(BadParameter("sort_value", _UNSORTABLE))
    if errors or sort is None:
        raise BadForm(sorted(errors))
    bends = bend_arcs(list(clauses.values()), ("ra",))
    return Form(
        Search(
            places.get("cone"),
            region_id=places.get("region", ""),
            clauses=tuple(sorted(bends, key=lambda c: (c.filter.name, repr(c.value)))),
            sort=sort,
            limit=PAGE_SIZE,
            digest=_digest(given),
        ),
        _page(given.get("page", "")),
        given,
        places.get("objectcone"),
    )


def _clause(name: str, text: str) -> Clause:
    wanted = FORM[name].filter
    assert wanted is not None
    clause = wanted.read_one(text)
    return WITHOUT_SOURCE if name == "objectidps" and clause.value == NONE else clause


_UNSORTABLE: Final = "unknown column; it can be any field of the candidate, or id"


def _sort(given: Mapping[str, str]) -> Sort | None:
    """The order; None if there is no such column."""
    column = SORTS.get(given.get("sort_value", "jd").strip())
    descending = given.get("sort_order") != "asc"
    return None if column is None else Sort(column, descending, as_mars=True)


def _page(text: str) -> int:
    """The number of the page; anything but an integer counts as the first."""
    digits = text.strip()
    # Twenty digits are beyond every last page; int() accepts 4,300 at most.
    return int(digits[:20]) if _DIGITS.fullmatch(digits) else 1


def _digest(given: Mapping[str, str]) -> str:
    """A hash of everything that decides which alerts match, and in which order."""
    kept = sorted(item for item in given.items() if item[0] not in ("page", "format"))
    return hashlib.sha256(repr(kept).encode(errors="surrogatepass")).hexdigest()[:16]
