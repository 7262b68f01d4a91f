"""The lists that are no searches, in each format, read by real readers."""

import io
import json
from pathlib import Path
from typing import Any, Final, NamedTuple

import httpx
import pyarrow.parquet
import pytest
from astropy.io.votable import parse_single_table
from astropy.io.votable.ucd import parse_ucd
from astropy.units import Unit

from app.answers.formats import FORMATS
from app.answers.tabular import Table
from app.objects import points, summaries
from app.search import dictionary
from archive.columns import TIME
from tests.app import sky
from tests.app.answers import readers
from tests.app.answers.readers import READERS
from tests.app.conftest import Served


class Listed(NamedTuple):
    """A list: its address, and the table that it is."""

    address: str
    table: Table

    @property
    def columns(self) -> readers.Columns:
        return {column.name: column for column in self.table.columns}


OBJECTS: Final = Table(
    "objects", "", summaries.columns_of(summaries.OBJECT_KEYS[:-1], nested=False)
)
LISTS: Final = {
    "fields": Listed("/api/v1/fields", dictionary.FIELDS_TABLE),
    "objects": Listed("/api/v1/objects?cone=0,90,2&limit=1000", OBJECTS),
    "light curve": Listed(
        f"/api/v1/objects/{sky.OBJECT}/lightcurve", points.table_of([sky.OBJECT], (), named=False)
    ),
    "merged light curve": Listed(
        f"/api/v1/objects/{sky.OBJECT}/lightcurve?merged=true",
        points.table_of([sky.OBJECT], (), named=True),
    ),
    "a body's objects": Listed("/api/v1/objects?ssnamenr=433", OBJECTS),
}
TABLES: Final = [name for name, known in FORMATS.items() if not known.nested]


def row_of(item: dict[str, Any], columns: readers.Columns) -> dict[str, Any]:
    """An item as a row: a list as its parts, joined, and nothing where it has no such key."""
    row = dict.fromkeys(columns) | {n: value for n, value in item.items() if n != "links"}
    return {
        name: (",".join(value) or None) if isinstance(value, list) else value
        for name, value in row.items()
    }


def asked(address: str, name: str) -> httpx.URL:
    """The address with a format."""
    return httpx.URL(address).copy_merge_params({"format": name})


async def body_of(served: Served, address: str, name: str) -> bytes:
    answer = await served.client.get(asked(address, name))
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == FORMATS[name].media_type
    return answer.content


async def items_of(served: Served, address: str) -> list[dict[str, Any]]:
    body = json.loads(await body_of(served, address, "json"))
    items: list[dict[str, Any]] = body["points"] if "points" in body else body["items"]
    assert items
    return items


@pytest.mark.parametrize("listed", LISTS)
@pytest.mark.parametrize("reader", [r for r, (name, _) in READERS.items() if name in TABLES])
async def test_readers_read_the_values_of_the_json(
    served: Served, listed: str, reader: str
) -> None:
    address, _ = LISTS[listed]
    columns = LISTS[listed].columns
    rows = [row_of(item, columns) for item in await items_of(served, address)]
    name, read = READERS[reader]
    body = await body_of(served, address, name)
    assert read(body, columns) == readers.expected(rows, reader, columns)


@pytest.mark.parametrize("listed", LISTS)
async def test_lines_are_the_items(served: Served, listed: str) -> None:
    address, _ = LISTS[listed]
    body = await body_of(served, address, "jsonl")
    assert body.endswith(b"\n")
    assert [json.loads(line) for line in body.splitlines()] == await items_of(served, address)


@pytest.mark.parametrize("listed", LISTS)
async def test_stilts_reads_the_votable(served: Served, listed: str, tmp_path: Path) -> None:
    address, table = LISTS[listed]
    body = await body_of(served, address, "votable")
    read = readers.by_stilts(tmp_path, body)
    assert list(read[0]) == [column.name for column in table.columns]
    assert len(read) == len(await items_of(served, address))


@pytest.mark.parametrize("listed", LISTS)
async def test_files_say_what_their_columns_are(served: Served, listed: str) -> None:
    address, table = LISTS[listed]
    body = await body_of(served, address, "votable")
    votable = parse_single_table(io.BytesIO(body), verify="exception")
    file = pyarrow.parquet.ParquetFile(io.BytesIO(await body_of(served, address, "parquet")))
    schema = file.schema_arrow
    assert schema.names == [column.name for column in table.columns]
    for column, field in zip(table.columns, votable.fields, strict=True):
        told = schema.field(column.name).metadata
        assert field.name == column.name
        assert field.description == told[b"description"].decode() == column.meaning
        assert field.ucd == told[b"ucd"].decode() == column.ucd
        assert field.unit == (column.unit or None)
        assert told.get(b"unit", b"").decode() == column.unit
        parse_ucd(field.ucd, check_controlled_vocabulary=True)
        if column.unit:
            assert Unit(column.unit, format="vounit")
        # A time is missing where a jd is no date.
        assert schema.field(column.name).nullable is (not column.required or column.kind is TIME)


@pytest.mark.parametrize("listed", LISTS)
@pytest.mark.parametrize("name", FORMATS)
async def test_head_etag_and_compression(served: Served, listed: str, name: str) -> None:
    address, table = LISTS[listed]
    url = asked(address, name)
    plain = await served.client.get(url, headers={"Accept-Encoding": "identity"})
    head = await served.client.head(url, headers={"Accept-Encoding": "identity"})
    assert head.status_code == 200
    assert head.content == b""
    for header in ("content-type", "content-length", "etag", "vary"):
        assert head.headers[header] == plain.headers[header]
    assert plain.headers["vary"].startswith("Accept, Accept-Encoding")
    told = plain.headers.get("content-disposition", "")
    file = f'attachment; filename="{table.name}.{FORMATS[name].suffix}"'
    assert told == ("" if name == "json" else file)
    held = {"Accept-Encoding": "identity", "If-None-Match": plain.headers["etag"]}
    again = await served.client.get(url, headers=held)
    assert (again.status_code, again.content) == (304, b"")
    packed = await served.client.get(url, headers={"Accept-Encoding": "gzip"})
    assert packed.content == plain.content
    squeezed = FORMATS[name].squeezed
    assert packed.headers.get("content-encoding") == (None if squeezed else "gzip")
    assert (packed.headers["etag"] == plain.headers["etag"]) is squeezed


@pytest.mark.parametrize("listed", LISTS)
@pytest.mark.parametrize(
    ("accept", "name"),
    [
        ("", "json"),
        ("*/*", "json"),
        ("text/csv", "csv"),
        ("application/x-votable+xml, text/csv;q=0.9", "votable"),
        ("application/json;q=0.1, application/vnd.apache.parquet", "parquet"),
        ("application/x-ndjson", "jsonl"),
    ],
)
async def test_accept_chooses_and_format_beats_it(
    served: Served, listed: str, accept: str, name: str
) -> None:
    address, _ = LISTS[listed]
    answer = await served.client.get(address, headers={"Accept": accept})
    assert answer.headers["content-type"] == FORMATS[name].media_type
    blank = await served.client.get(asked(address, " "), headers={"Accept": accept})
    assert readers.without_request(blank.content) == readers.without_request(answer.content)
    beaten = await served.client.get(asked(address, "csv"), headers={"Accept": accept})
    assert beaten.headers["content-type"] == FORMATS["csv"].media_type


@pytest.mark.parametrize("listed", LISTS)
@pytest.mark.parametrize(
    ("query", "reason", "nearest"),
    [
        ("format=votabel", "must be one of json, jsonl, csv, votable, parquet", "votable"),
        ("format=CSV", "must be one of json, jsonl, csv, votable, parquet", "csv"),
        ("format=fits", "must be one of json, jsonl, csv, votable, parquet", None),
        ("format=csv&format=json", "given more than once", None),
        ("formt=csv", "unknown parameter", "format"),
    ],
)
async def test_refused(
    served: Served, listed: str, query: str, reason: str, nearest: str | None
) -> None:
    address, _ = LISTS[listed]
    mark = "&" if "?" in address else "?"
    answer = await served.client.get(f"{address}{mark}{query}")
    assert answer.status_code == 422
    parameter = query.partition("=")[0]
    assert answer.json()["errors"] == [
        {"parameter": parameter, "reason": reason, "nearest": nearest}
    ]
