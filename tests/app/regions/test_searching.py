"""Alerts in regions, against mocpy's own test of every alert: pages, counts, orders, files."""

import asyncpg
import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import Latitude, Longitude
from cdshealpix.nested import lonlat_to_healpix
from hypothesis import given
from hypothesis import strategies as st
from lxml import html
from mocpy import MOC

from app.columns.region import read_ranges, table_of_region
from app.regions.covering import write_ranges
from tests.app import sky
from tests.app.alerts.test_cones import all_alerts
from tests.app.conftest import Served, database_of
from tests.app.jobs.running import running
from tests.app.regions.moc import disc, holds, send
from tests.conftest import url_of

SHAPES = {
    "disc": disc(150.0, 30.0, 2.0),
    "pole": disc(10.0, 89.5, 3.0),
    "south pole": disc(200.0, -89.5, 2.0),
    "across 0": disc(0.1, 0.1, 1.5, 11),
    "one cell": MOC.from_string("0/4"),
    "two discs": disc(359.9, 45.0, 1.0) + disc(150.0, 30.0, 0.5, 12),
    "a tenth of the sky": disc(140.0, 10.0, 33.0, 6),
}


def expected(moc: MOC) -> set[str]:
    candids, positions = all_alerts()
    places = list(zip(positions.ra.deg, positions.dec.deg, strict=True))
    return {c for c, inside in zip(candids, holds(moc, places), strict=True) if inside}


@pytest.mark.parametrize("shape", SHAPES)
async def test_equals_mocpy_row_by_row(served: Served, shape: str) -> None:
    moc = SHAPES[shape]
    region = await send(served.client, moc)
    got = await served.candids({"region": region, "limit": 1000})
    assert len(got) == len(set(got))
    assert set(got) == expected(moc) != set()


@pytest.mark.parametrize("shape", ["two discs", "one cell", "a tenth of the sky"])
@pytest.mark.parametrize("sort", ["-jd", "candid", "object_id"])
async def test_pages_have_no_gap_and_no_double(served: Served, shape: str, sort: str) -> None:
    region = await send(served.client, SHAPES[shape])
    query = {"region": region, "sort": sort, "count": "exact"}
    whole = await served.alerts(query | {"limit": 1000})
    wanted = [item["candid"] for item in whole["items"]]
    assert whole["count"] == len(wanted) == len(expected(SHAPES[shape]))
    found: list[str] = []
    page = await served.alerts(query | {"limit": 3})
    while True:
        found += [item["candid"] for item in page["items"]]
        if page["next"] is None:
            break
        page = await served.alerts(query | {"limit": 3, "cursor": page["next"]})
        assert page["count"] == len(wanted)
    assert found == wanted
    back = await served.alerts(query | {"limit": 3, "cursor": page["prev"]})
    before = len(wanted) - len(page["items"])
    assert [item["candid"] for item in back["items"]] == wanted[before - 3 : before]


async def test_with_other_filters_and_as_a_file(served: Served) -> None:
    moc = SHAPES["disc"]
    query = {"region": await send(served.client, moc), "limit": "1000"}
    inside = expected(moc)
    cone = {"cone": "150.5,30.5,0.8"}
    assert set(await served.candids(query | cone)) == inside & set(await served.candids(cone))
    bright = {"magpsf__lt": "18"}
    both = set(await served.candids(query | bright))
    assert both == inside & set(await served.candids(bright | {"limit": "1000"}))
    one = {"object_id": sky.OBJECT}
    own = await served.client.get(f"/api/v1/objects/{sky.OBJECT}/alerts", params=query)
    assert {i["candid"] for i in own.json()["items"]} == set(await served.candids(query | one))
    lines = await served.client.get("/api/v1/alerts", params=query | {"format": "csv"})
    assert len(lines.text.splitlines()) == 1 + len(inside)
    first = (await served.candids(query))[0]
    after = await served.candids(query | {"after": first})
    assert set(after) == inside - {first}


async def test_as_a_job(served: Served) -> None:
    async with running(served) as client:
        query = {"region": await send(client, SHAPES["disc"]), "format": "csv"}
        job = (await client.post("/api/v1/search/jobs", json=query)).json()
        while job["status"] in ("queued", "running"):
            job = (await client.get(f"/api/v1/jobs/{job['id']}")).json()
        lines = (await client.get(job["result"])).text.splitlines()
    assert job["alerts"] == len(lines) - 1 == len(expected(SHAPES["disc"]))


async def test_a_cursor_belongs_to_its_region(served: Served) -> None:
    first, second = [await send(served.client, SHAPES["disc"]) for _ in range(2)]
    page = await served.alerts({"region": first, "limit": 1})
    query = {"region": second, "cursor": page["next"]}
    answer = await served.client.get("/api/v1/alerts", params=query)
    assert answer.status_code == 422
    assert "belongs to another search" in answer.text


async def test_how_it_is_answered(served: Served) -> None:
    small, large = [await send(served.client, SHAPES[n]) for n in ("disc", "one cell")]
    told = (await served.alerts({"region": small, "explain": "true"}))["explain"]
    assert (told["way"], told["looks_at"]) == ("index", None)
    told = (await served.alerts({"region": large, "explain": "true"}))["explain"]
    assert told["way"] == "walk"


@pytest.mark.parametrize(
    "more", [{}, {"jd__gt": "2461000"}, {"time__gt": "2026-01-01", "time__lt": "2026-02-03"}]
)
async def test_much_of_the_sky_needs_a_range_of_time(served: Served, more: dict[str, str]) -> None:
    query = {"region": await send(served.client, "0/0-1"), **more}
    answer = await served.client.get("/api/v1/alerts", params=query)
    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert error["parameter"] == "region"
    assert error["reason"].startswith("has 6,875 square degrees; above 4,000 a time range")
    window = {"time__gt": "2026-01-10", "time__lt": "2026-02-05", "limit": "1000"}
    inside = expected(MOC.from_string("0/0-1")) & set(await served.candids(window))
    assert set(await served.candids({"region": query["region"], **window})) == inside != set()


@pytest.mark.parametrize(
    ("region", "reason"),
    [
        ("A" * 32, "there is no region of this id, or it has expired"),
        ("5/100", "must be the `id` of an answer"),
        ("A" * 33, "must be the `id` of an answer"),
    ],
)
async def test_refused(served: Served, region: str, reason: str) -> None:
    for address in ("/api/v1/alerts", f"/api/v1/objects/{sky.OBJECT}/alerts"):
        answer = await served.client.get(address, params={"region": region})
        assert answer.status_code == 422
        assert reason in answer.json()["errors"][0]["reason"]
    objects = {"region": region, "cone": "1,2,3"}
    answer = await served.client.get("/api/v1/objects", params=objects)
    assert answer.status_code == 422
    assert "unknown parameter" in answer.text


async def test_the_pixel_is_that_of_cdshealpix(served: Served) -> None:
    """Also at poles, on the sides of cells, and beside the parallel where the caps begin."""
    rng = np.random.default_rng(8)
    ra = [rng.uniform(0, 360, 40_000), rng.integers(0, 128, 9000) * 2.8125]
    dec = [np.degrees(np.arcsin(rng.uniform(-1, 1, 40_000)))]
    dec += [
        rng.choice([-90, -60, -41.810314895778596, -30, 0, 30, 41.81031489577862, 75, 90], 9000)
    ]
    near = 90 - 10 ** rng.uniform(-13, 1, 9000)
    ra, dec = [*ra, rng.uniform(0, 360, 9000)], [*dec, near * rng.choice([-1, 1], 9000)]
    odd = np.array([(5e-324, 5e-324), (1e-300, -1e-300), (45, 1e-99), (359.99999999999994, 0)])
    ras, decs = np.concatenate([*ra, odd[:, 0]]), np.concatenate([*dec, odd[:, 1]])
    pixels = lonlat_to_healpix(Longitude(ras, u.deg), Latitude(decs, u.deg), 29)
    connection = await asyncpg.connect(
        url_of("reader", database_of(served.settings)).replace("+asyncpg", "")
    )
    statement = "SELECT healpix_29(a, d) FROM unnest($1::float8[], $2::float8[]) AS t (a, d)"
    try:
        rows = await connection.fetch(statement, ras.tolist(), decs.tolist())
    finally:
        await connection.close()
    assert np.array_equal([row[0] for row in rows], pixels.astype(np.int64))


cells = st.integers(0, 12 * 4**29 - 1)


@given(st.lists(st.tuples(cells, st.integers(1, 4**29)), min_size=1, max_size=20), st.lists(cells))
def test_ranges_are_cut_where_large_pixels_meet(
    given_ranges: list[tuple[int, int]], pixels: list[int]
) -> None:
    ends = [(low, min(low + length, 12 * 4**29)) for low, length in given_ranges]
    moc = MOC.from_depth29_ranges(29, np.array(ends, np.uint64))
    ranges = moc.to_depth29_ranges.astype(np.int64)
    assert np.array_equal(read_ranges(write_ranges(ranges)), ranges)
    table = table_of_region(write_ranges(ranges))
    place, low, high = (table[name].to_numpy() for name in ("place", "low", "high"))
    assert (low < high).all()
    assert (low >> 46 == place).all()
    assert ((high - 1) >> 46 == place).all()
    assert (high - low).sum() == (ranges[:, 1] - ranges[:, 0]).sum()
    for pixel in [*pixels, *ranges[:, 0], *(ranges[:, 1] - 1)]:
        inside = ((ranges[:, 0] <= pixel) & (pixel < ranges[:, 1])).sum()
        assert ((place == pixel >> 46) & (low <= pixel) & (pixel < high)).sum() == inside


async def test_the_form_of_the_first_mars_finds_what_the_api_finds(served: Served) -> None:
    region = await send(served.client, SHAPES["two discs"])
    bound = {"region": region, "magpsf__lte": "18.5"}
    want = await served.candids({**bound, "limit": 1000})
    assert 2 < len(want) < len(expected(SHAPES["two discs"]))
    found, page = [], 1
    while page:
        answer = await served.client.get("/", params={**bound, "format": "json", "page": page})
        found += [str(one["candidate"]["candid"]) for one in answer.json()["results"]]
        page = page + 1 if answer.json()["has_next"] else 0
    assert found == want
    answer = await served.client.post("/", json={"queries": [bound, {"region": region}]})
    assert [one["num_alerts"] for one in answer.json()["results"]] == [
        len(want),
        len(expected(SHAPES["two discs"])),
    ]


@pytest.mark.parametrize(
    ("region", "reason"),
    [
        ("A" * 32, "there is no region of this id"),
        ("nonsense", "must be the `id`"),
        ("a tenth of the sky and more", "a time range of at most"),
    ],
)
async def test_the_form_refuses_regions_in_words(served: Served, region: str, reason: str) -> None:
    if region.startswith("a tenth"):
        region = await send(served.client, "0/0-1")
    answer = await served.client.get("/", params={"format": "json", "region": region})
    assert answer.status_code == 400
    assert reason in answer.text
    answer = await served.client.get(
        "/", params={"region": region}, headers={"Accept": "text/html"}
    )
    assert answer.status_code == 400
    (told,) = html.fromstring(answer.text).xpath('//*[@id="error-region"]')
    assert reason in told.text_content()


async def test_the_main_page_has_a_region_and_a_way_to_be_without(served: Served) -> None:
    region = await send(served.client, SHAPES["two discs"])
    query = {"region": region, "rb__gte": "5"}
    answer = await served.client.get("/", params=query, headers={"Accept": "text/html"})
    page = html.fromstring(answer.text)
    (field,) = page.xpath('//*[@id="field-region"]/@value')
    assert field == region
    chips = page.xpath('//ul[@aria-label="Active filters"]/li[@class="chip"]')
    assert chips[0].xpath("span/text()") == [f"in the region {region[:6]}…"]
    assert chips[0].xpath("a/@href") == ["/?rb__gte=5"]
    # Nothing has that rb, and that filter alone is to blame.
    assert page.xpath('//*[@id="empty"]//li/span/text()') == ["rb ≥ 5"]
    typed = [a for a in page.xpath("//a/@href") if f"/api/v1/alerts?region={region}" in a]
    assert typed
