"""Lists of objects in other formats than JSON: chosen, streamed, cut, gone on with."""

import io
import json
from typing import Any, Final

import httpx
import pyarrow
import pyarrow.parquet
import pytest
from astropy.io.votable import parse_single_table

from app.answers.formats import FORMATS
from app.objects import finding, lists, summaries
from tests.app.answers import readers
from tests.app.answers.readers import READERS
from tests.app.answers.test_lists import TABLES
from tests.app.conftest import Served
from tests.app.objects.test_lightcurves_independent import by_object
from tests.real_archive import Everything, for_each

OBJECTS: Final = "/api/v1/objects"
EVERYWHERE: Final = {"cone": "0,90,2"}
CHUNK: Final = 10
COLUMNS: Final = {
    c.name: c
    for nested in (True, False)
    for c in summaries.columns_of(summaries.OBJECT_KEYS, nested)
}
Query = dict[str, Any]


@pytest.fixture
def chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same code on a small archive: ten objects at once, of 25 names."""
    monkeypatch.setattr(lists, "CHUNK", CHUNK)
    monkeypatch.setattr(lists, "NAMES", 25)


async def listed(served: Served | Everything, query: Query) -> Any:
    """The body of a list as JSON."""
    answer = await served.client.get(OBJECTS, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def flat(item: dict[str, Any]) -> dict[str, Any]:
    """An item as a row of a table."""
    links = {f"links_{part}": address for part, address in item.get("links", {}).items()}
    return {name: value for name, value in item.items() if name != "links"} | links


@pytest.mark.parametrize("reader", [r for r, (name, _) in READERS.items() if name in TABLES])
async def test_real_objects_by_real_readers(everything: Everything, reader: str) -> None:
    """Around every real object with more than one alert."""
    name, read = READERS[reader]
    several = [own for own in by_object(everything.packets.values()).values() if len(own) > 1]
    assert len(several) >= 20
    fields = ",".join(summaries.OBJECT_KEYS)

    async def check(candidate: dict[str, Any]) -> None:
        query: Query = {"cone": f"{candidate['ra']!r},{candidate['dec']!r},1", "limit": 1000}
        items = (await listed(everything, query))["items"]
        answer = await everything.client.get(
            OBJECTS, params=query | {"format": name, "fields": fields}
        )
        rows = [flat(item) for item in items]
        assert read(answer.content, COLUMNS) == readers.expected(rows, reader, COLUMNS)

    await for_each([own[0].record["candidate"] for own in several[:40]], check)


@pytest.mark.parametrize("name", FORMATS)
async def test_fields_choose_and_order(served: Served, name: str) -> None:
    query = EVERYWHERE | {"limit": "7"}
    whole = await listed(served, query)
    fields = ["ra", "links", "brightest_candid", "object_id", "first_time"]
    chosen = {"fields": " , ".join(fields), "format": name}
    answer = await served.client.get(OBJECTS, params=query | chosen)
    items = [{key: item[key] for key in fields} for item in whole["items"]]
    if name == "json":
        assert answer.json() == whole | {"items": items}
        assert [list(item) for item in answer.json()["items"]] == [fields] * 7
        return
    assert answer.headers["x-next-cursor"] == whole["next"]
    if name == "jsonl":
        lines = [json.loads(line) for line in answer.content.splitlines()]
        assert lines == items
        assert [list(line) for line in lines] == [fields] * 7
        return
    reader, read = next((r, read) for r, (n, read) in READERS.items() if n == name)
    rows = [flat(item) for item in items]
    got = read(answer.content, COLUMNS)
    assert got == readers.expected(rows, reader, COLUMNS)
    links = [f"links_{part}" for part in whole["items"][0]["links"]]
    assert list(got[0]) == ["ra", *links, *fields[2:]]


@pytest.mark.parametrize("name", ["csv", "jsonl", "votable", "parquet"])
async def test_headers_say_what_json_says(served: Served, name: str) -> None:
    query = EVERYWHERE | {"limit": "5"}
    body = await listed(served, query)
    answer = await served.client.get(OBJECTS, params=query | {"format": name})
    assert answer.headers["x-as-of"] == str(body["as_of"])
    assert answer.headers["x-truncated"] == "true"
    assert answer.headers["x-next-cursor"] == body["next"]
    following = await served.client.get(answer.links["next"]["url"])
    assert following.headers["content-type"] == answer.headers["content-type"]
    back = await served.client.get(following.links["prev"]["url"])
    assert readers.without_request(back.content) == readers.without_request(answer.content)
    whole = await served.client.get(OBJECTS, params={"cone": "0,0,0.5", "format": name})
    assert whole.headers["x-truncated"] == "false"
    assert "link" not in whole.headers


def names_in(name: str, body: bytes) -> list[str]:
    read = next(read for n, read in READERS.values() if n == name)
    return [str(row["object_id"]) for row in read(body, COLUMNS)]


@pytest.mark.usefixtures("chunks")
@pytest.mark.parametrize("name", ["csv", "jsonl", "votable", "parquet"])
async def test_a_stream_equals_the_json(served: Served, name: str) -> None:
    whole = [
        item["object_id"] for item in (await listed(served, EVERYWHERE | {"limit": 1000}))["items"]
    ]
    assert len(whole) > 2 * 25
    query = EVERYWHERE | {"format": name, "limit": "100000"}
    answer = await served.client.get(OBJECTS, params=query)
    assert "content-length" not in answer.headers
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-as-of"] == "2"
    assert names_in(name, answer.content) == whole
    head = await served.client.head(OBJECTS, params=query)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-type"] == answer.headers["content-type"]


@pytest.mark.usefixtures("chunks")
@pytest.mark.parametrize("limit", [CHUNK - 1, CHUNK, CHUNK + 1, 24, 25, 26, 50, 59])
async def test_a_cut_stream_says_so_at_its_end(served: Served, limit: int) -> None:
    query: Query = EVERYWHERE | {"limit": limit, "fields": "object_id"}
    page = await listed(served, query)
    told = {}
    for name in ("csv", "jsonl", "votable", "parquet"):
        answer = await served.client.get(OBJECTS, params=query | {"format": name})
        if limit <= CHUNK:
            told[name] = answer.headers["x-next-cursor"]
        elif name == "jsonl":
            *lines, last = map(json.loads, answer.content.splitlines())
            assert lines == page["items"]
            assert (last["truncated"], last["as_of"]) == (True, 2)
            told[name] = last["next"]
        elif name == "csv":
            *lines, comment = answer.text.splitlines()
            assert lines[1:] == [item["object_id"] for item in page["items"]]
            told[name] = comment.split("next=")[1].split()[0]
        elif name == "votable":
            infos = parse_single_table(io.BytesIO(answer.content))._votable.resources[0].infos
            (told[name],) = [info.value for info in infos if info.name == "next"]
        else:
            file = pyarrow.parquet.ParquetFile(io.BytesIO(answer.content))
            told[name] = file.metadata.metadata[b"next"].decode()
    assert told == dict.fromkeys(told, page["next"])


@pytest.mark.usefixtures("chunks")
async def test_a_stream_sums_up_a_chunk_at_a_time(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    summaries_of = finding.read_summaries

    async def counted(archive: Any, names: Any, as_of: int) -> Any:
        asked.append(len(names))
        return await summaries_of(archive, names, as_of)

    monkeypatch.setattr(finding, "read_summaries", counted)
    query = EVERYWHERE | {"format": "csv", "limit": "57"}
    await served.client.get(OBJECTS, params=query)
    assert asked == [10, 10, 5, 10, 10, 5, 7]
    asked.clear()
    await served.client.head(OBJECTS, params=query)
    assert asked == [10]


@pytest.mark.usefixtures("chunks")
@pytest.mark.parametrize("name", ["csv", "jsonl", "votable", "parquet"])
async def test_a_broken_stream_is_not_whole(
    served: Served, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    asked = 0
    summaries_of = finding.read_summaries

    async def failing(archive: Any, names: Any, as_of: int) -> Any:
        nonlocal asked
        asked += 1
        if asked > 2:
            raise OSError("the database is gone")
        return await summaries_of(archive, names, as_of)

    query = EVERYWHERE | {"format": name, "limit": "1000"}
    whole = (await served.client.get(OBJECTS, params=query)).content
    monkeypatch.setattr(finding, "read_summaries", failing)
    got, broke_off = b"", False
    async with served.client.stream("GET", OBJECTS, params=query) as answer:
        assert answer.status_code == 200
        try:
            async for piece in answer.aiter_bytes():
                got += piece
        except httpx.RemoteProtocolError:
            broke_off = True
    assert broke_off
    assert got != whole
    if name == "parquet":
        with pytest.raises(pyarrow.ArrowInvalid):
            pyarrow.parquet.read_table(io.BytesIO(got))
    elif name == "votable":
        with pytest.raises(ValueError, match="no element found"):
            parse_single_table(io.BytesIO(got))
    else:
        assert whole.startswith(got)
        assert not got.endswith(b"\n")


@pytest.mark.parametrize(
    ("query", "parameter", "words"),
    [
        ({"fields": "object_id,ras"}, "fields", "unknown field 'ras'; did you mean 'ra'"),
        ({"fields": "candid"}, "fields", "unknown field 'candid'"),
        ({"fields": "ra,ra"}, "fields", "more than once"),
        ({"limit": "1001"}, "limit", "1000, or 100000 in any format but json"),
        ({"limit": "100001", "format": "csv"}, "limit", "100000"),
        ({"limit": "0"}, "limit", "must be between 1 and 1000"),
        ({"format": "votabel"}, "format", "did you mean 'votable'"),
    ],
)
async def test_refused(served: Served, query: Query, parameter: str, words: str) -> None:
    answer = await served.client.get(OBJECTS, params=EVERYWHERE | query)
    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert error["parameter"] == parameter
    assert words in answer.json()["detail"]


async def test_all_errors_are_told_at_once(served: Served) -> None:
    query = "cone=0,0,11&limit=x&fields=ra&fields=dec&format=fits&as_of=-1"
    answer = await served.client.get(f"{OBJECTS}?{query}")
    named = sorted(error["parameter"] for error in answer.json()["errors"])
    assert named == ["as_of", "cone", "fields", "format", "limit"]


async def test_a_cursor_that_leads_back_is_for_a_page(served: Served) -> None:
    first = await listed(served, EVERYWHERE | {"limit": 5})
    second = await listed(served, EVERYWHERE | {"limit": 5, "cursor": first["next"]})
    query = EVERYWHERE | {"cursor": second["prev"], "format": "csv"}
    answer = await served.client.get(OBJECTS, params=query | {"limit": "1001"})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["parameter"] == "limit"
    answer = await served.client.get(OBJECTS, params=query | {"limit": "1000"})
    assert names_in("csv", answer.content) == [item["object_id"] for item in first["items"]]
