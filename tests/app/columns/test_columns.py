"""What the columnar copy finds is what PostgreSQL finds: every filter, order, page and batch."""

import random
from dataclasses import replace
from typing import Any

import asyncpg
import pytest

from app.alerts.asking.by_columns import count_by_columns, find_by_columns
from app.alerts.asking.numbers import numbered
from app.alerts.asking.paging import page_of
from app.alerts.asking.searching import count_alerts
from app.alerts.sql.search_sql import LEGACY, page_statement
from app.alerts.sql.shapes import shape_of
from app.mars.form import SORTS, read_form
from app.search.filters import Filter
from app.search.search import Search, Sort, parse_search
from app.search.vocabulary import FILTERS, ZTF
from tests.app.columns.copied import Copied
from tests.conftest import url_of

SEEDS = 60
_SORTABLE = [name for name, field in ZTF.fields.items() if len(field.columns) == 1]


@pytest.fixture(scope="module")
async def rows(copied: Copied) -> list[dict[str, Any]]:
    """Every row, from which values to search for are taken."""
    url = url_of("owner", copied.place.database).replace("+asyncpg", "")
    connection = await asyncpg.connect(url)
    try:
        return [dict(row) for row in await connection.fetch("SELECT * FROM alert")]
    finally:
        await connection.close()


def random_search(rng: random.Random, rows: list[dict[str, Any]]) -> Search:
    """A search with one to three filters, whose values occur, in any order."""
    given: dict[str, str] = {"sort": rng.choice(("", "-")) + rng.choice(_SORTABLE)}
    if rng.random() < 0.3:
        given["as_of"] = str(rng.choice((1, 5, 9, 10, 12)))
    filters = [f for f in FILTERS.values() if not f.narrow]
    clauses = []
    for wanted in rng.sample(filters, rng.randint(1, 3)):
        if text := _text_for(wanted, rng, rows):
            clauses.append(wanted.read(text))
    search = parse_search(given.items())
    return replace(search, clauses=tuple(clauses), limit=rng.choice((1, 7, 100)))


def _text_for(wanted: Filter, rng: random.Random, rows: list[dict[str, Any]]) -> str:
    """A value that the filter reads and some row holds; empty if there is none."""
    if wanted.operator == "isnull":
        return rng.choice(("true", "false"))
    name = rng.choice(wanted.field.columns)
    for _ in range(20):
        value = rng.choice(rows)[name]
        text = str(value).lower() if isinstance(value, bool) else str(value)
        if wanted.field.name in ("mjd", "time"):
            text = {"mjd": "59000.5", "time": "2026-01-31T06:00"}[wanted.field.name]
        if value is not None and _is_read(wanted, text):
            return text
    return ""


def _is_read(wanted: Filter, text: str) -> bool:
    """Whether a value that the archive holds can also be asked for: not NaN, for one."""
    try:
        wanted.read(text)
    except ValueError:
        return False
    return True


async def by_postgresql(copied: Copied, search: Search, more: tuple[str, ...] = ()) -> Any:
    shape, values = shape_of(search, more)
    rows = await copied.archive.fetch(page_statement(shape), **values)
    return rows[0]["newest"], [row for row in rows if row["candid"] is not None]


async def test_alerts_of_no_number_are_none(copied: Copied) -> None:
    search = replace(parse_search([]), clauses=(numbered([]),))
    for asked in (search, replace(search, sort=Sort("magpsf", descending=False))):
        _, found = await find_by_columns(copied.archive, copied.copy, asked)
        assert found == (await by_postgresql(copied, asked))[1] == []


def test_the_copy_is_a_part_of_the_archive(copied: Copied, rows: list[dict[str, Any]]) -> None:
    held = [row for row in rows if row["batch"] <= copied.copy.as_of]
    assert 2000 < copied.copy.rows == len(held) < len(rows) - 1000
    assert any(row["batch"] == 11 and row["magpsf"] is None for row in rows)


async def test_any_filter_in_any_order_page_by_page(
    copied: Copied, rows: list[dict[str, Any]]
) -> None:
    rng, found = random.Random(20260131), 0
    for n in range(SEEDS):
        search = random_search(rng, rows)
        for _ in range(3):
            wanted = await by_postgresql(copied, search)
            ours = await find_by_columns(copied.archive, copied.copy, search)
            told = n, [(c.filter.name, c.value) for c in search.clauses], search
            assert ours[0] == wanted[0], told
            assert [r["candid"] for r in ours[1]] == [r["candid"] for r in wanted[1]], told
            assert [str(tuple(r)[1:]) for r in ours[1]] == [str(tuple(r)[1:]) for r in wanted[1]]
            page = page_of(search, *ours)
            found += len(page.rows)
            following = rng.choice((page.cursor, page.before))
            if following is None:
                break
            search = replace(search, cursor=following, as_of=page.as_of)
        plain = replace(search, cursor=None)
        assert await count_by_columns(copied.archive, copied.copy, plain) == await count_alerts(
            copied.archive, plain
        )
    assert found > 1000


async def test_every_order_of_the_first_mars_with_pages_by_number(copied: Copied) -> None:
    """By each column up and down, one of them from the first alert on, in turn."""
    for n, name in enumerate(SORTS):
        orders = ("asc", "desc") if n % 2 else ("desc", "asc")
        for skip, order in zip((0, 37), orders, strict=True):
            form = read_form([("sort_value", name), ("sort_order", order), ("magpsf__lte", "18.3")])
            search = form.search
            assert isinstance(search.sort, Sort)
            shape, values = shape_of(search, LEGACY, skip)
            wanted = await copied.archive.fetch(page_statement(shape), **values)
            _, ours = await find_by_columns(copied.archive, copied.copy, search, LEGACY, skip)
            assert [r["candid"] for r in ours] == [r["candid"] for r in wanted], (name, skip)


@pytest.mark.parametrize("radius", [11, 40, 90, 179.9, 180])
async def test_wide_cones_of_the_first_mars(copied: Copied, radius: float) -> None:
    for centre in ("0,90", "0,-90", "0,0", "359.9,45", "150,30"):
        search = read_form([("cone", f"{centre},{radius}"), ("rb__gte", "0.3")]).search
        wanted = await by_postgresql(copied, search)
        ours = await find_by_columns(copied.archive, copied.copy, search)
        assert [r["candid"] for r in ours[1]] == [r["candid"] for r in wanted[1]]
        assert await count_by_columns(copied.archive, copied.copy, search) == await count_alerts(
            copied.archive, search
        )
