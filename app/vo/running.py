"""Queries of TAP, run as mars_tap, on connections that nobody else has."""

import asyncio
import math
import tempfile
import time
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from decimal import Decimal
from typing import IO, TYPE_CHECKING, Any, Final, NamedTuple

import asyncpg
from sqlalchemy.ext.asyncio import AsyncEngine

from app.adql.told import Upload
from app.alerts.access.gate import NOBODY, Asker, Turns, while_present
from app.answers.streams import run_in_thread
from app.answers.tabular import Ending, Origin, Table, Values
from app.errors import BadQuery, NoTap, QueryTooSlow
from app.settings import Settings
from app.vo.formats import RESULTS
from app.vo.parameters import Query
from app.vo.tables import BY_NAME, CANDID
from app.vo.uploads import Uploaded, arguments_of
from archive.columns import BIGINT, BOOLEAN, DOUBLE, INTEGER, REAL, TEXT, TIME, Column, Kind
from archive.database import make_engine
from archive.objects import Bytes

if TYPE_CHECKING:
    from app.adql.queries import Result

AT_ONCE: Final = 2
WAIT_S: Final = 30.0
"""How long a query waits for its turn."""
BLOCK: Final = 1000
IN_MEMORY: Final = 4_000_000
"""Bytes of an answer that wait in memory; more lie in a file."""
_KINDS: Final[dict[str, Kind]] = {
    "int2": INTEGER,
    "int4": INTEGER,
    "int8": BIGINT,
    "float4": REAL,
    "float8": DOUBLE,
    "numeric": DOUBLE,
    "bool": BOOLEAN,
    "timestamp": TIME,
    "text": TEXT,
    "varchar": TEXT,
}
_FAULTS: Final = ("21", "22", "42", "54", "0A")
"""Classes of SQLSTATE that are the query's: data, names and types, limits, no such feature."""
_TOO_LARGE: Final = ("53200", "53400")
_FORBIDDEN: Final = "42501"
Block = tuple[tuple[Column, ...], list[asyncpg.Record]]


class Tap(NamedTuple):
    """Connections for queries, and whose turn it is."""

    quick: AsyncEngine
    quick_s: float
    lasting: AsyncEngine
    lasting_s: float
    turns: Turns
    asker: Asker = NOBODY


@asynccontextmanager
async def open_tap(settings: Settings) -> AsyncIterator[Tap | None]:
    """The connections of mars_tap; None without a database for it."""
    if not settings.tap_database_url.get_secret_value():
        yield None
        return
    own = settings.model_copy(update={"database_url": settings.tap_database_url})
    quick_s, lasting_s = settings.tap_timeout_s, settings.job_statement_timeout_s
    quick = make_engine(own, "app-tap", AT_ONCE, session=_session(quick_s))
    lasting = make_engine(own, "app-tap-jobs", 1, session=_session(lasting_s))
    try:
        yield Tap(quick, quick_s, lasting, lasting_s, Turns(AT_ONCE))
    finally:
        await quick.dispose()
        await lasting.dispose()


def _session(seconds: float) -> dict[str, str]:
    return {"statement_timeout": f"{seconds * 1000:.0f}"}


def existing(tap: Tap | None) -> Tap:
    """The connections. Raises NoTap where there are none."""
    if tap is None:
        raise NoTap
    return tap


async def prepare(query: Query, uploads: Sequence[Uploaded]) -> "Result":
    """The SQL of a query; one row more than asked for tells whether there are more."""
    return await asyncio.to_thread(_translate, query, [one.upload for one in uploads])


def _translate(query: Query, uploads: Sequence[Upload]) -> "Result":
    # Here, in a thread: with sqlglot it takes 0.1 s and 10 MB, and only queries in ADQL need it.
    from app.adql.queries import translate  # noqa: PLC0415

    return translate(query.adql, BY_NAME, uploads, query.most + 1)


async def read_blocks(
    engine: AsyncEngine, seconds: float, result: "Result", uploads: Sequence[Uploaded]
) -> AsyncGenerator[Block]:
    """The rows of a query, with the types that they have; at least one block, which may be empty.

    Raises BadQuery, QueryTooSlow or one of DATABASE_ERRORS.
    """
    until = time.monotonic() + seconds

    def left() -> float:
        return max(0.1, until - time.monotonic())

    async with engine.connect() as connection:
        driver: Any = (await connection.get_raw_connection()).driver_connection
        try:
            async with driver.transaction(readonly=True):
                statement = await driver.prepare(result.sql, timeout=left())
                columns = _typed(result.columns, statement.get_attributes())
                given = arguments_of(uploads, result.uploads)
                cursor = await statement.cursor(*given, timeout=left())
                while True:
                    rows = await cursor.fetch(BLOCK, timeout=left())
                    yield columns, rows
                    if len(rows) < BLOCK:
                        break
        except BaseException as error:
            await connection.invalidate()
            raise _told(error, seconds) from error


def _told(error: BaseException, seconds: float) -> BaseException:
    """An error of the database as one of the query, if it is that."""
    if isinstance(error, TimeoutError | asyncpg.QueryCanceledError):
        return QueryTooSlow(
            f"the query took longer than {seconds:g} s and was stopped: narrow it by a circle, an "
            "object_id or a range of jd, or run it as a job (/async), which may take longer"
        )
    code = getattr(error, "sqlstate", None) or ""
    if code in _TOO_LARGE:
        return BadQuery("the query needs more memory or disk than one may have: narrow it")
    if code == _FORBIDDEN:
        return BadQuery("the query asks for what is not public")
    if code[:2] in _FAULTS:
        return BadQuery(f"the database refuses the query: {str(error).splitlines()[0][:300]}")
    return error


def _typed(columns: Sequence[Column], attributes: Sequence[Any]) -> tuple[Column, ...]:
    return tuple(
        column._replace(kind=_KINDS.get(attribute.type.name, TEXT))
        for column, attribute in zip(columns, attributes, strict=True)
    )


def _linked(columns: Sequence[Column]) -> str:
    """The first column that holds candids of alerts."""
    meant = (
        (c.ucd, c.meaning) == (CANDID.ucd, CANDID.meaning) and c.kind in (BIGINT, TEXT)
        for c in columns
    )
    return next((c.name for c, is_it in zip(columns, meant, strict=True) if is_it), "")


def _values(columns: Sequence[Column], rows: Sequence[asyncpg.Record]) -> Values:
    if not rows:
        return [()] * len(columns)
    held = list(zip(*rows, strict=True))
    return [_plain(c, v) for c, v in zip(columns, held, strict=True)]


def _plain(column: Column, values: Sequence[Any]) -> Sequence[Any]:
    kind = column.kind
    if column.xtype:
        return [_shape(one) for one in values]
    if kind is TIME:
        return [None if one is None else one.isoformat() for one in values]
    if kind is DOUBLE and any(isinstance(one, Decimal) for one in values):
        return [None if one is None else float(one) for one in values]
    return values


def _shape(numbers: Sequence[float | None] | None) -> str | None:
    """A shape as DALI 1.1 writes it; one with a number that is missing is missing."""
    if numbers is None or not all(one is not None and math.isfinite(one) for one in numbers):
        return None
    return " ".join(map(repr, numbers))


class Written:
    """How much has been written."""

    rows = 0
    overflowed = False


async def write_result(
    blocks: AsyncGenerator[Block], query: Query, origin: Origin, written: Written
) -> AsyncGenerator[Bytes]:
    """The bytes of an answer, as they are made."""
    make, writer = RESULTS[query.format].writer, None
    assert make is not None
    async with aclosing(blocks):
        async for columns, rows in blocks:
            if writer is None:
                table = Table("result", "Result of a query in ADQL", columns, _linked(columns))
                writer = make(table, origin)
                yield writer.begin()
            kept = rows[: query.most - written.rows]
            written.overflowed = len(kept) < len(rows)
            written.rows += len(kept)
            yield await run_in_thread(writer.rows, _values(columns, kept))
    assert writer is not None
    # The batch is that of the statement, and nothing repeats it: an answer has no next page.
    yield await run_in_thread(writer.end, Ending("" if written.overflowed else None, None))


async def answer(
    tap: Tap, query: Query, uploads: Sequence[Uploaded], origin: Origin
) -> tuple[IO[bytes], Written]:
    """An answer as a file, whole: whatever fails is known before its first byte is sent.

    No connection is held while a client takes its time. Raises as read_blocks does, Busy, and
    ClientGone.
    """
    result, written = await prepare(query, uploads), Written()
    file = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115 - closed once it is sent

    async def fill(file: IO[bytes]) -> None:
        async with tap.turns.place(tap.asker.name, WAIT_S):
            blocks = read_blocks(tap.quick, tap.quick_s, result, uploads)
            async with aclosing(write_result(blocks, query, origin, written)) as pieces:
                async for piece in pieces:
                    file.write(piece)

    try:
        await while_present(tap.asker, fill(file))
    except BaseException:
        file.close()
        raise
    file.seek(0)
    return file, written
