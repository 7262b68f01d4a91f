"""What pages are put together from: addresses, symbols, positions, fields, negotiation."""

import gzip
import math
from typing import Any

import pytest
from starlette.requests import Request

from app.answers.negotiation import wants_json, wants_page
from app.pages import assets
from app.pages.details import elsewhere, fieldgroups
from app.pages.html import ENVIRONMENT
from app.pages.plots import curvechart, curveplot
from app.pages.plots.curveview import View
from app.search import sphere
from app.search.selection import ALERT_KEYS
from tests.app.conftest import Served

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


def point(kind: str, **values: Any) -> dict[str, Any]:
    """A point of a light curve; what is not given is null."""
    names = "candid magpsf sigmapsf isdiffpos total_mag total_mag_err diffmaglim mag mag_err"
    empty = dict.fromkeys([*names.split(), "limit_mag", "flux_ujy", "flux_ujy_err"])
    head = {"kind": kind, "filter": "g", "mjd": 60000.0, "time": "2023-02-25T00:00:00.000000Z"}
    return empty | head | values


def seen(points: list[dict[str, Any]], view: View) -> list[tuple[Any, ...]]:
    series = curveplot.series_of(points, view)
    return [(s["kind"], s["symbol"], s["y"], s["error"]) for s in series]


def test_bands_and_signs_have_symbols_of_their_own() -> None:
    bands = ("g", "r", "i", None)
    points = [
        point("detection", filter=band, magpsf=18.0, isdiffpos=positive)
        for band in bands
        for positive in (True, False)
    ]
    symbols = [s["symbol"] for s in curveplot.series_of(points)]
    assert len(set(symbols)) == len(points)
    assert sum(symbol.endswith("-open") for symbol in symbols) == len(bands)


def test_each_kind_shows_the_value_that_it_has() -> None:
    points = [
        point(
            "detection",
            magpsf=18.0,
            sigmapsf=0.1,
            isdiffpos=True,
            total_mag=17.0,
            flux_ujy=230.0,
            flux_ujy_err=9.0,
        ),
        point("detection", isdiffpos=None),
        point("upper_limit", diffmaglim=20.5),
        point("forced", mag=19.0, mag_err=0.2, flux_ujy=-5.0, flux_ujy_err=2.0),
        point("forced", limit_mag=21.0, flux_ujy=1.0),
        point("forced"),
    ]
    assert seen(points, View.DIFFERENCE) == [
        ("forced", "circle-open", [19.0], [0.2]),
        ("forced", "triangle-down-open", [21.0], [None]),
        ("upper_limit", "triangle-down-open", [20.5], [None]),
        ("detection", "circle", [18.0], [0.1]),
    ]
    assert seen(points, View.TOTAL) == [("detection", "circle", [17.0], [None])]
    assert seen(points, View.FLUX) == [
        ("forced", "circle-open", [-5.0], [2.0]),
        ("forced", "circle", [1.0], [None]),
        ("detection", "circle", [230.0], [9.0]),
    ]


def test_the_chart_has_magnitudes_growing_downwards() -> None:
    points = [
        point("detection", magpsf=mag, sigmapsf=0.5, isdiffpos=True, mjd=60000.0 + n, candid=str(n))
        for n, mag in enumerate((20.0, 15.0, 18.0))
    ]
    chart = curvechart.chart(curveplot.series_of(points))
    assert chart is not None
    faint, bright, middle = chart.marks
    assert bright.y < middle.y < faint.y
    assert faint.x < bright.x < middle.x
    assert all(0 < m.x < curvechart.WIDTH and 0 < m.y < curvechart.HEIGHT for m in chart.marks)
    assert faint.ends is not None
    assert faint.ends[0] < faint.y < faint.ends[1]
    at = {label: y for y, label in chart.ticks_y}
    assert abs(at["18"] - middle.y) < 0.2


@pytest.mark.parametrize("values", [[18.0], [18.0, 18.0], [-2.5, 40.0], [18.0, 18.0 + 1e-9]])
def test_ticks_are_few_and_inside(values: list[float]) -> None:
    points = [point("upper_limit", diffmaglim=v) for v in values]
    chart = curvechart.chart(curveplot.series_of(points))
    assert chart is not None
    for ticks, size in ((chart.ticks_x, curvechart.WIDTH), (chart.ticks_y, curvechart.HEIGHT)):
        assert 2 <= len(ticks) <= 11
        assert all(0 <= place <= size for place, _ in ticks)
        assert len({label for _, label in ticks}) == len(ticks)
    assert curvechart.chart([]) is None


@pytest.mark.parametrize(
    ("ra", "dec", "text"),
    [
        (0.0, 0.0, "00:00:00.00 +00:00:00.0"),
        (359.99999999, -0.00000001, "00:00:00.00 +00:00:00.0"),
        (10.684708, 41.26875, "00:42:44.33 +41:16:07.5"),
        (83.633083, -5.5, "05:34:31.94 -05:30:00.0"),
        (15 * (1 + 59.999 / 3600), 89.9999999, "01:01:00.00 +90:00:00.0"),
    ],
)
def test_sexagesimal(ra: float, dec: float, text: str) -> None:
    assert sphere.sexagesimal(ra, dec) == text


def test_separation() -> None:
    assert sphere.separation_arcsec((10.0, 60.0), (10.0, 60.0)) == 0.0
    apart = sphere.separation_arcsec((0.0001, 60.0), (359.9999, 60.0))
    assert apart == pytest.approx(0.0002 * 3600 * math.cos(math.radians(60)), rel=1e-6)


def test_every_field_is_in_one_group() -> None:
    named = [field.name for group in fieldgroups.GROUPS.values() for field in group]
    assert len(named) == len(set(named))
    assert set(named) == set(ALERT_KEYS) - {"links"}
    assert all(field.meaning for group in fieldgroups.GROUPS.values() for field in group)


def test_links_quote_what_they_are_given() -> None:
    made = list(elsewhere.links('ZTF"><b>/..', 1e-7, -90.0))
    assert len(made) > 5
    for link in made:
        assert link.address.startswith("https://")
        assert not {'"', "<", ">", " "} & set(link.address)
        assert "1e-07" not in link.address


async def test_every_asset_of_the_templates_is_kept_for_ever(served: Served) -> None:
    source = "".join(
        ENVIRONMENT.loader.get_source(ENVIRONMENT, name)[0]  # type: ignore[union-attr]
        for name in ENVIRONMENT.list_templates()
    )
    names = {part.partition("')")[0] for part in source.split("asset('")[1:]}
    assert len(names) > 10
    for name in sorted(names):
        address = assets.asset_address(name)
        assert address != f"/static/{name}", f"{name} is not there: run `make setup`"
        answer = await served.client.get(address)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]
        held = {"If-None-Match": answer.headers["etag"]}
        assert (await served.client.get(address, headers=held)).status_code == 304


async def test_an_asset_under_another_hash_is_found_but_not_kept(served: Served) -> None:
    for path in ("/static/theme.js", f"/static/{'0' * 16}/theme.js"):
        answer = await served.client.get(path)
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "no-cache"


async def test_assets_are_compressed_for_those_who_take_it(served: Served) -> None:
    address = assets.asset_address("vendor/plotly.js")
    plain = await served.client.get(address, headers={"Accept-Encoding": "identity"})
    async with served.client.stream("GET", address) as answer:
        assert answer.headers["content-encoding"] == "gzip"
        raw = b"".join([part async for part in answer.aiter_raw()])
    assert gzip.decompress(raw) == plain.content
    assert len(raw) < len(plain.content) / 2
    assert answer.headers["etag"] != plain.headers["etag"]


@pytest.mark.parametrize(
    "path", ["%2e%2e/main.py", "..%2fmain.py", "vendor", "", "%00", "/etc/passwd"]
)
async def test_nothing_else_can_be_asked_for(served: Served, path: str) -> None:
    assert (await served.client.get(f"/static/{path}")).status_code == 404


async def test_files_of_js9_share_one_hash_so_that_they_find_one_another(served: Served) -> None:
    folder = assets.asset_address("vendor/js9/js9.css").removesuffix("js9.css")
    for name in ("astroemw.wasm", "js9worker.js", "images/voyager/zoom_in.svg"):
        answer = await served.client.get(folder + name)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]
    wasm = await served.client.get(folder + "astroemw.wasm")
    assert wasm.headers["content-type"] == "application/wasm"


def asked(accept: str | None, path: str = "/", query: str = "") -> Request:
    headers = [] if accept is None else [(b"accept", accept.encode())]
    scope = {"type": "http", "path": path, "query_string": query.encode(), "headers": headers}
    return Request(scope | {"server": ("127.0.0.1", 80), "scheme": "http", "method": "GET"})


@pytest.mark.parametrize(
    ("accept", "query", "json"),
    [
        (None, "", False),
        ("*/*", "", False),
        (BROWSER, "", False),
        (BROWSER, "format=json", True),
        (BROWSER, "format=JSON", False),
        ("application/json", "", True),
        ("application/json", "format=html", True),
        ("application/json, text/plain, */*", "", False),
        ("application/json, text/html;q=0.9", "", True),
        ("application/json;q=0.5, text/html", "", False),
        ("text/html;q=banana, application/json;q=0.1", "", True),
        ("", "", False),
    ],
)
def test_json_or_html(accept: str | None, query: str, json: bool) -> None:
    assert wants_json(asked(accept, query=query)) is json


def test_only_people_get_error_pages() -> None:
    assert wants_page(asked(BROWSER))
    assert not wants_page(asked("*/*"))
    assert not wants_page(asked(BROWSER, "/api/v1/alerts"))
    assert not wants_page(asked(BROWSER, query="format=json"))
