"""VOTables say of themselves what is so: types, frames, ids, and where they come from."""

import io
from pathlib import Path
from typing import Any, Final

import astropy.io.votable
import pytest
from astropy.io.votable import parse_single_table
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from app.alerts.output.items import alert_columns
from app.answers.tabular import Ending, Origin, Table
from app.answers.votable import CITATION, VOTable
from app.match.tagged import TAGS
from app.nights.days import NIGHTS_TABLE
from app.nights.fieldcounts import FIELD_COUNT_COLUMNS
from app.objects import points
from app.objects.summaries import OBJECT_COLUMNS, OBJECT_LINKS
from app.search.dictionary import FIELDS_TABLE
from app.search.selection import ALERT_KEYS, ALERT_LINKS, ON_REQUEST
from archive.columns import DOUBLE, REAL, TEXT, TIME, Column, Kind
from tests.app.answers.readers import linted
from tests.app.conftest import Served

ORIGIN: Final = Origin("http://mars", 'http://mars/x?a=1&b="<', 7)
ALERT: Final = alert_columns((*ALERT_KEYS[:-1], *ALERT_LINKS, *ON_REQUEST))
TABLES: Final = (
    Table("alerts", "", ALERT),
    Table("matches", "", (*TAGS, *ALERT)),
    Table("objects", "", (*OBJECT_COLUMNS, *OBJECT_LINKS)),
    Table("fields-20260131", "", FIELD_COUNT_COLUMNS),
    points.table_of(["ZTF18abcdefg"], (), named=True),
    NIGHTS_TABLE,
    FIELDS_TABLE,
)
"""All that the app writes."""
SCHEMA: Final = Path(astropy.io.votable.__file__).parent / "data" / "VOTable.v1.4.xsd"
VALUES: Final[dict[Kind, Any]] = {
    Kind.BOOLEAN: True,
    Kind.TEXT: "x",
    Kind.TIME: "2026-01-31T00:00:00.000000Z",
}
NAMESPACE: Final = {"v": "http://www.ivoa.net/xml/VOTable/v1.3"}


def written(table: Table, *rows: tuple[Any, ...]) -> bytes:
    """A VOTable with these rows, without any with one of made up values."""
    made = rows or (tuple(VALUES.get(column.kind, 1) for column in table.columns),)
    writer = VOTable(table, ORIGIN)
    return writer.begin() + writer.rows(list(zip(*made, strict=True))) + writer.end(Ending(None, 7))


def find_all(body: bytes, path: str) -> list[Any]:
    found: list[Any] = etree.fromstring(body).iterfind(f".//v:{path}", NAMESPACE)
    return list(found)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_every_table_is_valid(table: Table, tmp_path: Path) -> None:
    body = written(table)
    etree.XMLSchema(etree.parse(SCHEMA)).assertValid(etree.fromstring(body))
    read = parse_single_table(io.BytesIO(body), verify="exception")
    assert [field.name for field in read.fields] == [column.name for column in table.columns]
    linted(tmp_path, body)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_what_can_be_referred_to_has_an_id_of_its_own(table: Table) -> None:
    tree = etree.fromstring(written(table))
    ids = tree.xpath("//@ID")
    assert len(ids) == len(set(ids))
    assert set(tree.xpath("//@ref")) <= set(ids)
    assert tree.xpath("//v:TABLE/@ID", namespaces=NAMESPACE) == ["results"]
    names = tree.xpath("//v:FIELD/@name", namespaces=NAMESPACE)
    assert tree.xpath("//v:FIELD/@ID", namespaces=NAMESPACE) == names


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_a_time_is_in_a_frame_that_fits_its_type(table: Table) -> None:
    body = written(table)
    origins = {one.get("ID"): one.get("timeorigin") for one in find_all(body, "TIMESYS")}
    for field in find_all(body, "FIELD"):
        if field.get("xtype") == "timestamp":
            assert origins[field.get("ref")] is None, field.get("name")
        elif field.get("ref") in origins:
            assert field.get("datatype") == "double", field.get("name")
            mjd = field.get("name").startswith("mjd")
            assert origins[field.get("ref")] == ("MJD-origin" if mjd else "JD-origin")


def frame_of(kind: Kind, ucd: str) -> str | None:
    (field,) = find_all(written(Table("t", "", (Column("x", kind, "", ucd, ""),))), "FIELD")
    frame: str | None = field.get("ref")
    return frame


def test_the_ucd_and_the_type_decide_the_frame() -> None:
    assert frame_of(REAL, "time.duration;obs.exposure") is None
    assert frame_of(TEXT, "time.epoch") is None
    assert frame_of(TIME, "time.start") == "utc"
    assert frame_of(DOUBLE, "time.start") == "utc_jd"
    assert frame_of(DOUBLE, "pos.eq.ra") == "equatorial"


ASCII: Final = Table("t", "", (Column("x", TEXT, "", "meta.id", "", is_ascii=True),))


@given(st.text(min_size=1))
def test_a_char_holds_ascii_alone(text: str) -> None:
    body = written(ASCII, (text,))
    assert b'datatype="char"' in body
    (cell,) = find_all(body, "TD")
    assert cell.text.isascii()
    parse_single_table(io.BytesIO(body), verify="exception")
    if text.isascii() and text.isprintable():
        assert cell.text == text


def test_texts_that_are_ascii_are_char() -> None:
    fields = [field for table in TABLES for field in find_all(written(table), "FIELD")]
    types = {field.get("name"): field.get("datatype") for field in fields}
    char = ("object_id", "filter", "kind", "night", "since", "rbversion", "links_self", "time")
    assert {types[name] for name in char} == {"char"}
    # People's names, and ids that clients choose.
    assert {types[name] for name in ("programpi", "ssnamenr", "topic", "id")} == {"unicodeChar"}


def infos_of(body: bytes) -> dict[str, str]:
    return {info.get("name"): info.get("value") for info in find_all(body, "INFO")}


def test_the_request_is_told_as_it_was() -> None:
    assert infos_of(written(NIGHTS_TABLE))["request"] == ORIGIN.request


@pytest.mark.parametrize(
    "address",
    [
        "/api/v1/alerts?format=votable&limit=3&magpsf__lte=25",
        "/api/v1/nights?format=votable",
        "/api/v1/fields?format=votable",
    ],
)
async def test_an_answer_says_where_it_comes_from(served: Served, address: str) -> None:
    answer = await served.client.get(address)
    infos = infos_of(answer.content)
    assert infos["request"] == f"{served.client.base_url}{address}"
    assert str(served.client.base_url) in infos["publisher"]
    assert infos["citation"] == CITATION
    assert infos.get("as_of") == answer.headers.get("x-as-of")
    # No date: the same answer again has the same ETag.
    assert (await served.client.get(address)).content == answer.content


async def test_matches_say_where_they_come_from(served: Served) -> None:
    answer = await served.client.post(
        "/api/v1/match?format=votable", json={"positions": [{"ra": 0, "dec": 0, "radius": 1}]}
    )
    assert answer.status_code == 200, answer.text
    infos = infos_of(answer.content)
    assert infos["request"] == f"{served.client.base_url}/api/v1/match?format=votable"
    assert infos["as_of"] == answer.headers["x-as-of"]
