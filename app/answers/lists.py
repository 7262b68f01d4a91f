"""Lists whose items are all known, in the requested format.

JSON Lines hold the items as JSON has them; the other tables hold rows of single values: a list is
its parts joined by commas, and an object is taken apart as `<name>_<part>`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from fastapi import Request, Response

from app.answers.bodies import VARY, send_file, send_json, send_table
from app.answers.formats import FORMATS, negotiate_format
from app.answers.tabular import Ending, Table, Values
from archive.columns import BIGINT, Column

Item = Mapping[str, Any]


def send_list(
    request: Request,
    chosen: str | None,
    table: Table,
    body: Item,
    *,
    items: Sequence[Item] | None = None,
    rows: Sequence[Item] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A list in the format that `chosen` (ListOptions.format) names, or else Accept.

    `body` is the JSON, with `next` and `as_of` if the list has them; `items` defaults to its
    `items`, and `rows`, the rows of the table, to the items.
    """
    wanted = FORMATS[chosen or negotiate_format(request.headers.get("accept", ""))]
    told = {"Vary": VARY, **(headers or {})}
    if wanted.writer is None:
        return send_json(request, body, told)
    items = body["items"] if items is None else items
    ending = Ending(body.get("next"), body.get("as_of"))
    if wanted.nested:
        lines = b"".join(orjson.dumps(item) + b"\n" for item in items)
        return send_file(request, wanted, table, lines, ending, headers=told)
    values = table_values(table.columns, items if rows is None else rows)
    return send_table(request, wanted, table, values, ending, headers=told)


def table_values(columns: Sequence[Column], items: Sequence[Item]) -> Values:
    """The columns of a table whose rows are JSON items; null if an item lacks the key."""
    rows = [_flat(item) for item in items]
    return [[_cell(column, row.get(column.name)) for row in rows] for column in columns]


def _flat(item: Item) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for name, value in item.items():
        row[name] = value
        if isinstance(value, Mapping):
            row |= {f"{name}_{part}": inner for part, inner in value.items()}
    return row


def _cell(column: Column, value: Any) -> Any:
    if isinstance(value, list):
        return ",".join(map(str, value)) if value else None
    if column.kind is BIGINT and isinstance(value, str):
        return int(value)
    return value
