"""The vocabulary as a table, and what a search refuses."""

import re

import pytest
from sqlalchemy.dialects import postgresql

from app.errors import BadParameters
from app.search.filters import Filter
from app.search.regions import Cone
from app.search.search import Search, Sort, parse_search
from app.search.vocabulary import FIELDS, FILTERS, NAMED
from app.search.windows import check_sort
from archive.surveys.ztf import ZTF

_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]


def where(wanted: Filter) -> str:
    """The clause as SQL, its parameter as a question mark."""
    compiled = str(wanted.sql(ZTF.alert.c, "v").compile(dialect=_DIALECT))
    return re.sub(r"%\(v\)s(::[A-Z ]+(\[\])?)?", "?", compiled)


@pytest.mark.parametrize(
    ("name", "text", "value", "sql"),
    [
        ("magpsf", "17.5", 17.5, "alert.magpsf = ?"),
        ("magpsf__gt", " +.5 ", 0.5, "alert.magpsf > ?"),
        ("magpsf__gte", "1e1", 10.0, "alert.magpsf >= ?"),
        ("magpsf__lt", "-3.", -3.0, "alert.magpsf < ?"),
        ("magpsf__lte", "18.1", 18.100000381469727, "alert.magpsf <= ?"),
        ("ra__lte", "18.1", 18.1, "alert.ra <= ?"),
        ("fid__in", "1, 2,", [1, 2], "alert.fid = ANY (?)"),
        ("rb__isnull", "TRUE", True, "(alert.rb IS NULL) = ?"),
        ("nbad", "0", 0, "alert.nbad = ?"),
        ("candid", "9223372036854775807", [2**63 - 1], "alert.candid = ANY (?)"),
        ("object_id", "a,b", ["a", "b"], "alert.object_id = ANY (?)"),
        ("isdiffpos", "false", False, "alert.isdiffpos = ?"),
        ("filter__in", "g,r", ["g", "r"], "alert.filter = ANY (?)"),
        ("ssnamenr", "433", "433", "alert.ssnamenr = ?"),
        ("ssnamenr", "433 Eros", ["433 Eros", "433"], "alert.ssnamenr = ANY (?)"),
        ("ssnamenr__in", "(433),2", ["(433)", "433", "2"], "alert.ssnamenr = ANY (?)"),
        ("ssnamenr__gt", " 433 Eros ", "433 Eros", "alert.ssnamenr > ?"),
        ("rbversion", " t\t1\x01 ", [" t\t1\x01 ", "t\t1\x01"], "alert.rbversion = ANY (?)"),
        ("mjd__gte", "58318.5", 2458319.0, "alert.jd >= ?"),
        ("time__gte", "2018-07-19", 2458318.5, "alert.jd >= ?"),
        ("time__lt", "2018-07-19T12:00:00Z", 2458319.0, "alert.jd < ?"),
        ("time__lt", "2018-07-19 12:00", 2458319.0, "alert.jd < ?"),
        ("time__lt", "2018-07-19T14:00:00+02:00", 2458319.0, "alert.jd < ?"),
        ("time__lt", "2018-07-19T14:00:00 02:00", 2458319.0, "alert.jd < ?"),
    ],
)
def test_filter(name: str, text: str, value: object, sql: str) -> None:
    (clause,) = parse_search([(name, text)]).clauses
    assert clause.value == value
    assert where(clause.filter) == sql
    assert parse_search([("where", f"{name}:{text}")]).clauses == (clause,)


def test_whether_any_field_has_a_value_can_be_asked() -> None:
    assert {name for name in FIELDS if f"{name}__isnull" not in FILTERS} == set()


def test_any_of_three_columns() -> None:
    assert where(FILTERS["objectidps"]).count("= ?") == 3


def test_every_column_can_be_searched() -> None:
    assert {"magpsf__isnull", "drbversion__in", "l__gt", "batch__lte", "scorr"} <= FILTERS.keys()
    assert set(NAMED) <= FILTERS.keys()


@pytest.mark.parametrize(
    ("text", "cone"),
    [
        ("10,-20,0.5", Cone(10, -20, 0.5)),
        (" 10 , +20 ,.5d", Cone(10, 20, 0.5)),
        ("10, 20,30'", Cone(10, 20, 0.5)),
        ('10,20,1800"', Cone(10, 20, 0.5)),
        ("360,90,10", Cone(0, 90, 10)),
    ],
)
def test_cone(text: str, cone: Cone) -> None:
    assert parse_search([("cone", text)]).cone == pytest.approx(cone, rel=1e-15)


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("cone", "1,2", "ra,dec,radius"),
        ("cone", "1,2,3,4", "ra,dec,radius"),
        ("cone", "nan,2,1", "not a number"),
        ("cone", "361,2,1", "0 and 360"),
        ("cone", "1,90.1,1", "-90 and 90"),
        ("cone", "1,2,11", "and 10 degrees"),
        ("cone", "1,2,0", "between 1e-09"),
        ("cone", "1,2,-1", "between 1e-09"),
        ("cone", "1,2,'", "not a number"),
        ("limit", "0", "1 and 1000"),
        ("limit", "1001", "1 and 1000"),
        ("limit", "ten", "not an integer"),
        ("as_of", "-1", "batch number"),
        ("as_of", str(2**63), "64-bit"),
        ("sort", "magspf", "unknown field"),
        ("count", "all", "must be one of exact, estimate"),
        ("fid__in", "1," * 1001, "list of 1 to 1000 values"),
        ("fid__in", ",", "list of 1 to 1000 values"),
        ("fid__in", "1,x", "not an integer"),
        ("object_id", "," * 5, "list of 1 to 1000 values"),
        ("where", "magpsf__ge:1", "unknown filter"),
        ("cursor", "!!!", "cursor"),
        ("cursor", "bnVsbA", "cursor"),
        ("magpsf__gte", "inf", "not a number"),
        ("magpsf__gte", "1e39", "single precision; an example is 16"),
        ("drb__gte", "high", "not a number; an example is 0.9"),
        ("magpsf__isnull", "0", "must be true or false; an example is true"),
        ("jd__gte", "1e309", "double precision"),
        ("candid", "1" * 20, "not an integer"),
        ("candid", str(2**63), "64-bit"),
        ("filter", "u", "'u' is not one of g, r, i"),
        ("filter__in", "g,z", "'z' is not one of g, r, i"),
        ("rb__isnull", "maybe", "true or false"),
        ("ssnamenr", "a\0b", "holds a NUL or a lone surrogate"),
        ("ssnamenr", "a\ud800b", "holds a NUL or a lone surrogate"),
        ("ssnamenr", "a" * 201, "200"),
        ("time__gt", "yesterday", "RFC 3339"),
        ("time__gt", "0001-01-01T00:00:00+23:00", "RFC 3339"),
        ("where", "magpsf__gte", "<field>__<operator>:<value>"),
        ("where", "magspf__gte:1", "unknown filter 'magspf__gte'"),
        ("where", "magpsf__gte:x", "magpsf__gte: not a number; an example is magpsf__gte:16"),
    ],
)
def test_refused(name: str, text: str, reason: str) -> None:
    with pytest.raises(BadParameters) as caught:
        parse_search([(name, text)])
    (error,) = caught.value.errors
    assert error.parameter == name
    assert reason in error.reason


def test_an_order_that_no_index_gives_is_refused_where_there_is_no_copy() -> None:
    check_sort(parse_search([("sort", "magpsf"), ("cone", "1,2,3")]))
    check_sort(parse_search([("sort", "magpsf"), ("jd__gt", "2460000"), ("jd__lt", "2460007")]))
    with pytest.raises(BadParameters, match="sort: sorting by this field needs a cone"):
        check_sort(parse_search([("sort", "magpsf"), ("jd__gt", "2460000")]))


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("objectId", "object_id"),
        ("magpsf_gte", "magpsf__gte"),
        ("radius", "cone"),
        ("objectcone", "name"),
        ("polygn", "polygon"),
        ("magpsf__ge", "magpsf__gte"),
        ("magpsf__isnul", "magpsf__isnull"),
        ("ssnamenr__null", "ssnamenr__isnull"),
        ("colour", None),
        ("isdiffpos__gt", "isdiffpos__in"),
        ("x" * 10_000, None),
    ],
)
def test_unknown_names_get_the_nearest(name: str, nearest: str | None) -> None:
    with pytest.raises(BadParameters) as caught:
        parse_search([(name, "1")])
    (error,) = caught.value.errors
    assert (error.nearest, error.reason) == (nearest, "unknown parameter")


@pytest.mark.parametrize(
    ("name", "text", "nearest"),
    [
        ("where", "magspf__gte:1", "magpsf__gte"),
        ("fields", "candid,magpfs", "magpsf"),
        ("sort", "-distnt", "distnr"),
        ("format", "CSV", "csv"),
        ("count", "exactly", "exact"),
    ],
)
def test_unknown_words_get_the_nearest(name: str, text: str, nearest: str) -> None:
    with pytest.raises(BadParameters) as caught:
        parse_search([(name, text)])
    (error,) = caught.value.errors
    assert (error.parameter, error.nearest) == (name, nearest)
    assert f"did you mean {nearest!r}?" in str(caught.value)


@pytest.mark.parametrize("name", [n for n, f in FILTERS.items() if f.operator not in ("in",)])
def test_the_example_of_every_filter_can_be_read(name: str) -> None:
    assert parse_search([(name, FILTERS[name].example)]).clauses


def test_all_errors_at_once() -> None:
    with pytest.raises(BadParameters) as caught:
        parse_search([("limit", "0"), ("cone", "1"), ("limit", "5")])
    assert {e.parameter for e in caught.value.errors} == {"limit", "cone"}


def test_blank_is_absent_and_zero_is_not() -> None:
    assert parse_search([("cone", ""), ("magpsf__gte", " "), ("x", "")]) == Search()
    assert len(parse_search([("rb__gte", "0")]).clauses) == 1


@pytest.mark.parametrize(
    "narrow",
    [
        ("cone", "1,2,3"),
        ("object_id", "a"),
        ("candid__in", "1,2"),
        ("time__gte", "2018-07-19T00:00:00Z"),
    ],
)
def test_sort_by_any_field_of_few_rows(narrow: tuple[str, str]) -> None:
    query = [narrow, ("sort", "-magpsf"), ("time__lt", "2018-07-26")]
    assert parse_search(query).sort == Sort("magpsf", True)
