"""What the main page makes of parameters and rows, without an archive."""

import shlex
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from app.mars.form import FORM, SORTS
from app.pages import links
from app.pages.lists import listing, scripts
from app.pages.lists.results import LIST_COLUMNS, clock

URL = "http://mars.test"
HOSTILE = """<script>alert('1')</script>" $(id) `id` \\ ' é"""


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("rb__gte", "0.5", "rb ≥ 0.5"),
        ("magpsf__lte", "18", "magpsf ≤ 18"),
        ("ra__gt", "10", "ra > 10"),
        ("jd__lt", "2458317.5", "jd < 2458317.5"),
        ("filter", "g", "filter = g"),
        ("cone", "1,2,3", "cone = 1,2,3"),
        ("time__since", "86400", "Not older than 86400 s"),
    ],
)
def test_a_filter_in_few_words(name: str, value: str, sentence: str) -> None:
    assert listing.sentence(FORM[name], value) == sentence


def test_known_parameters_are_kept_in_the_order_of_the_form() -> None:
    pairs = [("page", "2"), ("x", "1"), ("rb__gte", "0.5"), ("rb__gte", "0.9"), ("cone", " ")]
    pairs += [("sort_value", "rb"), ("objectId", "ZTF1"), ("format", "html")]
    assert list(links.known_parameters(pairs).items()) == [
        ("objectId", "ZTF1"),
        ("rb__gte", "0.5"),
        ("sort_value", "rb"),
        ("page", "2"),
    ]


def test_the_first_of_a_repeated_parameter_counts_also_when_it_is_blank() -> None:
    assert links.known_parameters([("rb__gte", ""), ("rb__gte", "0.9")]) == {}


def test_an_address_carries_every_character() -> None:
    href = links.address({"objectId": HOSTILE}, page="2")
    assert parse_qsl(urlsplit(href).query) == [("objectId", HOSTILE), ("page", "2")]
    assert links.address({"objectId": HOSTILE}, objectId=None) == "/"


def test_a_chip_takes_its_filter_and_the_page_away_and_keeps_the_rest() -> None:
    chips = listing.chips({"cone": "1,2,3", "rb__gte": "0.5", "sort_value": "rb", "page": "3"})
    assert [(chip.name, chip.without) for chip in chips] == [
        ("cone", "/?rb__gte=0.5&sort_value=rb"),
        ("rb__gte", "/?cone=1,2,3&sort_value=rb"),
    ]


def test_headers_turn_the_order_round() -> None:
    shown = {h.column.title: h for h in listing.headers({"rb__gte": "0.5", "page": "4"})}
    assert {title: h.sorted for title, h in shown.items() if h.sorted} == {"time": "descending"}
    assert shown["time"].href == "/?rb__gte=0.5&sort_value=jd&sort_order=asc"
    assert shown["rb"].href == "/?rb__gte=0.5&sort_value=rb&sort_order=desc"
    shown = {h.column.title: h for h in listing.headers({"sort_value": "rb", "sort_order": "asc"})}
    assert {title: h.sorted for title, h in shown.items() if h.sorted} == {"rb": "ascending"}
    assert shown["rb"].href == "/?sort_value=rb&sort_order=desc"


def test_every_column_can_be_sorted_by() -> None:
    assert {column.sort for column in LIST_COLUMNS} <= SORTS.keys()


def test_the_first_twelve_columns_are_those_of_the_original() -> None:
    titles = [column.title for column in LIST_COLUMNS]
    original = "id objectId time filter ra dec magpsf magap distnr Δmaglatest Δmagref rb"
    assert titles[:12] == original.split()


def test_every_filter_has_one_field() -> None:
    inputs = [
        i.name for group in listing.groups({}, {}) for line in group.lines for i in line.inputs
    ]
    assert sorted(inputs) == sorted(FORM)


def test_a_group_is_open_where_it_is_filled_in_or_wrong() -> None:
    groups = listing.groups({"rb__gte": "0.5"}, {"cone": "must be ra,dec,radius"})
    assert [(g.title, g.active) for g in groups if g.open] == [("position", 0), ("quality", 1)]
    inputs = {i.name: i for group in groups for line in group.lines for i in line.inputs}
    assert inputs["rb__gte"].value == "0.5"
    assert inputs["cone"].error == "must be ra,dec,radius"


def test_cells_have_fixed_decimals_and_nothing_for_null() -> None:
    row: dict[str, Any] = {
        "lco_id": 7,
        "object_id": "ZTF1",
        "jd": 2458318.5,
        "filter": "g",
        "ra": 0.5,
        "dec": -0.1,
        "magpsf": 18.123456,
        "magap": None,
        "distnr": None,
        "deltamaglatest": -0.004,
        "deltamagref": None,
        "rb": 0.5,
        "drb": None,
        "isdiffpos": False,
    }
    cells = [column.text(row) for column in LIST_COLUMNS]
    assert cells[:7] == ["7", "ZTF1", "2018-07-19 00:00:00", "g", "0.50000", "-0.10000", "18.12"]
    assert cells[7:] == ["", "", "-0.00", "", "0.500", "", "−"]


def test_a_time_is_cut_to_the_second() -> None:
    assert clock(2458318.5 + 0.9999 / 86400) == "2018-07-19 00:00:00"


@pytest.mark.parametrize(
    ("parameters", "address"),
    [
        ({}, "/api/v1/alerts"),
        ({"objectId": "ZTF1", "page": "2"}, "/api/v1/alerts?object_id=ZTF1"),
        ({"cone": "1,2,3", "rb__gte": "0"}, "/api/v1/alerts?cone=1,2,3&rb__gte=0"),
        ({"sort_value": "objectId"}, "/api/v1/alerts?sort=-object_id"),
        (
            {"cone": "1,2,3", "sort_value": "rb", "sort_order": "asc"},
            "/api/v1/alerts?cone=1,2,3&sort=rb",
        ),
        ({"sort_value": "rb"}, None),
        ({"cone": "1,2,30"}, None),
        ({"cone": "-1,2,3"}, None),
        ({"time__since": "60"}, None),
        ({"objectcone": "M31,1"}, "/api/v1/alerts?name=M31,1"),
        ({"ra__gt": "350", "ra__lt": "10"}, "/api/v1/alerts?ra__gt=350&ra__lt=10"),
        ({"ra__gt": "-10", "ra__lt": "10"}, None),
        ({"l__gt": "350", "l__lt": "10"}, None),
        ({"magpsf__lte": "inf"}, None),
        ({"nbad__lte": "0.5"}, None),
    ],
)
def test_the_same_search_in_the_typed_api(parameters: dict[str, str], address: str | None) -> None:
    assert scripts.typed_address(parameters, any_order=False) == address


def test_no_value_leaves_the_quotes_of_the_command() -> None:
    words = shlex.split(scripts.curl({"objectId": HOSTILE}, URL))
    assert words[:2] == ["curl", "-fsS"]
    (address,) = words[2:]
    assert parse_qsl(urlsplit(address).query) == [("objectId", HOSTILE), ("format", "json")]


def test_no_value_leaves_the_quotes_of_the_program() -> None:
    code = scripts.python({"objectId": HOSTILE, "rb__gte": "0.5", "page": "3"}, URL)
    held: dict[str, Any] = {}
    exec(code[code.index("search =") : code.index("page, alerts")], held)
    assert held["search"] == {"objectId": HOSTILE, "rb__gte": "0.5", "format": "json"}
