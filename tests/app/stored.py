"""Whatever the archive may hold: rows drawn from the types of its columns and from its CHECKs.

Nothing here names a column that holds a value: a new one is drawn as its type is. Only keys, and
references to other rows and to bytes, are given.
"""

import math
import random
import re
from collections.abc import Mapping, Sequence
from itertools import accumulate, pairwise
from typing import Any, Final

import asyncpg
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from sqlalchemy import ARRAY, insert, types, update
from sqlalchemy.dialects.postgresql import JSONB, dialect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from archive.surveys.ztf.tables import STAMPS, alert, history
from archive.tables import bundle, counter

Row = dict[str, Any]
_DIALECT: Final = dialect()  # type: ignore[no-untyped-call]
REFUSED: Final = ("23514", "54000")
"""By a CHECK, or as too long for an index."""
Drawn = st.SearchStrategy[Any]
PIECE: Final = 20
"""Values drawn at once: hypothesis takes as long for one."""

NAMES: Final = (
    *("ZTF26plain", "ZTF26second", "a/b", "a/alerts", "/", "it's", 'a "quote"', "a\\b", " ", " a "),
    *(".", "..", "a.b", "a,b", "a?b=c#d", "100%", "%2F", "+", "<script>alert(1)</script>", ""),
    *(
        "Röntgen ☄ 日本",
        "\u202eltr",
        "tab\tand\nline",
        "\x01\x7f\x85",
        "a\u2028b",
        "=1+1",
        "é" * 99,
    ),
    *("{{ 7 * 7 }}", "null", "20260131", "ZTF26" + "x" * 300),
)
"""Object ids, and texts, that mean something to one of the formats."""
TEXTS: Final = st.sampled_from(NAMES) | st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20
)
_EDGES: Final = (math.nan, math.inf, -math.inf, 0.0, -0.0, 1.0, -1.0, -999.0, -99999.0)
_REALS: Final = (3.4028234663852886e38, -3.4028234663852886e38, 1.401298464324817e-45, 2.0**127)
_DOUBLES: Final = (
    *(1.7976931348623157e308, -1.7976931348623157e308, 1e300, 5e-324, 2.2250738585072014e-308),
    *(2400000.5, 2500000.0, 59000.5, 1721425.5, 5373484.49, 5373484.5, 2458119.5),
)


def _integers(bits: int) -> Drawn:
    most = 2 ** (bits - 1) - 1
    edges = (0, 1, 2, 3, 4, 7, -1, -999, most, -most - 1)
    return st.sampled_from(edges) | st.integers(-most - 1, most)


# Times, magnitudes and fluxes as they are come too: what is odd must not hide what is not.
VALUES: Final[Mapping[type[types.TypeEngine[Any]], Drawn]] = {
    types.Integer: _integers(32),
    types.BigInteger: _integers(64),
    types.REAL: st.sampled_from(_EDGES + _REALS)
    | st.floats(15, 23, width=32)
    | st.floats(width=32),
    types.Double: st.sampled_from(_EDGES + _DOUBLES)
    | st.floats(2461071.5, 2461073.5)
    | st.floats(),
    types.Boolean: st.booleans(),
    types.Text: TEXTS,
    types.LargeBinary: st.binary(max_size=40),
    JSONB: st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False, allow_infinity=False),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
        max_leaves=5,
    ),
}
"""What a column of each type may hold; a type that is not here has to be added."""


async def checked(connection: asyncpg.Connection) -> dict[str, Drawn]:
    """Values that pass, for each column of `alert` that a CHECK narrows.

    The database tries the edges of the type and each number of the CHECK, with what is near it.
    """
    found = await connection.fetch(
        "SELECT attname AS name, pg_get_expr(conbin, conrelid) AS rule FROM pg_constraint"
        " JOIN pg_attribute ON attrelid = conrelid AND attnum = conkey[1]"
        " WHERE conrelid = 'alert'::regclass AND contype = 'c' AND cardinality(conkey) = 1"
    )
    narrowed = {}
    for name, rule in found:
        sql_type = alert.c[name].type
        numbers = sorted({float(n) for n in re.findall(r"-?\d+\.?\d*", rule)})
        near = [math.nextafter(n, towards) for n in numbers for towards in (-math.inf, math.inf)]
        between = [a + (b - a) * part for a, b in pairwise(numbers) for part in (0.3, 0.5)]
        tried: list[Any] = [*numbers, *between, *near, *_EDGES, *_DOUBLES]
        if isinstance(sql_type, types.Integer):
            tried = [int(n) for n in numbers]
        kind = sql_type.compile(_DIALECT)
        passed = await connection.fetch(
            f'SELECT DISTINCT "{name}" FROM unnest($1::{kind}[]) AS tried("{name}") WHERE {rule}',
            tried,
        )
        narrowed[name] = st.sampled_from(sorted(row[0] for row in passed))
    return narrowed


def drawn(strategy: Drawn, chance: int) -> list[Any]:
    """Values of a strategy, always the same for the same `chance`."""
    found: list[Any] = []

    @seed(chance)
    @settings(
        max_examples=10,
        database=None,
        phases=[Phase.generate],
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.lists(strategy, min_size=PIECE, max_size=PIECE))
    def collect(values: list[Any]) -> None:
        found.extend(values)

    collect()
    return found


class Rows:
    """Rows made of drawn values. To draw each row by itself would take 0.1 s."""

    def __init__(self, chance: int, known: Mapping[str, Drawn]) -> None:
        self._random = random.Random(chance)
        values = {kind: drawn(strategy, chance) for kind, strategy in VALUES.items()}
        self._of_column = {c.name: values[type(c.type)] for c in alert.c if type(c.type) in values}
        self._of_column |= {name: drawn(kind, chance) for name, kind in known.items()}
        self._of_type = values

    def alert(self) -> Row:
        """A row of `alert`; one of ten with nothing that can be null."""
        bare = self._random.random() < 0.1
        return {
            c.name: None if c.nullable and (bare or self._random.random() < 0.15)
            else self._random.choice(self._of_column[c.name])
            for c in alert.c
            if c.computed is None and c.server_default is None
        }  # fmt: skip

    def history(self) -> Row:
        """A row of `history` without keys; of some a list lacks a column, or is shorter there."""
        row: Row = {}
        lengths: dict[str, int] = {}
        for column in (c for c in history.c if isinstance(c.type, ARRAY)):
            kind = column.name.partition("_")[0]
            length = lengths.setdefault(kind, self._random.randrange(6))
            odd = self._random.randrange(60)
            assert isinstance(column.type, ARRAY)
            values = self._of_type[type(column.type.item_type)]
            entries = [
                None if self._random.random() < 0.15 else self._random.choice(values)
                for _ in range(max(0, length - (odd == 1)))
            ]
            row[column.name] = None if odd == 0 else entries
        return row


def _unique(numbers: Sequence[int]) -> list[int]:
    """The numbers; one that was there before moves on to the next that is free."""
    taken: dict[int, None] = {}
    for number in numbers:
        free = number
        while free in taken:
            free = free + 1 if free < 2**63 - 1 else -(2**63)
        taken[free] = None
    return list(taken)


async def store(
    engine: AsyncEngine, stamps: Sequence[bytes], key: str, count: int, chance: int = 0
) -> list[Row]:
    """Put so many alerts with their histories into an archive; those that it took.

    The stamps lie one after another in the object `key`; each is the science stamp of some alert.
    """
    lengths = [len(stamp) for stamp in stamps]
    places: list[Any] = list(zip(accumulate(lengths, initial=0), lengths, strict=False))
    async with engine.begin() as connection:
        await connection.execute(update(counter).values(batch=1))
        put = {"batch": 1, "size": sum(lengths), "key": key, "sha256": bytes(32)}
        number = await connection.scalar(insert(bundle).values(put).returning(bundle.c.id))
        raw = (await connection.get_raw_connection()).driver_connection
        assert raw is not None
        known = await checked(raw) | {"batch": st.just(1), "bundle": st.just(number)}
        rows_of = Rows(chance, known)
        rows = [rows_of.alert() for _ in range(count)]
        for name in ("candid", "lco_id"):
            for row, free in zip(rows, _unique([row[name] for row in rows]), strict=True):
                row[name] = free
        for n, row in enumerate(rows):
            for part, kind in enumerate((*STAMPS, "packet")):
                none = part > 0 and (n + part) % 5 == 0
                place = (None, None) if none else places[(n + 7 * part) % len(places)]
                row[f"{kind}_offset"], row[f"{kind}_length"] = place
        return [
            row
            for row in rows
            if await _inserted(
                connection, row, rows_of.history() | {"candid": row["candid"], "batch": 1}
            )
        ]


async def _inserted(connection: AsyncConnection, row: Row, own: Row) -> bool:
    """Whether the database takes an alert; what a CHECK or an index's limit forbids it does not."""
    try:
        async with connection.begin_nested():
            await connection.execute(insert(alert), [row])
            await connection.execute(insert(history), [own])
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) not in REFUSED:
            raise
        return False
    return True
