"""What decides the statement of a search, and the values of its parameters."""

from typing import Any

from app.alerts.sql.costs import is_led
from app.alerts.sql.search_sql import Shape
from app.search.search import Search
from app.search.selection import columns_of


def shape_of(
    search: Search, more: tuple[str, ...] = (), skip: int = 0
) -> tuple[Shape, dict[str, Any]]:
    """What decides a search's statement, and the values of its parameters."""
    cursor, region = search.cursor, search.region
    # One that nobody has looked up would be no limit.
    assert (region is not None) == bool(search.region_id)
    shape = Shape(
        vocabulary=search.vocabulary,
        limit=search.limit,
        sort=search.sort,
        cone=search.cone is not None,
        filters=tuple(clause.filter for clause in search.clauses),
        after="" if cursor is None else "null" if cursor.value is None else "value",
        as_of=search.as_of is not None,
        wide=not is_led(search),
        skip=skip > 0,
        more=more,
        columns=columns_of(search.fields, search.vocabulary),
        polygon=search.polygon is not None,
        region=region is not None,
        back=cursor is not None and cursor.back,
    )
    values: dict[str, Any] = {f"value{n}": clause.value for n, clause in enumerate(search.clauses)}
    values |= search.cone._asdict() if search.cone else {}
    values |= search.polygon._asdict() if search.polygon else {}
    values |= {"cells": region.cells, "covering": region.covering} if region else {}
    if cursor is not None:
        values |= {"after": cursor.value, "after_id": cursor.id}
    return shape, values | {"as_of": search.as_of, "skip": skip}
