"""Many positions against the archive: one statement for each chunk of them, nearest first.

A chunk's statement picks candids alone; the rows follow by key, a few hundred at a time. So memory
does not grow with the number of positions nor of matches, and no connection is held while a client
reads.
"""

import math
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from itertools import groupby
from operator import itemgetter
from typing import Any, Final, NamedTuple

import asyncpg
from sqlalchemy import (
    ARRAY,
    BigInteger,
    Double,
    any_,
    bindparam,
    column,
    func,
    literal_column,
    select,
    true,
)

from app.alerts.access.archive import Archive
from app.alerts.asking.as_of import settle_as_of
from app.alerts.sql.costs import SMALL_DEG
from app.alerts.sql.region_sql import Circle, select_in_region
from app.alerts.sql.search_sql import answered
from app.alerts.sql.statements import Statement, compile_statement
from app.errors import TooMany
from app.match.targets import Target
from app.search.filters import Filter
from app.search.regions import Cone
from app.search.search import Search
from app.search.selection import columns_of
from app.search.vocabulary import Vocabulary
from archive.survey import Survey

CHUNK: Final = 300
"""Most positions that one statement answers."""
_PICKS: Final = 50_000
"""Most candids that one statement may pick."""
_AREA: Final = 100.0
"""Most that the squared radii of a chunk sum up to [deg²]: one cone of 10°, which any search may
ask for."""
_ROWS: Final = 250
"""Alerts that are fetched, made into text and sent at a time: 5 ms of this process."""
MAX_OF_CLIENT: Final = 8
"""Matches of one client at once: each may hold 10,000 positions in memory."""
_FEW: Final = 20
"""Positions that are matched without waiting for a turn."""


class Found(NamedTuple):
    """What was found at one position: candid and separation [arcsec], nearest first."""

    target: Target
    matches: Sequence[tuple[int, float]]
    truncated: bool
    """Whether more matched than there are here."""


class Piece(NamedTuple):
    """Some positions with their matches, and the rows of these by candid."""

    found: Sequence[Found]
    rows: Mapping[int, asyncpg.Record]


_IDS: Final = bindparam("ids", type_=ARRAY(BigInteger()))


@lru_cache(maxsize=128)
def _rows_of(vocabulary: Vocabulary, columns: tuple[str, ...]) -> Statement:
    """Alerts by id: these columns, or whole ones without any."""
    whole, survey = answered(vocabulary), vocabulary.survey
    names = dict.fromkeys((survey.key, *columns))
    read = [whole.by_name[name] for name in names] if columns else whole.columns
    return compile_statement(select(*read).where(survey.alert.c[survey.key] == any_(_IDS)))


@lru_cache(maxsize=128)
def _picking(survey: Survey, filters: tuple[Filter, ...]) -> Statement:
    """Number of the position (from 1), id and sin²(d/2) of the nearest alerts of each."""
    arrays: list[Any] = [bindparam(name, type_=ARRAY(Double())) for name in Cone._fields]
    columns: list[Any] = [column(name, Double()) for name in Cone._fields]
    place = (
        func.unnest(*arrays)
        .table_valued(*columns, with_ordinality="n")
        .render_derived(name="place")
    )
    # Named as text: as columns of `place` they would be joined again in every inner SELECT.
    circle = Circle(*(literal_column(f"place.{name}", Double()) for name in Cone._fields))
    clauses = [
        survey.alert.c.batch <= bindparam("as_of", type_=BigInteger()),
        *(wanted.sql(survey.alert.c, f"value{n}") for n, wanted in enumerate(filters)),
    ]
    near = select_in_region(survey, clauses, circle, separated=True)
    nearest = (
        near.order_by(literal_column("apart"), literal_column(survey.key))
        .limit(bindparam("most", type_=BigInteger()))
        .lateral("nearest")
    )
    return compile_statement(
        select(place.c.n, nearest.c[survey.key], nearest.c.apart)
        .select_from(place.join(nearest, true()))
        .order_by(place.c.n, nearest.c.apart, nearest.c[survey.key])
    )


class Matcher:
    """The archive for matches, and how many each client has under way."""

    def __init__(self, archive: Archive, clients: Counter[str] | None = None) -> None:
        self._archive = archive
        self._clients: Counter[str] = Counter() if clients is None else clients

    def reading(self, archive: Archive) -> "Matcher":
        """The same for an archive as another client reads it."""
        return Matcher(archive, self._clients)

    @contextmanager
    def begun_by(self, client: str) -> Iterator[None]:
        """Count a match of a client while it lasts. Raises TooMany."""
        if self._clients[client] >= MAX_OF_CLIENT:
            raise TooMany(
                f"you already have {MAX_OF_CLIENT} matches running: wait for one to finish"
            )
        self._clients[client] += 1
        try:
            yield
        finally:
            self._clients[client] -= 1
            if not self._clients[client]:
                del self._clients[client]

    async def settle_as_of(self, asked: int | None) -> int:
        """As of which batch a match sees the archive (alerts.as_of.settle_as_of)."""
        return await settle_as_of(self._archive, asked)

    async def pieces(
        self, targets: Iterable[Target], search: Search, as_of: int
    ) -> AsyncIterator[Piece]:
        """Every position in order, with its matches and their rows, by the filters of a search.

        Raises QueryTooCostly, or one of DATABASE_ERRORS.
        """
        archive, begun = self._archive, self._archive.patient()
        vocabulary = search.vocabulary
        statement = _rows_of(vocabulary, columns_of(search.fields, vocabulary))
        for chunk in split_in_chunks(targets, search.limit):
            for found in _gathered(await _pick(archive, chunk, search, as_of)):
                ids = [alert_id for one in found for alert_id, _ in one.matches]
                rows = await archive.fetch(statement, ids=ids) if ids else []
                yield Piece(found, {row[vocabulary.survey.key]: row for row in rows})
                archive = begun


async def _pick(
    archive: Archive, chunk: Sequence[Target], search: Search, as_of: int
) -> list[Found]:
    """The nearest alerts of each position of a chunk."""
    statement = _picking(
        search.vocabulary.survey, tuple(clause.filter for clause in search.clauses)
    )
    values = {f"value{n}": clause.value for n, clause in enumerate(search.clauses)}
    cones = [target.cone for target in chunk]
    places = {name: [getattr(cone, name) for cone in cones] for name in Cone._fields}
    limits = {"as_of": as_of, "most": search.limit + 1}
    small = sum(cone.radius**2 for cone in cones) <= SMALL_DEG**2
    statement = statement._replace(costly=len(chunk) > _FEW or not small)
    rows = await archive.fetch(statement, **values, **places, **limits)
    picked = {n: list(them) for n, them in groupby(rows, itemgetter(0))}
    return [_found(target, picked.get(n, []), search.limit) for n, target in enumerate(chunk, 1)]


def _found(target: Target, picked: Sequence[Any], limit: int) -> Found:
    matches = [(candid, _arcsec(apart)) for _, candid, apart in picked[:limit]]
    return Found(target, matches, len(picked) > limit)


def split_in_chunks(targets: Iterable[Target], limit: int) -> Iterator[list[Target]]:
    """Positions in pieces that one statement can answer in time and memory."""
    chunk: list[Target] = []
    area, most = 0.0, max(1, min(CHUNK, _PICKS // (limit + 1)))
    for target in targets:
        more = target.cone.radius**2
        if chunk and (len(chunk) == most or area + more > _AREA):
            yield chunk
            chunk, area = [], 0.0
        chunk.append(target)
        area += more
    if chunk:
        yield chunk


def _arcsec(apart: float) -> float:
    """The angle d of sin²(d/2) [arcsec]."""
    return math.degrees(2 * math.asin(math.sqrt(min(apart, 1.0)))) * 3600


def _gathered(found: Sequence[Found]) -> Iterator[list[Found]]:
    """Positions in a row whose matches are few enough to be fetched together."""
    gathered: list[Found] = []
    count = 0
    for one in found:
        if gathered and count + len(one.matches) > _ROWS:
            yield gathered
            gathered, count = [], 0
        gathered.append(one)
        count += len(one.matches)
    if gathered:
        yield gathered
