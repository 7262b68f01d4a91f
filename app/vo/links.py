"""DataLink 1.1: what belongs to an alert, and where it is."""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import asyncpg
from sqlalchemy import ARRAY, BigInteger, any_, bindparam, select

from app.addresses import alert_address, quote_object_id
from app.alerts.access.archive import Archive
from app.alerts.sql.statements import Statement, compile_statement
from app.answers.tabular import Table, Values
from app.errors import BadQuery
from app.search.values import read_integer
from archive.columns import BIGINT, TEXT, Column
from archive.surveys.ztf.tables import STAMPS, alert

STANDARD: Final = "ivo://ivoa.net/std/DataLink#links-1.1"
MEDIA: Final = "application/x-votable+xml;content=datalink"
MAX_IDS: Final = 1000
_VOTABLE: Final = "application/x-votable+xml"
_FAULT: Final = "NotFoundFault: there is no alert of this candid"


def _text(name: str, ucd: str, meaning: str) -> Column:
    return Column(name, TEXT, "", ucd, meaning, is_ascii=True)


TABLE: Final = Table(
    "links",
    "What belongs to alerts",
    (
        _text("ID", "meta.id;meta.main", "candid, as it was given"),
        _text("access_url", "meta.ref.url", "where it is"),
        _text("service_def", "meta.ref", "the service that makes it; none does"),
        _text("error_message", "meta.code.error", "why there is nothing"),
        _text("description", "meta.note", "what it is"),
        _text("semantics", "meta.code", "what it is to the alert"),
        _text("content_type", "meta.code.mime", "its media type"),
        Column("content_length", BIGINT, "byte", "phys.size;meta.file", "its length"),
        _text("content_qualifier", "meta.code", "what kind of data product it is"),
    ),
)


class Link(NamedTuple):
    """A row of links."""

    id: str
    access_url: str | None = None
    service_def: str | None = None
    error_message: str | None = None
    description: str | None = None
    semantics: str = "#this"
    content_type: str | None = None
    content_length: int | None = None
    content_qualifier: str | None = None


_ALERTS: Final[Statement] = compile_statement(
    select(
        alert.c.candid,
        alert.c.object_id,
        alert.c.packet_offset,
        alert.c.packet_length,
        *(alert.c[f"{stamp}_offset"] for stamp in STAMPS),
    ).where(alert.c.candid == any_(bindparam("candids", type_=ARRAY(BigInteger()))))
)
_STAMPS: Final = {
    "science": ("#auxiliary", "science image, 63 x 63 pixels"),
    "template": ("#auxiliary", "reference image, 63 x 63 pixels"),
    "difference": ("#derivation", "science image minus reference"),
}


async def find_links(archive: Archive, ids: Sequence[str], public_url: str) -> list[Link]:
    """The links of each id, in order; an unknown one has one that says so. Raises BadQuery."""
    if len(ids) > MAX_IDS:
        raise BadQuery(f"{len(ids)} IDs are too many: at most {MAX_IDS} are allowed")
    candids = {text: _candid(text) for text in ids}
    known = sorted({candid for candid in candids.values() if candid is not None})
    rows = await archive.fetch(_ALERTS, candids=known) if known else []
    found = {row["candid"]: row for row in rows}
    made: list[Link] = []
    for text in ids:
        row = found.get(candids[text])
        made += [Link(text, error_message=_FAULT)] if row is None else _of(text, row, public_url)
    return made


def _candid(text: str) -> int | None:
    try:
        candid = read_integer(text)
    except ValueError:
        return None
    return candid if 0 <= candid < 2**63 else None


def _of(text: str, row: asyncpg.Record, public_url: str) -> Iterator[Link]:
    """The links of an alert, as far as its packet has what they lead to."""
    own = f"{public_url}/api/v1/alerts/{row['candid']}"
    name = quote_object_id(row["object_id"])
    thing = f"{public_url}/api/v1/objects/{name}"
    if row["packet_offset"] is not None:
        size = row["packet_length"]
        yield Link(text, f"{own}/avro", None, None, "packet", "#this", "application/avro", size)
    for stamp, (semantics, words) in _STAMPS.items():
        if row[f"{stamp}_offset"] is not None:
            where = f"{own}/cutouts/{stamp}"
            if stamp == "science":
                picture = f"{where}.png"
                yield Link(text, picture, None, None, words, "#preview-image", "image/png")
            yield Link(text, f"{where}.fits", None, None, words, semantics, "application/fits")
    yield Link(
        text,
        f"{thing}/lightcurve?format=votable",
        description="light curve of the object",
        semantics="#derivation",
        content_type=_VOTABLE,
        content_qualifier="http://www.ivoa.net/rdf/product-type#light-curve",
    )
    page = public_url + alert_address(row["candid"])
    yield Link(text, page, None, None, "page of the alert", "#auxiliary", "text/html")


def link_values(links: Sequence[Link]) -> Values:
    """The rows, column by column."""
    return list(zip(*links, strict=True)) if links else [()] * len(Link._fields)
