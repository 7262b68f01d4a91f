"""Light curves in each format, read by real readers, against their own JSON."""

import io
import json
from pathlib import Path
from typing import Any, Final

import pytest
from astropy.io.votable import parse_single_table

from app.answers.formats import FORMATS
from app.objects.point_models import LightCurve
from app.objects.points import OF_KIND, POINTS, PointKind
from tests.app import sky
from tests.app.answers import readers
from tests.app.answers.readers import READERS
from tests.app.answers.test_lists import TABLES, row_of
from tests.app.conftest import Served
from tests.app.objects.test_lightcurves_independent import by_object
from tests.real_archive import Everything, for_each

OF_TABLES: Final = [reader for reader, (name, _) in READERS.items() if name in TABLES]
CHOSEN: Final = ("mjd", "magpsf", "filter", "diffmaglim", "candid", "flux_ujy")
Query = dict[str, Any]


def address_of(name: str) -> str:
    return f"/api/v1/objects/{name}/lightcurve"


async def points_of(served: Served | Everything, name: str, query: Query) -> list[dict[str, Any]]:
    """The points of a light curve as JSON."""
    answer = await served.client.get(address_of(name), params=query)
    assert answer.status_code == 200, answer.text
    points: list[dict[str, Any]] = answer.json()["points"]
    return points


@pytest.fixture(scope="module")
def names(everything: Everything) -> list[str]:
    """Real objects with the most alerts, and those with forced photometry."""
    packets = everything.packets.values()
    objects = by_object(packets)
    forced = {p.record["objectId"] for p in packets if p.record.get("fp_hists")}
    most = sorted(objects, key=lambda name: (-len(objects[name]), name))
    return [*most[:20], *sorted(forced - set(most[:20]))]


@pytest.mark.parametrize("reader", OF_TABLES)
@pytest.mark.parametrize("merged", ["false", "true"])
async def test_real_light_curves_by_real_readers(
    everything: Everything, names: list[str], reader: str, merged: str
) -> None:
    form, read = READERS[reader]
    columns = {n: c for n, c in POINTS.items() if merged == "true" or n != "object_id"}
    kinds: set[str] = set()

    async def check(name: str) -> None:
        query: Query = {"merged": merged}
        points = await points_of(everything, name, query)
        kinds.update(point["kind"] for point in points)
        answer = await everything.client.get(address_of(name), params=query | {"format": form})
        rows = [row_of(point, columns) for point in points]
        assert read(answer.content, POINTS) == readers.expected(rows, reader, POINTS)

    assert len(names) >= 20
    await for_each(names, check)
    assert kinds == set(PointKind)


async def test_csv_and_lines_have_the_digits_of_the_json(
    everything: Everything, names: list[str]
) -> None:
    words = {None: "", True: "true", False: "false"}

    async def check(name: str) -> None:
        whole = await everything.client.get(address_of(name))
        points = readers.numbers_as_text(whole.content)["points"]
        lines = await everything.client.get(address_of(name), params={"format": "jsonl"})
        assert [readers.numbers_as_text(line) for line in lines.content.splitlines()] == points
        table = await everything.client.get(address_of(name), params={"format": "csv"})
        rows = readers.printed(table.content)
        for point, row in zip(points, rows, strict=True):
            assert row == {n: words.get(v := point.get(n), v) for n in POINTS if n != "object_id"}

    await for_each(names, check)


async def test_stilts_reads_a_real_light_curve(
    everything: Everything, names: list[str], tmp_path: Path
) -> None:
    for name in (names[0], names[-1]):
        points = await points_of(everything, name, {})
        answer = await everything.client.get(address_of(name), params={"format": "votable"})
        read = readers.by_stilts(tmp_path, answer.content)
        for point, row in zip(points, read, strict=True):
            assert row["kind"] == point["kind"]
            for key in ("jd", "magpsf", "flux_ujy", "diffmaglim", "candid", "snr"):
                value = point.get(key)
                assert (float(row[key]) if row[key] else None) == (value and float(value)), key


async def test_a_votable_names_its_object(served: Served) -> None:
    answer = await served.client.get(address_of(sky.OBJECT), params={"format": "votable"})
    table = parse_single_table(io.BytesIO(answer.content), verify="exception")
    assert sky.OBJECT in table.description
    flux = table.to_table()["flux_ujy"]
    assert str(flux.unit) == "uJy"
    assert answer.headers["x-as-of"] == "2"
    assert 'filename="lightcurve.vot"' in answer.headers["content-disposition"]


@pytest.mark.parametrize("form", FORMATS)
async def test_fields_choose_and_order(served: Served, form: str) -> None:
    whole = await points_of(served, sky.OBJECT, {})
    query = {"fields": " , ".join(CHOSEN), "format": form}
    answer = await served.client.get(address_of(sky.OBJECT), params=query)
    assert answer.status_code == 200
    if FORMATS[form].nested:
        keys = [[k for k in ("kind", *CHOSEN) if k in point] for point in whole]
        lines = [json.loads(line) for line in answer.content.splitlines()]
        points = lines if form == "jsonl" else lines[0]["points"]
        assert points == [{k: p[k] for k in ks} for p, ks in zip(whole, keys, strict=True)]
        assert [list(point) for point in points] == keys
        return
    columns = {name: POINTS[name] for name in CHOSEN}
    reader, read = next((r, read) for r, (name, read) in READERS.items() if name == form)
    got = read(answer.content, POINTS)
    rows = [row_of({k: p[k] for k in CHOSEN if k in p}, columns) for p in whole]
    assert got == readers.expected(rows, reader, POINTS)
    assert list(got[0]) == list(CHOSEN)


async def test_every_field_can_be_chosen_alone(served: Served) -> None:
    merged = await points_of(served, sky.OBJECT, {"merged": "true"})
    for name in POINTS:
        answer = await served.client.get(
            address_of(sky.OBJECT), params={"format": "csv", "fields": name}
        )
        rows = readers.by_pandas_csv(answer.content, POINTS)
        column = {name: POINTS[name]}
        whole = [row_of({k: v for k, v in p.items() if k == name}, column) for p in merged]
        assert rows == readers.expected(whole, "pandas, csv", POINTS)
        chosen = await points_of(served, sky.OBJECT, {"fields": name})
        assert chosen == [{k: p[k] for k in ("kind", name) if k in p} for p in merged]


async def test_fields_with_the_other_parameters(served: Served) -> None:
    query: Query = {"kind": ["detection", "upper_limit"], "as_of": 1, "fields": "jd,candid"}
    whole = await points_of(served, sky.OBJECT, query | {"fields": ""})
    assert {point["kind"] for point in whole} == set(query["kind"])
    answer = await served.client.get(address_of(sky.OBJECT), params=query | {"format": "csv"})
    assert answer.headers["x-as-of"] == "1"
    rows = readers.by_pandas_csv(answer.content, POINTS)
    assert [(row["jd"], row["candid"]) for row in rows] == [
        (point["jd"], int(point["candid"]) if "candid" in point else None) for point in whole
    ]


async def test_a_point_without_its_kinds_keys_is_not_whole(served: Served) -> None:
    """The models insist on every key; openapi.json, which knows of `fields`, on the kind alone."""
    body = (await served.client.get(address_of(sky.OBJECT))).json()
    LightCurve.model_validate(body)
    schema = LightCurve.model_json_schema()["$defs"]
    assert schema["Detection"]["required"] == ["kind"]
    for point in body["points"]:
        own = {"kind", *OF_KIND[PointKind(point["kind"])]}
        assert own < set(point)
    del body["points"][0]["jd"]
    with pytest.raises(ValueError, match="jd"):
        LightCurve.model_validate(body)


@pytest.mark.parametrize(
    ("query", "parameter", "nearest"),
    [
        ("fields=jd,magpfs", "fields", "magpsf"),
        ("fields=ra", "fields", None),
        ("fields=jd,jd", "fields", None),
        ("fields=,", "fields", None),
        ("kind=detections", "kind", "detection"),
        ("kind=detection&kind=forcd", "kind", "forced"),
        ("format=parket", "format", "parquet"),
        ("field=jd", "field", "fields"),
        ("cursor=x", "cursor", None),
        ("fields=jd&fields=mjd", "fields", None),
    ],
)
async def test_refused(served: Served, query: str, parameter: str, nearest: str | None) -> None:
    answer = await served.client.get(f"{address_of(sky.OBJECT)}?{query}")
    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert (error["parameter"], error["nearest"]) == (parameter, nearest)


async def test_no_such_object_in_any_format(served: Served) -> None:
    for form in FORMATS:
        answer = await served.client.get(address_of("ZTF00nothing"), params={"format": form})
        assert answer.status_code == 404
        assert answer.headers["content-type"] == "application/problem+json"
