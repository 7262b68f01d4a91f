"""What a search needs beside its order or its region: a part of the sky, or a range of time."""

from dataclasses import replace
from typing import Final

from app.errors import BadParameter, BadParameters
from app.search.regions import Region
from app.search.search import Search

SORT_WINDOW_D: Final = 7.0
REGION_WINDOW_D: Final = 31.0
LARGE_DEG2: Final = 4000.0
"""Area of a region that needs a range of time: a tenth of the sky."""


def put_in(search: Search, region: Region) -> Search:
    """A search by a region's id, with what the region holds.

    Raises BadParameters for a large region without a range of time.
    """
    if region.area > LARGE_DEG2 and not _is_within(search, REGION_WINDOW_D):
        raise _bad(
            "region",
            f"has {region.area:,.0f} square degrees; above {LARGE_DEG2:,.0f} a time range of at "
            f"most {REGION_WINDOW_D:g} days is needed (jd, mjd or time, from and to)",
        )
    return replace(search, region=region)


def check_sort(search: Search) -> None:
    """Raise BadParameters unless a search leaves so few rows that any column can sort them.

    Columns with an index sort the whole archive, and so does the columnar copy every column; this
    is for when that is missing. MARS's form never refused an order.
    """
    led = search.cone or search.polygon or (search.region and search.region.covering)
    anywhere = search.sort.column in search.vocabulary.sorted_anywhere or search.sort.as_mars
    narrow = any(clause.filter.narrow for clause in search.clauses)
    if anywhere or led or narrow or _is_within(search, SORT_WINDOW_D):
        return
    raise _bad(
        "sort",
        "sorting by this field needs a cone, a polygon, a small region, a name, an object, a list "
        f"of ids or a time range of at most {SORT_WINDOW_D:g} days while the archive has no "
        "columnar copy; "
        f"sorting by {', '.join(search.vocabulary.sorted_anywhere)} does not",
    )


def _is_within(search: Search, days: float) -> bool:
    """Whether its time range is at most so long."""
    window = {"g": float("-inf"), "l": float("inf")}
    for (searched, operator), value in search.clauses:
        if searched.columns == ("jd",) and isinstance(value, float):
            if operator in ("gt", "gte", ""):
                window["g"] = max(window["g"], value)
            if operator in ("lt", "lte", ""):
                window["l"] = min(window["l"], value)
    return window["l"] - window["g"] <= days


def _bad(parameter: str, reason: str) -> BadParameters:
    return BadParameters([BadParameter(parameter, reason)])
