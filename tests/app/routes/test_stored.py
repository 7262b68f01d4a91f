"""Whatever is stored can be had: every format and page of rows that nobody would have wished for.

`MARS_STORED_ALERTS=3000 MARS_STORED_CHANCE=7` tries more of them, and others.
"""

import io
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
import pyarrow.parquet
import pytest

from app.answers.formats import FORMATS
from app.mars.form import SORTS
from app.objects.point_models import LightCurve
from app.search.selection import ALERT_KEYS, ON_REQUEST
from app.search.vocabulary import FIELDS
from app.vo.tables import BY_NAME
from tests.app.conftest import app_settings, serving
from tests.app.nights.visits import (
    HTML,
    JSON,
    Known,
    Visit,
    faults,
    named,
    read,
    routes,
    strict,
    visits,
)
from tests.app.stamps.odd_stamps import odd_stamps
from tests.app.stored import Row, store
from tests.catalog.catalogs import until_counted, update_catalog
from tests.conftest import new_place, opened

ALERTS = int(os.environ.get("MARS_STORED_ALERTS", "48"))
CHANCE = int(os.environ.get("MARS_STORED_CHANCE", "0"))
STORED = odd_stamps()
KEYS = frozenset({"candid", "number", "object_id", "night", "kind"})
"""What names something stored in a path."""
OTHERS = frozenset({"ending", "job", "key", "path", "region", "suffix", "watch"})
"""What does not: the app's own jobs, watches and regions with their files, the files of pages."""
PATHS = [
    *([], ["candid"], ["number"], ["object_id"], ["night"]),
    *(["candid", "kind"], ["kind", "number"]),
]
NIGHTS = ["20260131", "20260201", "18581117", "00010101", "99991231"]
LONG = {"limit": "1000"}
# What astropy says of a header that it can read is no error.
pytestmark = pytest.mark.filterwarnings("ignore::astropy.utils.exceptions.AstropyUserWarning")


@dataclass
class Odd:
    """An archive of drawn rows, served."""

    client: httpx.AsyncClient
    rows: list[Row]
    document: Any

    def of(self, names: list[str]) -> list[Visit]:
        """The addresses whose paths name just these, for all that is stored."""
        known: Known = {
            "candid": [str(row["candid"]) for row in self.rows],
            "number": [
                *(str(row["lco_id"]) for row in self.rows),
                *(str(row["candid"]) for row in self.rows[::5]),
            ],
            "object_id": self.objects,
            "night": NIGHTS,
        }
        if "kind" in names:
            # Each stamp is the science stamp of one of the first; MARS has a capital there.
            known = {name: list(known[name])[: len(STORED)] for name in known}
            known["kind"] = ["science", "Science"]
        wanted = [route for route in routes() if sorted(named(route)) == names]
        return [visit for route in wanted for visit in visits(self.document, route, known)]

    @property
    def objects(self) -> list[str]:
        return list(dict.fromkeys(row["object_id"] for row in self.rows))

    async def got(self, path: str, **query: str) -> httpx.Response:
        """An answer that can be read."""
        answer = await self.client.get(path, params=query)
        assert answer.status_code == 200, answer.text
        read(answer)
        return answer


@pytest.fixture(scope="module")
async def odd(template: str) -> AsyncIterator[Odd]:
    async with new_place(template) as place, opened(place) as archive:
        key = "ztf/20260131/odd"
        await archive.store.put(key, b"".join(STORED.values()))
        rows = await store(archive.engine, list(STORED.values()), key, ALERTS, CHANCE)
        await update_catalog(place)
        async with serving(app_settings(place)) as client:
            await until_counted(client)
            yield Odd(client, rows, (await client.get("/openapi.json")).json())


def test_every_route_is_visited() -> None:
    """A route with a parameter of another name has to be added, and what it can be."""
    assert {name for route in routes() for name in named(route)} == KEYS | OTHERS
    of_archive = [sorted(named(route)) for route in routes() if not OTHERS & {*named(route)}]
    assert {*map(tuple, of_archive)} == {*map(tuple, PATHS)}


@pytest.mark.parametrize("names", PATHS, ids="-".join)
async def test_every_address(odd: Odd, names: list[str]) -> None:
    found = await faults(odd.client, odd.of(names))
    assert not found, "\n".join([str(len(found)), *found[:20]])


async def test_most_is_found(odd: Odd) -> None:
    """What was asked for is there: else all these answers were those to nothing."""
    assert len(odd.rows) > 0.9 * ALERTS
    for names in (["candid"], ["object_id"]):
        asked = [visit for visit in odd.of(names) if "?" not in visit.address]
        found = [(await odd.client.get(v.address, headers=v.headers)).status_code for v in asked]
        assert found.count(200) > 0.7 * len(found), names


async def test_light_curves_are_as_they_are_described(odd: Odd) -> None:
    kinds = set()
    for name in odd.objects:
        if name.strip("./") and not name.endswith(("/", "/alerts")):
            path = f"/api/v1/objects/{httpx.QueryParams({'': name})!s}".replace("/=", "/")
            curve = (await odd.got(path.replace("+", "%20") + "/lightcurve", merged="true")).text
            kinds |= {point.root.kind for point in LightCurve.model_validate_json(curve).points}
    assert len(kinds) == 4


@pytest.mark.parametrize("wanted", FORMATS)
async def test_lists_of_alerts(odd: Odd, wanted: str) -> None:
    names = [name for name in (*ALERT_KEYS, *ON_REQUEST) if name != "links" or wanted == "json"]
    every = {"fields": ",".join(names), "format": wanted, **LONG}
    body = (await odd.got("/api/v1/alerts", **every)).content
    if wanted == "json":
        assert len(strict(body)["items"]) == len(odd.rows)
    if wanted == "parquet":
        table = pyarrow.parquet.read_table(io.BytesIO(body))
        assert sorted(table["candid"].to_pylist()) == sorted(row["candid"] for row in odd.rows)
    for dec in ("-90", "0", "90"):
        await odd.got("/api/v1/objects", cone=f"0,{dec},10", format=wanted)
    positions = [{"ra": row["ra"], "dec": row["dec"]} for row in odd.rows[:50]]
    query = {"format": wanted, "radius": "0.1"}
    answer = await odd.client.post("/api/v1/match", params=query, json={"positions": positions})
    assert answer.status_code == 200, answer.text
    read(answer)


@pytest.mark.parametrize("wanted", ["votable", "csv", "parquet"])
async def test_tables_of_tap(odd: Odd, wanted: str) -> None:
    for table in BY_NAME:
        query = {"LANG": "ADQL", "QUERY": f"SELECT * FROM {table}", "FORMAT": wanted}
        await odd.got("/vo/tap/sync", MAXREC="10000", **query)
    count = {"LANG": "ADQL", "QUERY": "SELECT COUNT(*) AS n FROM mars.alert", "FORMAT": "csv"}
    assert (await odd.got("/vo/tap/sync", **count)).text.split() == ["n", str(len(odd.rows))]


async def test_no_walk_loses_an_alert(odd: Odd) -> None:
    """By whatever column, over NaN, infinities and missing values, forwards and back."""
    cone = {"cone": "0,0,10", "fields": "candid"}
    every = {item["candid"] for item in (await odd.got("/api/v1/alerts", **cone)).json()["items"]}
    assert len(every) > 5
    single = [name for name, field in FIELDS.items() if field.columns == (name,)]
    for n, name in enumerate(single):
        query = {**cone, "limit": "4", "sort": f"-{name}" if n % 2 else name}
        walked: list[str] = []
        page = (await odd.got("/api/v1/alerts", **query)).json()
        first = page["items"]
        while True:
            walked += [item["candid"] for item in page["items"]]
            if page["next"] is None:
                break
            page = (await odd.got("/api/v1/alerts", **query, cursor=page["next"])).json()
        assert len(walked) == len(every), name
        assert {*walked} == every, name
        while page["prev"] is not None:
            page = (await odd.got("/api/v1/alerts", **query, cursor=page["prev"])).json()
        assert page["items"] == first, name


async def test_lists_as_mars_gave_them(odd: Odd) -> None:
    pages = -(-len(odd.rows) // 100)
    for by in ("jd", "id", "magpsf", "objectId", "ssnamenr", "distnr", "candid"):
        found = set()
        for page in range(1, pages + 1):
            query = {"sort_value": by, "page": str(page), "format": "json"}
            found |= {row["candid"] for row in (await odd.got("/", **query)).json()["results"]}
        assert found == {row["candid"] for row in odd.rows}, by
    pages_of = [Visit(f"/?sort_value={by}", HTML) for by in SORTS]
    bulk = {"queries": [{"cone": f"0,{dec},5"} for dec in (-90, 0, 90)]}
    answer = await odd.client.post("/", json=bulk, headers=JSON)
    assert answer.status_code == 200
    assert strict(answer.content)["total"] > 0
    assert not await faults(odd.client, pages_of[:: max(1, len(pages_of) // 20)])
