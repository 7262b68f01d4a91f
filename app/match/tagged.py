"""Matches -> bytes, each tagged with the position it belongs to.

JSON and JSON Lines hold an object for each position, its matches in it; the tables (CSV, VOTable,
Parquet) a row for each match. All are written piece by piece.
"""

from collections.abc import AsyncIterator
from typing import Any, Final

import orjson

from app.alerts.output.items import (
    alert_columns,
    alert_items,
    alert_values,
    chosen_items,
    linked_column,
)
from app.answers.bodies import print_to_keep
from app.answers.formats import FORMATS
from app.answers.streams import run_in_thread
from app.answers.tabular import Ending, Origin, Table, Values
from app.match.crossmatch import Found, Piece
from app.search.search import Search
from archive.columns import BOOLEAN, DOUBLE, INTEGER, TEXT, Column
from archive.objects import Bytes

_TAGS: Final = (
    ("index", INTEGER, "", "meta.record", "place of the position in the list, from 0"),
    ("id", TEXT, "", "meta.id", "id of the position"),
    ("separation_arcsec", DOUBLE, "arcsec", "pos.angDistance", "distance from the position"),
    ("truncated", BOOLEAN, "", "meta.code", "whether more matched at this position"),
)
TAGS: Final = tuple(Column(*told, since="") for told in _TAGS)
"""The columns of a table of matches in front of the alert's own."""
_MEANING: Final = "Alerts near positions, nearest first, as the MARS archive holds them"


def table_of(search: Search) -> Table:
    """The columns of a table of matches."""
    return Table(
        "matches", _MEANING, (*TAGS, *alert_columns(search.fields)), linked_column(search.fields)
    )


def table_values(piece: Piece, search: Search, api: str) -> Values:
    """The rows of a piece for table_of(search); a position without a match has none."""
    tagged = [(one, match) for one in piece.found for match in one.matches]
    rows = [piece.rows[candid] for _, (candid, _) in tagged]
    return [
        [one.target.place for one, _ in tagged],
        [one.target.id for one, _ in tagged],
        [separation for _, (_, separation) in tagged],
        [one.truncated for one, _ in tagged],
        *alert_values(search.fields, rows, api),
    ]


def position_items(piece: Piece, search: Search, api: str) -> list[dict[str, Any]]:
    """An object for each position, in order."""
    rows = list(piece.rows.values())
    items = chosen_items(search.fields, rows, api) if search.fields else alert_items(rows, api)
    alerts = dict(zip(piece.rows, items, strict=True))
    return [_position(one, alerts) for one in piece.found]


def _position(one: Found, alerts: dict[int, dict[str, Any]]) -> dict[str, Any]:
    target, matches = one.target, one.matches
    return {
        "index": target.place,
        "id": target.id,
        **target.cone._asdict(),
        "truncated": one.truncated,
        "matches": [
            {"separation_arcsec": separation, **alerts[candid]} for candid, separation in matches
        ],
    }


async def write_json(
    pieces: AsyncIterator[Piece], search: Search, origin: Origin, api: str
) -> AsyncIterator[Bytes]:
    """`{"items", "truncated", "as_of"}`: a body that breaks off is not JSON."""
    before, truncated = b'{"items":[', False
    async for piece in pieces:
        items = await run_in_thread(position_items, piece, search, api)
        truncated |= any(one.truncated for one in piece.found)
        yield before + orjson.dumps(items)[1:-1]
        before = b","
    tail = {"truncated": truncated, "as_of": origin.as_of}
    yield b"]," + orjson.dumps(tail)[1:]


async def write_json_lines(
    pieces: AsyncIterator[Piece], search: Search, origin: Origin, api: str
) -> AsyncIterator[Bytes]:
    """A line for each position; without the last line end the answer is incomplete."""
    before = b""
    async for piece in pieces:
        items = await run_in_thread(position_items, piece, search, api)
        lines = [print_to_keep({**item, "as_of": origin.as_of}) for item in items]
        yield before + b"\n".join(lines)
        before = b"\n"
    yield b"\n"


async def write_table(
    pieces: AsyncIterator[Piece], search: Search, origin: Origin, api: str
) -> AsyncIterator[Bytes]:
    """A table in the search's format."""
    make = FORMATS[search.format].writer
    assert make is not None
    writer = make(table_of(search), origin)
    yield writer.begin()
    async for piece in pieces:
        values = await run_in_thread(table_values, piece, search, api)
        yield await run_in_thread(writer.rows, values)
    yield await run_in_thread(writer.end, Ending(None, origin.as_of))
