"""Rows -> the values of the typed API, and those -> bytes.

Nothing is validated row by row here: the shapes are models.py's, and tests hold the two together.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache, lru_cache
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

import asyncpg
import numpy as np

from app import late
from app.addresses import quote_object_id
from app.alerts.access.rows import by_column
from app.alerts.sql.search_sql import answered
from app.answers.tabular import Table, Values, json_items, shortest_floats
from app.search.vocabulary import ZTF, Vocabulary
from archive import times
from archive.columns import TEXT, Column

if TYPE_CHECKING:
    import pyarrow as pa


class _Layout(NamedTuple):
    """Where the values of a whole alert stand in its row, and in which order they are answered."""

    plain: int
    kept: int
    reals: int
    texts: tuple[int, ...]
    """Which of the plain ones are answered as text."""
    own: int
    object_id: int
    jd: int
    in_order: Callable[[Sequence[Any]], tuple[Any, ...]]


@cache
def _layout_of(vocabulary: Vocabulary) -> _Layout:
    plain, kept, reals, *_ = answered(vocabulary)
    source = (*plain, *reals, "mjd", "time", "links")
    columns, at = vocabulary.columns, plain.index
    return _Layout(
        len(plain),
        len(kept),
        len(reals),
        tuple(i for i, name in enumerate(plain) if columns[name].as_text),
        at(vocabulary.survey.key),
        at("object_id"),
        at("jd"),
        itemgetter(*(source.index(name) for name in vocabulary.keys)),
    )


@lru_cache(maxsize=4096)
def utc_text(jd: float) -> str | None:
    """RFC 3339 time of a Julian date, to the microsecond; None for one that is no date.

    It is kept: one exposure gives many alerts.
    """
    if not times.is_date(jd):
        return None
    return times.datetime_of(jd).isoformat(timespec="microseconds").replace("+00:00", "Z")


def utc_texts(jds: Sequence[float]) -> list[str | None]:
    """utc_text() of many at once: 0.8 µs each, and not 6 µs."""
    days = np.array(jds, dtype=np.float64)
    if not ((days >= times.YEAR_1_JD) & (days < times.YEAR_10000_JD)).all():
        return list(map(utc_text, jds))
    moments = times.many_microseconds_of(days).astype("datetime64[us]")
    texts: list[str | None] = np.datetime_as_string(moments, timezone="UTC").tolist()
    return texts


def alert_items(
    rows: Sequence[asyncpg.Record], api: str, vocabulary: Vocabulary = ZTF
) -> list[dict[str, Any]]:
    """Alerts as API.md shapes them, from rows whose last columns are those of search_sql.answered.

    `api` is the address of the typed API, with which links begin.
    """
    plain, kept, reals, texts, own, object_id, jd_at, in_order = _layout_of(vocabulary)
    keys, stamps = vocabulary.keys, vocabulary.survey.stamps
    numbers = shortest_floats([value for row in rows for value in tuple(row)[-reals:]])
    moments = utc_texts([row["jd"] for row in rows])
    items = []
    for n, row in enumerate(rows):
        values = list(row)[-(plain + kept + reals) :]
        has = values[plain : plain + kept]
        jd, links = values[jd_at], _links(api, stamps, values[own], values[object_id], *has)
        for i in texts:
            if values[i] is not None:
                values[i] = str(values[i])
        values[plain:] = numbers[n * reals : (n + 1) * reals]
        values += (times.mjd_of(jd), moments[n], links)
        items.append(dict(zip(keys, in_order(values), strict=True)))
    return items


def _links(
    api: str, names: Sequence[str], alert_id: int, object_id: str, packet: bool, *stamps: bool
) -> dict[str, str | None]:
    """Where an alert's parts are; null for what its packet does not hold or must not show."""
    own = f"{api}/alerts/{alert_id}"
    return {
        "self": own,
        "object": f"{api}/objects/{quote_object_id(object_id)}",
        "avro": f"{own}/avro" if packet else None,
        **{
            stamp: f"{own}/cutouts/{stamp}.fits" if held else None
            for stamp, held in zip(names, stamps, strict=True)
        },
    }


Held = Mapping[str, Any]
"""What rows hold, column by column, as lists or as arrays of Arrow."""


def _links_of(held: Held, api: str, vocabulary: Vocabulary) -> list[dict[str, str | None]]:
    names = (vocabulary.survey.key, "object_id", *vocabulary.held)
    rows = zip(*(held[name] for name in names), strict=True)
    return [_links(api, vocabulary.survey.stamps, *row) for row in rows]


class _Link(NamedTuple):
    """One part of `_links` for many rows: texts, or arrays of them, to join; who has it."""

    pieces: list[Any]
    held: Any = None
    """An array of Arrow; None if each has it."""


def _link_of(part: str, held: Held, api: str, vocabulary: Vocabulary) -> _Link:
    if part == "object":
        coded = held["object_id"].dictionary_encode()
        known = [quote_object_id(name) for name in coded.dictionary.to_pylist()]
        return _Link([f"{api}/objects/", late.arrow.array(known, "string").take(coded.indices)])
    own = [f"{api}/alerts/", held[vocabulary.survey.key].cast("string")]
    if part == "self":
        return _Link(own)
    end = "/avro" if part == "avro" else f"/cutouts/{part}.fits"
    has = held["has_packet" if part == "avro" else f"has_{part}"]
    return _Link([*own, end], None if late.compute.all(has).as_py() else has)


def _join(pieces: Sequence[Any]) -> "pa.Array":
    return late.compute.binary_join_element_wise(*pieces, "")


def _link_array(link: _Link) -> "pa.Array":
    """The addresses, 40 ns each."""
    whole = _join(link.pieces)
    if link.held is None:
        return whole
    return late.compute.if_else(link.held, whole, late.arrow.scalar(None, "string"))


def _links_as_json(links: Mapping[str, _Link]) -> "pa.Array":
    """All parts as JSON objects: made of whole addresses each letter would be copied four times."""
    pieces: list[Any] = []
    for before, (part, link) in zip(["{", *"," * (len(links) - 1)], links.items(), strict=True):
        pieces.append(f'{before}"{part}":')
        quoted = ['"', *link.pieces, '"']
        if link.held is not None:
            quoted = [late.compute.if_else(link.held, _join(quoted), "null")]
        pieces += quoted
    return late.arrow.ExtensionArray.from_storage(late.arrow.json_(), _join([*pieces, "}"]))


def _listed(values: Any) -> Sequence[Any]:
    listed: Sequence[Any] = values if isinstance(values, Sequence) else values.to_pylist()
    return listed


def _made(name: str, held: Held, api: str, vocabulary: Vocabulary) -> Any:
    """A column of an answer; some of them no column of the archive holds."""
    if name == "mjd":
        return list(map(times.mjd_of, _listed(held["jd"])))
    if name == "time":
        texts = utc_texts(_listed(held["jd"]))
        return texts if isinstance(held["jd"], Sequence) else late.arrow.array(texts, "string")
    if name != "links" and name not in vocabulary.links:
        return held[name]
    part = name.removeprefix("links_")
    if isinstance(held[vocabulary.survey.key], Sequence):
        links = _links_of(held, api, vocabulary)
        return links if name == "links" else [one[part] for one in links]
    if name != "links":
        return _link_array(_link_of(part, held, api, vocabulary))
    parts = [link.removeprefix("links_") for link in vocabulary.links]
    return _links_as_json({one: _link_of(one, held, api, vocabulary) for one in parts})


def alert_values(names: Sequence[str], rows: Any, api: str, vocabulary: Vocabulary = ZTF) -> Values:
    """The chosen columns of alerts, from rows that hold selection.columns_of(names).

    The rows are those of asyncpg, or a RecordBatch of the columnar copy.
    """
    if not len(rows):
        return [()] * len(names)
    if isinstance(rows, Sequence):
        held = by_column(rows)
    else:
        held = dict(zip(rows.schema.names, rows.columns, strict=True))
    return [_made(name, held, api, vocabulary) for name in names]


def alert_columns(names: Sequence[str], vocabulary: Vocabulary = ZTF) -> tuple[Column, ...]:
    """The chosen columns; `links` is an object, which only JSON can hold."""
    links = Column("links", TEXT, "", "meta.ref.url", "addresses of the alert's parts")
    known = vocabulary.columns
    return tuple(links if name == "links" else known[name] for name in names)


def alert_table(names: Sequence[str], vocabulary: Vocabulary = ZTF) -> Table:
    """A table of alerts with the chosen columns."""
    meaning = f"Alerts of the {vocabulary.wording.title}, as the MARS archive holds them"
    columns = alert_columns(names, vocabulary)
    return Table("alerts", meaning, columns, linked_column(names, vocabulary))


def linked_column(names: Sequence[str], vocabulary: Vocabulary = ZTF) -> str:
    """The column of ids that DataLink knows, if the answer has it."""
    key = vocabulary.survey.key
    return key if vocabulary is ZTF and key in names else ""


def chosen_items(
    names: Sequence[str], rows: Sequence[asyncpg.Record], api: str, vocabulary: Vocabulary = ZTF
) -> list[dict[str, Any]]:
    """Alerts with the chosen keys only; with all keys the same as alert_items."""
    columns = alert_columns(names, vocabulary)
    return json_items(columns, alert_values(names, rows, api, vocabulary))
