"""Each format, read by real readers, holds what the JSON says."""

import io
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow.parquet
import pytest
from astropy.io.votable import parse_single_table
from astropy.io.votable.ucd import parse_ucd
from astropy.units import Unit

from app.alerts.output.items import utc_text, utc_texts
from app.answers.cells import print_numbers
from app.answers.formats import FORMATS
from app.answers.tabular import shortest_floats
from app.search.selection import ALERT_COLUMNS, ALERT_KEYS, ON_REQUEST
from archive.columns import REAL, TEXT, TIME, Column
from tests import packets
from tests.app.answers import readers
from tests.app.answers.readers import READERS, expected
from tests.app.conftest import Served, fresh_archive, serving, take_in

ALERTS = "/api/v1/alerts"
TABLES = [name for name, known in FORMATS.items() if known.writer]
HARD = 'a,"b"\r\n<&c>\t\x01 é\u2028]]>'
"""Text with all that a format could stumble over."""


@pytest.fixture(scope="module")
async def odd() -> AsyncIterator[Served]:
    """Alerts whose values are hard to write."""
    made: list[dict[str, Any]] = [
        {"ssnamenr": HARD, "programpi": "", "rbversion": " t ", "drb": None, "nbad": None},
        {"magpsf": 1e-38, "sigmapsf": 3.4e38, "jdstarthist": 1e300, "nbad": -(2**31)},
        {"objectidps1": 2**63 - 1, "objectidps2": -(2**63), "isdiffpos": "what", "ra": 0.0},
        {"magpsf": 16777217.0, "scorr": -0.0, "tblid": 2**53 + 1, "isdiffpos": "0"},
    ]
    async with fresh_archive() as settings:
        messages = [
            packets.packet(candid=3_300_100_000_000_015_001 + n * 10**10, cutouts=None, **changes)
            for n, changes in enumerate(made)
        ]
        await take_in(settings, messages, "ztf_20260131_programid1")
        async with serving(settings) as client:
            yield Served(client, settings)


async def body_of(served: Served, **query: Any) -> bytes:
    answer = await served.client.get(ALERTS, params=query)
    assert answer.status_code == 200, answer.text
    media_type = FORMATS[query["format"]].media_type
    assert answer.headers["content-type"] == media_type
    return answer.content


@pytest.mark.parametrize("reader", READERS)
async def test_readers_read_the_values_of_the_json(
    odd: Served, served: Served, reader: str
) -> None:
    name, read = READERS[reader]
    for archive in (odd, served):
        items = (await archive.alerts({"limit": 1000}))["items"]
        body = await body_of(archive, format=name, limit=1000)
        assert read(body) == expected(items, reader)


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("found", [0, 1])
async def test_none_and_one(served: Served, reader: str, found: int) -> None:
    name, read = READERS[reader]
    query = {"object_id": "ZTF26aaaa010" if found else "ZTF00nothing"}
    body = await body_of(served, format=name, **query)
    if body:
        assert read(body) == expected((await served.alerts(query))["items"], reader)
    else:
        assert (reader, found) == ("pandas, jsonl", 0)


async def test_csv_and_json_lines_have_the_digits_of_the_json(odd: Served) -> None:
    answer = await odd.client.get(ALERTS, params={"limit": 1000})
    items = readers.numbers_as_text(answer.content)["items"]
    lines = await body_of(odd, format="jsonl")
    assert [readers.numbers_as_text(line) for line in lines.splitlines()] == items
    rows = readers.printed(await body_of(odd, format="csv"))
    words = {None: "", True: "true", False: "false"}
    for item, row in zip(items, rows, strict=True):
        assert list(row) == list(ALERT_KEYS[:-1])
        assert row == {
            name: words.get(value, value) for name, value in item.items() if name != "links"
        }


def test_every_single_is_printed_as_the_json_prints_it() -> None:
    bits = np.random.default_rng(1).integers(0, 2**32, 200_000, dtype=np.uint32)
    edges = [1e-5, 9.9999e-6, 1e13, 9.9999e12, 1e16, 0.0, -0.0, 1e-45, 3.4e38, -1e-5, -1e13]
    numbers = [*map(float, np.array(edges, np.float32)), *map(float, bits.view(np.float32)), None]
    column = Column("magpsf", REAL, "", "", "")
    for some in (numbers, [n for n in numbers if n is None or 1e-5 < abs(n) < 1e13]):
        assert print_numbers(column, some) == orjson.dumps(shortest_floats(some))[1:-1]
    for number in numbers[: len(edges)]:
        assert print_numbers(column, [number]) == orjson.dumps(shortest_floats([number]))[1:-1]


async def test_stilts_reads_a_votable(odd: Served, served: Served, tmp_path: Path) -> None:
    for archive in (odd, served):
        items = (await archive.alerts({"limit": 1000}))["items"]
        read = readers.by_stilts(tmp_path, await body_of(archive, format="votable", limit=1000))
        for item, row in zip(items, read, strict=True):
            assert int(item["candid"]) == int(row["candid"])
            for name, cell in row.items():
                value = item[name]
                if value is None or cell == "":
                    assert (value or "", cell) == ("", ""), name
                elif isinstance(value, bool):
                    assert cell == str(value).lower()
                elif ALERT_COLUMNS[name].kind in (TEXT, TIME):
                    assert cell == value.replace("\x01", "\ufffd"), name
                else:
                    assert float(cell) == float(value), name


async def test_a_votable_says_what_its_columns_are(served: Served) -> None:
    fields = ",".join((*ALERT_KEYS, *ON_REQUEST))
    body = await body_of(served, format="votable", limit=3, fields=fields)
    table = parse_single_table(io.BytesIO(body), verify="exception")
    assert [f.name for f in table.fields if not f.name.startswith("links_")] == [
        *ALERT_KEYS[:-1],
        *ON_REQUEST,
    ]
    for field in table.fields:
        column = ALERT_COLUMNS[field.name]
        assert field.description == column.meaning
        assert field.unit == (column.unit or None)
        assert field.ucd == column.ucd
        parse_ucd(field.ucd, check_controlled_vocabulary=True)
        if column.unit:
            column_of = table.to_table()[field.name]
            assert column_of.unit == Unit(column.unit, format="vounit")


async def test_a_parquet_file_says_what_its_columns_are(served: Served) -> None:
    body = await body_of(served, format="parquet", limit=3)
    file = pyarrow.parquet.ParquetFile(io.BytesIO(body))
    schema = file.schema_arrow
    assert schema.names == list(ALERT_KEYS[:-1])
    types = {field.name: str(field.type) for field in schema}
    assert {types[c] for c in types if ALERT_COLUMNS[c].kind is REAL} == {"float"}
    assert (types["candid"], types["isdiffpos"]) == ("int64", "bool")
    assert types["time"] == "timestamp[us, tz=UTC]"
    told = schema.field("magpsf").metadata
    column = ALERT_COLUMNS["magpsf"]
    assert told[b"unit"] == b"mag"
    assert told[b"ucd"] == b"phot.mag"
    assert told[b"description"].decode() == column.meaning
    metadata = file.metadata.metadata
    assert (metadata[b"as_of"], metadata[b"truncated"]) == (b"2", b"true")
    answer = await served.client.get(ALERTS, params={"cursor": metadata[b"next"].decode()})
    assert answer.status_code == 200


@pytest.mark.parametrize("name", TABLES)
async def test_headers_say_what_json_says(served: Served, name: str) -> None:
    query = {"cone": "0,90,2", "limit": "5"}
    body = await served.alerts(query)
    answer = await served.client.get(ALERTS, params=query | {"format": name})
    assert answer.headers["x-as-of"] == str(body["as_of"])
    assert answer.headers["x-truncated"] == "true"
    assert answer.headers["x-next-cursor"] == body["next"]
    assert f'filename="alerts.{FORMATS[name].suffix}"' in answer.headers["content-disposition"]
    link = answer.headers["link"].partition(">")[0][1:]
    second = await served.client.get(link)
    assert second.headers["content-type"] == answer.headers["content-type"]
    whole = await served.client.get(ALERTS, params={"cone": "0,90,0.3", "format": name})
    assert whole.headers["x-truncated"] == "false"
    assert "link" not in whole.headers
    again = await served.client.get(
        ALERTS, params=query | {"format": name}, headers={"If-None-Match": answer.headers["etag"]}
    )
    assert again.status_code == 304


async def test_accept_chooses_and_format_beats_it(served: Served) -> None:
    cases = {
        "": "json",
        "*/*": "json",
        "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8": "json",
        "text/csv": "csv",
        "application/x-votable+xml, text/csv;q=0.9": "votable",
        "application/json;q=0.1, application/vnd.apache.parquet": "parquet",
        "application/jsonl": "jsonl",
        "application/x-ndjson;q=0": "json",
        "text/*": "csv",
        "image/png": "json",
    }
    for accept, name in cases.items():
        answer = await served.client.get(ALERTS, params={"limit": 1}, headers={"Accept": accept})
        assert answer.headers["content-type"] == FORMATS[name].media_type, accept
        assert "Accept" in answer.headers["vary"].split(", ")
    answer = await served.client.get(ALERTS + "?format=csv", headers={"Accept": "application/json"})
    assert answer.headers["content-type"].startswith("text/csv")


@pytest.mark.parametrize("name", FORMATS)
async def test_fields_choose_and_order(served: Served, name: str) -> None:
    fields = ["magpsf", "time", "links", "candid", "publisher", "lco_id", "mjd"]
    query = {"limit": "3", "fields": " , ".join(fields), "format": name, "cone": "0,90,2"}
    answer = await served.client.get(ALERTS, params=query)
    full = (await served.alerts({"limit": 3, "cone": "0,90,2"}))["items"]
    if FORMATS[name].nested:
        items = answer.json()["items"] if name == "json" else map(json.loads, answer.iter_lines())
        for item, whole in zip(items, full, strict=True):
            assert list(item) == fields
            assert {k: v for k, v in item.items() if k in whole} == {
                k: v for k, v in whole.items() if k in fields
            }
            assert isinstance(item["lco_id"], int)
    if name == "csv":
        (first, *_) = readers.printed(answer.content)
        links = [f"links_{part}" for part in full[0]["links"]]
        assert list(first) == [*fields[:2], *links, *fields[3:]]
        assert first["links_self"] == full[0]["links"]["self"]
        assert first["links_science"] == (full[0]["links"]["science"] or "")


async def test_no_row_of_one_missing_value_is_lost(odd: Served) -> None:
    """pandas skips blank lines."""
    for name in ("drb", "ssnamenr", "isdiffpos"):
        rows = readers.by_pandas_csv(await body_of(odd, format="csv", fields=name))
        items = (await odd.alerts({"fields": name}))["items"]
        assert rows == expected(items, "pandas, csv")
        assert None in [row[name] for row in rows]


@pytest.mark.parametrize("keys", ["links", "deltamaglatest,l,b", "isdiffpos", "ssnamenr,rb"])
async def test_fields_sorted_by_what_is_not_among_them(served: Served, keys: str) -> None:
    query = {"cone": "0,90,2", "sort": "-magpsf", "limit": "7"}
    whole = await served.alerts(query)
    some = await served.alerts(query | {"fields": keys})
    assert some["next"] == whole["next"]
    wanted = keys.split(",")
    assert some["items"] == [{k: item[k] for k in wanted} for item in whole["items"]]
    following = await served.alerts(query | {"fields": keys, "cursor": some["next"]})
    assert len(following["items"]) == 7


@pytest.mark.parametrize(
    ("query", "parameter", "words"),
    [
        ({"fields": "candid,magpfs"}, "fields", "did you mean 'magpsf'"),
        ({"fields": "candid,candid"}, "fields", "more than once"),
        ({"fields": ","}, "fields", "comma-separated"),
        ({"fields": "sentinels"}, "fields", "unknown field"),
        ({"format": "CSV"}, "format", "did you mean 'csv'"),
        ({"format": "fits"}, "format", "one of json"),
        ({"limit": "1001"}, "limit", "1000000"),
        ({"limit": "1000001", "format": "csv"}, "limit", "1000000"),
        ({"after": "17"}, "after", "there is no alert 17"),
        ({"after": "x"}, "after", "not an integer"),
    ],
)
async def test_refused(served: Served, query: dict[str, str], parameter: str, words: str) -> None:
    answer = await served.client.get(ALERTS, params=query)
    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert error["parameter"] == parameter
    assert words in answer.json()["detail"]


def test_times_written_at_once_are_those_written_alone() -> None:
    jds = [2440587.5, 2461369.0, *(2461368.5 + n / 9973 for n in range(9973))]
    assert utc_texts(jds) == [utc_text(jd) for jd in jds]
    assert utc_texts([]) == []
