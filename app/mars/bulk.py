"""MARS's bulk search: many queries in one body, within documented bounds."""

import asyncio
import json
import math
from dataclasses import replace
from typing import Any, Final

import orjson
from fastapi import Request

from app.alerts.access.archive import Archive
from app.alerts.asking import searching
from app.alerts.output.fragments import Fragments
from app.alerts.sql.search_sql import LEGACY
from app.errors import BadForm, BadParameter, BodyTooLarge, QueryTooCostly
from app.mars.form import KNOWN, Form, read_form
from app.mars.placing import advise_on_timeout, place_form
from app.names.resolver import Names

MAX_QUERIES: Final = 1000
MAX_ALERTS: Final = 10_000
MAX_SECONDS: Final = 60.0
_AT_ONCE: Final = 100
"""Alerts made into JSON at once; then other requests get their turn."""
_INSTEAD: Final = "send several requests, or ask /api/v1/match"


def _refused(reason: str, name: str = "queries") -> BadForm:
    return BadForm([BadParameter(name, reason)])


async def read_queries(request: Request) -> list[dict[str, Any]]:
    """The queries of a POST. Raises BadForm: not JSON, another shape, or beyond the bounds."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json" and not kind.endswith("+json"):
        raise _refused("the body must be JSON, sent with Content-Type: application/json", "body")
    try:
        # Not orjson: it has no integers beyond 64 bits, and a query is echoed as it came.
        body = json.loads(await _body(request), parse_constant=_no_number, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise _refused(f"the body is not JSON: {str(error)[:200]}", "body") from None
    asked = body.get("queries") if isinstance(body, dict) else None
    if not isinstance(asked, list) or not all(isinstance(query, dict) for query in asked):
        raise _refused('the body must be {"queries": [{…}, …]}, each query an object')
    if len(asked) > MAX_QUERIES:
        raise _refused(f"more than {MAX_QUERIES:,} queries in one request: {_INSTEAD}")
    return asked


async def _body(request: Request) -> bytes:
    try:
        return await request.body()
    except BodyTooLarge as error:
        raise _refused(f"{error}: {_INSTEAD}", "body") from None


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is not a JSON number")


def _finite(text: str) -> float:
    if not math.isfinite(value := float(text)):
        raise ValueError("a number outside the range of double precision")
    return value


def read_query(number: int, query: dict[str, Any]) -> Form:
    """The form of the n-th query. Raises BadForm; names begin with the query's own."""
    try:
        return read_form((name, _text(name, query[name])) for name in query if name in KNOWN)
    except BadForm as bad:
        errors = [e._replace(parameter=f"queries[{number}].{e.parameter}") for e in bad.errors]
        raise BadForm(errors) from None


def _text(name: str, value: Any) -> str:
    """A value as a query string would hold it; null counts as absent."""
    if isinstance(value, dict | list):
        raise _refused("must be a text or a number", name[:64])
    return "" if value is None else value if isinstance(value, str) else str(value)


async def answer_queries(
    archive: Archive,
    fragments: Fragments,
    names: Names,
    asked: list[dict[str, Any]],
) -> dict[str, Any]:
    """The answer's body: each query in order, with all its alerts.

    Raises BadForm and QueryTooCostly.
    """
    forms = []
    for n, query in enumerate(asked):
        forms.append(read_query(n, query))
        await asyncio.sleep(0)
    results, total = [], 0
    try:
        async with asyncio.timeout(MAX_SECONDS) as together:
            for query, form in zip(asked, forms, strict=True):
                search = replace(await place_form(form, names), limit=MAX_ALERTS)
                with advise_on_timeout(form):
                    _, rows = await searching.find_alerts(archive, search, LEGACY)
                total += len(rows)
                if total > MAX_ALERTS:
                    raise _refused(
                        f"more than {MAX_ALERTS:,} alerts in one answer: narrow the queries, "
                        f"{_INSTEAD}"
                    )
                found = []
                for n in range(0, len(rows), _AT_ONCE):
                    found += fragments.of(rows[n : n + _AT_ONCE])
                    await asyncio.sleep(0)
                echo = orjson.Fragment(json.dumps(query).encode())
                results.append({"num_alerts": len(rows), "query": echo, "results": found})
    except TimeoutError:
        if not together.expired():
            raise
        raise QueryTooCostly(
            f"the queries took more than {MAX_SECONDS:g} s together: {_INSTEAD}"
        ) from None
    return {"results": results, "total": total}
