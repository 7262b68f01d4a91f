"""Cones, polygons and regions as SQL: the ranges that lead to their alerts, the exact tests."""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    ARRAY,
    CTE,
    BindParameter,
    ColumnElement,
    Double,
    ScalarSelect,
    Select,
    TableValuedAlias,
    Text,
    bindparam,
    case,
    cast,
    column,
    func,
    literal_column,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import INT8MULTIRANGE

from app.alerts.sql.statements import Statement, compile_statement
from archive.survey import Survey

_RA: Final[BindParameter[float]] = bindparam("ra", type_=Double())
_DEC: Final[BindParameter[float]] = bindparam("dec", type_=Double())
_RADIUS: Final[BindParameter[float]] = bindparam("radius", type_=Double())
_VERTICES: Final[BindParameter[Any]] = bindparam("vertices", type_=ARRAY(Double()))
_CELLS: Final[BindParameter[str]] = bindparam("cells", type_=Text())
_COVERING: Final[BindParameter[str]] = bindparam("covering", type_=Text())
Bound = Callable[[ColumnElement[Any], ColumnElement[Any]], ColumnElement[int]]


class Circle(NamedTuple):
    """A circle on the sky as SQL: parameters, or columns of the row that is matched [deg]."""

    ra: ColumnElement[float]
    dec: ColumnElement[float]
    radius: ColumnElement[float]

    def separation(self, columns: Any) -> ColumnElement[float]:
        """sin²(d/2) of the distance d from the centre: grows with it, exact also for small ones."""
        return func.q3c_sindist(columns.ra, columns.dec, self.ra, self.dec, type_=Double())


def covered_columns(survey: Survey) -> tuple[str, ...]:
    """Columns of the index alert_sky: filters on them are applied before the row is fetched."""
    return "jd", survey.key, "ra", "dec", "batch"


ASKED: Final = Circle(_RA, _DEC, _RADIUS)
"""That of a search."""


def unit_vector_of(columns: Any) -> dict[str, ColumnElement[float]]:
    """The unit vector of a row's position, by axis."""
    ra, dec = (_radians(columns.ra), _radians(columns.dec))
    around: ColumnElement[float] = func.cos(dec, type_=Double())
    return {
        "x": around * func.cos(ra, type_=Double()),
        "y": around * func.sin(ra, type_=Double()),
        "z": func.sin(dec, type_=Double()),
    }


def _radians(degrees: ColumnElement[float]) -> ColumnElement[float]:
    # PostgreSQL raises where a product is too small for a double: so near to 0 it is 0.
    least: ColumnElement[float] = literal_column("1e-100", Double())
    zero: ColumnElement[float] = literal_column("0.0", Double())
    angle = case((func.abs(degrees, type_=Double()) < least, zero), else_=degrees)
    return func.radians(angle, type_=Double())


def exact_tests(
    columns: Any, circle: Circle | None, polygon: bool, region: bool
) -> list[ColumnElement[bool]]:
    """The exact tests: sin²(d/2) < sin²(r/2), as q3c_radial_query makes it, q3c_in_poly, and
    whether one of a region's ranges holds the pixel.
    """
    tests: list[ColumnElement[bool]] = []
    if circle:
        tests.append(is_closer(columns, circle))
    if polygon:
        tests.append(is_within_polygon(columns, _VERTICES))
    if region:
        pixel = func.healpix_29(columns.ra, columns.dec)
        tests.append(pixel.bool_op("<@")(_read_ranges(_CELLS)))
    return tests


def is_within_polygon(columns: Any, vertices: BindParameter[Any]) -> ColumnElement[bool]:
    """The exact test of a polygon, whose vertices are ra, dec, ra, dec, ... [deg]."""
    within: ColumnElement[bool] = func.q3c_in_poly(columns.ra, columns.dec, vertices)
    return within


def _read_ranges(text: BindParameter[str]) -> ColumnElement[Any]:
    # As a subquery, because its text would otherwise be read for each row.
    return select(cast(text, INT8MULTIRANGE)).scalar_subquery()


def is_closer(columns: Any, circle: Circle) -> ColumnElement[bool]:
    """The exact test of a circle."""
    half = func.radians(circle.radius, type_=Double()) / literal_column("2.0", Double())
    sine: ColumnElement[float] = func.sin(half, type_=Double())
    most: ColumnElement[float] = func.power(sine, literal_column("2"), type_=Double())
    return circle.separation(columns) < most


def cover_circle(circle: Circle) -> CTE:
    """The ranges of q3c pixels that cover a circle, as rows `low` and `high`."""
    return _as_rows(_pixel_ranges(_of_circle(circle)))


def _of_circle(circle: Circle) -> Bound:
    return lambda i, whole: func.q3c_radial_query_it(*circle, i, whole)


def _of_polygon(i: ColumnElement[Any], whole: ColumnElement[Any]) -> ColumnElement[int]:
    return func.q3c_poly_query_it(_VERTICES, i, whole)


def _pixel_ranges(bound_of: Bound) -> ScalarSelect[Any]:
    """The ranges of q3c pixels that cover a circle or polygon; those that touch are joined.

    q3c gives up to 50 ranges of pixels that lie within and 50 of those that the edge cuts, as
    bounds i and i + 1; an unused one has its lower bound above its upper one.
    As 100 OR-ed conditions, q3c's own form, they are never an index-only scan, and a generic plan
    may walk the time index instead. As rows, materialized, they cannot be planned differently.
    """
    # Downwards: q3c_poly_query_it (2.0.0), called first with bound 0, compares its polygon with
    # memory that nobody has set, and takes what lies there for its ranges if the last query's
    # polygon, the same, still stands in it. With any other bound it begins anew.
    i = func.generate_series(literal_column("98"), literal_column("0"), literal_column("-2"))
    bound: TableValuedAlias = i.table_valued("i", name="bound").render_derived()
    whole = func.generate_series(literal_column("0"), literal_column("1"))
    flag = whole.table_valued("whole", name="flag").render_derived()
    ranges = (
        select(
            bound_of(bound.c.i, flag.c.whole).label("low"),
            bound_of(bound.c.i + literal_column("1"), flag.c.whole).label("high"),
        )
        .select_from(bound.join(flag, true()))
        .subquery("ranges")
    )
    joined = select(func.range_agg(func.int8range(ranges.c.low, ranges.c.high)))
    return joined.where(ranges.c.low < ranges.c.high).scalar_subquery()


@cache
def covering_statement() -> Statement:
    """The text of the ranges of q3c pixels that cover circles: arrays ra, dec and radius [deg]."""
    arrays: list[Any] = [bindparam(name, type_=ARRAY(Double())) for name in Circle._fields]
    columns: list[Any] = [column(name, Double()) for name in Circle._fields]
    place = func.unnest(*arrays).table_valued(*columns).render_derived(name="place")
    # Named as text: as columns of `place` they would be joined again in every inner SELECT.
    circle = Circle(*(literal_column(f"place.{name}", Double()) for name in Circle._fields))
    each = _pixel_ranges(_of_circle(circle))
    return compile_statement(select(cast(func.range_agg(each), Text)).select_from(place))


def _as_rows(ranges: ColumnElement[Any]) -> CTE:
    span = func.unnest(ranges).table_valued("pixels", name="span")
    pixels = span.render_derived().c.pixels
    return (
        select(func.lower(pixels).label("low"), func.upper(pixels).label("high"))
        .cte("covering", nesting=True)
        .prefix_with("MATERIALIZED", dialect="postgresql")
    )


def select_in_region(
    survey: Survey,
    clauses: Sequence[ColumnElement[bool]],
    circle: Circle | None,
    *,
    polygon: bool = False,
    region: bool = False,
    separated: bool = False,
) -> Select[Any]:
    """Id and jd of the alerts in a circle, a polygon and a region, from the index alert_sky alone.

    Where there are several the circle leads there: it is what people draw around one thing.
    `separated` adds Circle.separation as `apart`.
    """
    if circle or polygon:
        ranges: ColumnElement[Any] = _pixel_ranges(_of_circle(circle) if circle else _of_polygon)
    else:
        ranges = _read_ranges(_COVERING)
    covering = _as_rows(ranges)
    alert = survey.alert
    pixel = func.q3c_ang2ipix(alert.c.ra, alert.c.dec)
    near = (
        select(*(alert.c[name] for name in covered_columns(survey)))
        .where(pixel >= covering.c.low, pixel < covering.c.high, *clauses)
        .offset(literal_column("0"))
        .lateral("near")
    )
    apart = [circle.separation(near.c).label("apart")] if circle and separated else []
    return (
        select(near.c[survey.key], near.c.jd, *apart)
        .select_from(covering.join(near, true()))
        .where(*exact_tests(near.c, circle, polygon, region))
    )
