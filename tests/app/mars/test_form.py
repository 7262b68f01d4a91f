"""MARS's form: what each parameter means, and what is refused."""

import math
from datetime import UTC, datetime
from typing import Any

import pytest

from app.errors import BadForm
from app.mars.form import FORM, GROUPS, SORTS, SORTS_OFFERED, WITHOUT_SOURCE, Form, read_form
from app.search.regions import Cone, Named
from app.search.search import Sort
from app.search.vocabulary import FILTERS
from archive.times import jd_of

NAMES = """objectId candid objectidps filter cone objectcone ra__gt ra__lt dec__gt dec__lt l__gt
l__lt b__gt b__lt time__gt time__lt time__since jd__gt jd__lt magpsf__gte magpsf__lte sigmapsf__lte
magap__gte magap__lte distnr__gte distnr__lte deltamaglatest__gte deltamaglatest__lte
deltamagref__gte deltamagref__lte rb__gte drb__gte classtar__gte classtar__lte fwhm__lte nbad__lte
elong__lte ssnamenr""".split()


def form(**given: str) -> Form:
    return read_form(given.items())


def clauses(**given: str) -> dict[str, Any]:
    return {c.filter.name: c.value for c in form(**given).search.clauses}


def refusal(**given: str) -> dict[str, str]:
    with pytest.raises(BadForm) as caught:
        form(**given)
    return {error.parameter: error.reason for error in caught.value.errors}


def test_the_form_has_every_parameter_of_mars() -> None:
    assert sorted(FORM) == sorted([*NAMES, "field", "region"])
    assert {entry.group for entry in FORM.values()} == set(GROUPS)
    for name, entry in FORM.items():
        read_form([(name, entry.example)])
        if entry.filter is not None:
            same = FILTERS[entry.filter.name]
            assert entry.filter.field.columns == same.field.columns
    assert SORTS_OFFERED.keys() <= SORTS.keys()


def test_blank_is_absent_unknown_is_ignored_and_the_first_counts() -> None:
    everything = [*((name, " ") for name in NAMES), ("sort_value", ""), ("query_name", "x")]
    blank = read_form(everything)
    assert blank.search == form().search
    assert (blank.page, blank.given, blank.named) == (1, {}, None)
    assert clauses(isdiffpos="t", rb__lte="0.2", RB__GTE="1") == {}
    first = read_form([("rb__gte", "0.5"), ("rb__gte", "abc")])
    assert first.given == {"rb__gte": "0.5"}
    assert read_form([("rb__gte", ""), ("rb__gte", "0.5")]).search.clauses == ()


def test_bounds_are_doubles_as_given() -> None:
    assert clauses(rb__gte="0.8566667") == {"rb__gte": 0.8566667}
    assert clauses(rb__gte=" 9.6e-1 ", magpsf__lte="+.5") == {"rb__gte": 0.96, "magpsf__lte": 0.5}
    assert clauses(nbad__lte="0.5", elong__lte="0") == {"nbad__lte": 0.5, "elong__lte": 0.0}
    assert clauses(magpsf__lte="inf", magap__gte="-Infinity") == {
        "magpsf__lte": math.inf,
        "magap__gte": -math.inf,
    }
    for name in ("rb__gte", "nbad__lte", "jd__gt", "ra__gt", "time__since"):
        for text in ("nan", "abc", "1,5", "1_0", "0x10", "٣", "1e999", "\0"):
            assert name in refusal(**{name: text})


def test_times() -> None:
    day = jd_of(datetime(2018, 7, 17, tzinfo=UTC))
    for text in ("2018-07-17", "2018-07-17 00:00:00", "2018-07-17T00:00Z", "20180717"):
        assert clauses(time__gt=text) == {"time__gt": day}
    assert set(refusal(time__gt="17.07.2018", time__lt="2458300.5")) == {"time__gt", "time__lt"}
    now = jd_of(datetime.now(UTC))
    for text, days in (("864000", 10), ("1.5", 0), ("-86400", -1)):
        assert clauses(time__since=text)["time__gte"] == pytest.approx(now - days, abs=1e-3)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        ("10", "20", {"ra__gt": 10, "ra__lt": 20}),
        ("150", "210", {"ra__gt": 150, "ra__lt": 210}),
        ("0", "360", {"ra__gt": 0, "ra__lt": 360}),
        ("350", "360", {"ra__gt": 350, "ra__lt": 360}),
        ("-20", "-5", {"ra__gt": 340, "ra__lt": 355}),
        ("350", "10", {"ra__outside": [10, math.nextafter(350, math.inf)]}),
        ("-20", "10", {"ra__outside": [10, math.nextafter(340, math.inf)]}),
        ("350", "370", {"ra__outside": [10, math.nextafter(350, math.inf)]}),
        ("-10", "360", {}),
        ("-180", "180", {}),
        ("-inf", "10", {"ra__gt": -math.inf, "ra__lt": 10}),
    ],
)
def test_two_limits_of_ra_are_an_arc(low: str, high: str, expected: dict[str, Any]) -> None:
    assert clauses(ra__gt=low, ra__lt=high) == expected
    # Those of galactic longitude are read plainly, as the original did.
    assert clauses(l__gt=low, l__lt=high) == {"l__gt": float(low), "l__lt": float(high)}


def test_one_limit_is_read_plainly() -> None:
    assert clauses(ra__lt="-5") == {"ra__lt": -5}
    assert clauses(ra__gt="400", dec__lt="-100") == {"ra__gt": 400, "dec__lt": -100}


def test_cones() -> None:
    for text, cone in {
        " 0.81429 , +16.14569 , 1e-2 ": Cone(0.81429, 16.14569, 0.01),
        ".5,-.5,.95": Cone(0.5, -0.5, 0.95),
        "400,16,1": Cone(40, 16, 1),
        "-0.5,90,180": Cone(359.5, 90, 180),
        "360,0,0": Cone(0, 0, 0),
        "-1e-20,0,1": Cone(0, 0, 1),
    }.items():
        assert form(cone=text).search.cone == cone
    assert form(objectcone="m101, 5").named == Named("m101", 5)
    assert form(objectcone="a, b, c,.95").named == Named("a, b, c", 0.95)
    for text in (
        "10,20",
        "10,20,1,2",
        "a,b,c",
        "1,2,-1",
        "1,2,nan",
        "1,2,inf",
        "1,95,1",
        "1,2,181",
    ):
        assert refusal(cone=text)["cone"].endswith("an example is 0.8143,16.1457,0.01")
    for text in ("m31", ",1", "m31,", "m31,200", "m31,x", "a\0b,1", "x" * 300 + ",1"):
        assert "objectcone" in refusal(objectcone=text)
    both = form(cone="1,2,3", objectcone="m31,1")
    assert (both.search.cone, both.named) == (Cone(1, 2, 3), Named("m31", 1))


def test_ids() -> None:
    assert clauses(candid="1707409520815015012") == {"candid": 1707409520815015012}
    assert form(objectidps="-999").search.clauses == (WITHOUT_SOURCE,)
    assert clauses(objectidps="12") == {"objectidps": 12}
    assert clauses(objectidps="9" * 20) == {"objectidps": -(2**63)}
    assert clauses(objectId="ZTF1,ZTF2") == {"object_id": "ZTF1,ZTF2"}
    for text in ("abc", "1.5", "1,2", "9" * 19, "9" * 30, "9" * 5000):
        assert "candid" in refusal(candid=text)
    for text in ("1.5", "x", "9" * 5000, "1\0"):
        assert "objectidps" in refusal(objectidps=text)
    assert set(refusal(objectId="x" * 10_000, filter="R", ssnamenr="\0")) == {
        "objectId",
        "filter",
        "ssnamenr",
    }


def test_order() -> None:
    assert form().search.sort == Sort("jd", True, as_mars=True)
    assert form(sort_order="ASC", sort_value="gal_l").search.sort.column == "l"
    assert form(sort_order="ASC").search.sort.descending
    assert form(sort_value="id", sort_order="asc").search.sort == Sort("lco_id", False, True)
    for name, column in {
        "alert_candid": "candid",
        "wall_time": "jd",
        "objectId": "object_id",
    }.items():
        assert form(sort_value=name).search.sort.column == column
    assert set(refusal(sort_value="nosuch", rb__gte="x")) == {"sort_value", "rb__gte"}


def test_pages() -> None:
    pages = {"2": 2, " 3 ": 3, "0": 0, "-1": -1, "abc": 1, "1.5": 1, "": 1, "٣": 1, "1e3": 1}
    for text, page in pages.items():
        assert form(page=text).page == page
    assert form(page="9" * 9999).page > 10**18
    assert form(page="2").search.digest == form(format="json").search.digest
    assert form(page="2", rb__gte="1").search.digest != form(page="2").search.digest
