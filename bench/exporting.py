"""A million alerts in each format beside the same rows by COPY; and the files opened again."""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any, Final, NamedTuple

import aiohttp
import asyncpg

from app.answers.formats import FORMATS
from app.search.search import parse_search
from app.search.selection import columns_of
from bench.measure import Figure
from bench.opening import READERS, Sums
from dev.state import State

FLOOR_ROWS: Final = 200_000
"""By COPY, before each export: its rate is the same from the first row to the last."""
NARROW: Final = "candid,object_id,jd,ra,dec,filter,magpsf,drb"
"""What the files have that are opened: astropy takes minutes for a million rows of 111 columns."""
ALERTS: Final = "/api/v1/alerts"
TABLES: Final = [name for name, known in FORMATS.items() if known.writer is not None]


Measured = tuple[list[Figure], list[str]]


class Exported(NamedTuple):
    """One export, and the floor beside it."""

    name: str
    rows: int
    seconds: float
    megabytes: float
    peak_mb: float
    """Of the app's memory, from before the first to after the last byte."""
    floor_per_s: float


class App(NamedTuple):
    """The app that is measured, and the archive behind it."""

    address: str
    pid: int
    state: State
    http: aiohttp.ClientSession
    sql: "asyncpg.Connection[asyncpg.Record]"

    def forget_peak(self) -> None:
        """Let the kernel count the peak of the app's memory from now on."""
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")

    def peak_mb(self) -> float:
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        (peak,) = (line.split()[1] for line in lines if line.startswith("VmHWM"))
        return int(peak) / 1024

    async def saved(self, file: Path, query: dict[str, Any]) -> float:
        """Save an export; its seconds."""
        began = time.perf_counter()
        async with self.http.get(self.address + ALERTS, params=query) as answer:
            answer.raise_for_status()
            with file.open("wb") as out:
                async for piece in answer.content.iter_chunked(1 << 20):
                    out.write(piece)
        return time.perf_counter() - began


async def exporting(state: State, address: str, pid: int, rows: int) -> Measured:
    """Rates, memory, and what readers find in the files."""
    folder = state.folder / "exports"
    folder.mkdir(exist_ok=True)
    sql = await asyncpg.connect(state.database_url("reader").replace("+asyncpg", ""))
    await sql.execute("SET statement_timeout = 0")
    wait = aiohttp.ClientTimeout(total=None)
    async with aiohttp.ClientSession(timeout=wait, headers={"Accept-Encoding": "identity"}) as http:
        app = App(address, pid, state, http, sql)
        # First: memory that Parquet's writer took is not given back.
        done = [await _pages(app, rows)]
        done += [await _exported(app, name, rows, folder) for name in TABLES]
        opened = await _opened(app, rows, folder)
    await sql.close()
    return [_figure(one) for one in done], [_table(done), opened]


async def _copied(app: App, rows: int) -> float:
    """Rows a second by COPY of the same columns in the same order: PostgreSQL's own CSV."""
    columns = ", ".join(columns_of(parse_search([("format", "csv")]).fields))
    query = f"SELECT {columns} FROM alert ORDER BY jd DESC, candid DESC LIMIT {rows}"  # noqa: S608

    async def drop(_: bytes) -> None:
        """Take it and do nothing, as no client could."""

    began = time.perf_counter()
    await app.sql.copy_from_query(query, output=drop, format="csv")
    return rows / (time.perf_counter() - began)


async def _measured(
    app: App, name: str, rows: int, export: Callable[[], Awaitable[tuple[float, int]]]
) -> Exported:
    floor = await _copied(app, min(rows, FLOOR_ROWS))
    app.forget_peak()
    seconds, size = await export()
    return Exported(name, rows, seconds, size / 1e6, app.peak_mb(), floor)


async def _exported(app: App, name: str, rows: int, folder: Path) -> Exported:
    """All columns."""
    file = folder / f"whole.{FORMATS[name].suffix}"

    async def export() -> tuple[float, int]:
        seconds = await app.saved(file, {"format": name, "limit": rows})
        return seconds, file.stat().st_size

    done = await _measured(app, name, rows, export)
    file.unlink()
    return done


async def _pages(app: App, rows: int) -> Exported:
    """The same as pages of JSON, each by the cursor of the one before."""

    async def export() -> tuple[float, int]:
        began, size, cursor, got = time.perf_counter(), 0, "", 0
        while got < rows:
            query = {"limit": "1000", "cursor": cursor}
            async with app.http.get(app.address + ALERTS, params=query) as answer:
                answer.raise_for_status()
                size += len(await answer.read())
                got += 1000
                cursor = answer.headers["Link"].partition("cursor=")[2].partition(">")[0]
        return time.perf_counter() - began, size

    return await _measured(app, "json", rows, export)


async def _opened(app: App, rows: int, folder: Path) -> str:
    """Each reader finds as many rows as SQL, and the same sums."""
    # What the limit does not cut: the last line of a CSV that is cut stops stilts.
    since = (
        await app.sql.fetchval(
            "SELECT jd FROM alert ORDER BY jd DESC, candid DESC LIMIT 1 OFFSET $1", rows
        )
        or 0.0
    )
    row = await app.sql.fetchrow(
        "SELECT count(*), sum(candid::numeric)::text, sum(magpsf::float8) FROM alert WHERE jd > $1",
        since,
    )
    assert row is not None
    wanted, opened = Sums(row[0], int(row[1]), row[2]), []
    for name in TABLES:
        file = folder / f"narrow.{FORMATS[name].suffix}"
        query = {"format": name, "limit": rows, "fields": NARROW, "jd__gt": repr(since)}
        await app.saved(file, query)
        for reader, read in READERS[name].items():
            began = time.perf_counter()
            found = await asyncio.to_thread(read, file)
            spent = time.perf_counter() - began
            assert found[:2] == wanted[:2], (name, reader, found, wanted)
            assert math.isclose(found.magpsf, wanted.magpsf, rel_tol=1e-12), (name, reader, found)
            opened.append(f"{name} by {reader} {spent:.0f} s")
        file.unlink()
    return (
        f"{wanted.rows:,} alerts with {NARROW.count(',') + 1} columns, opened: "
        f"{' · '.join(opened)}. Each found as many rows as SQL, the same sum of candids (exactly) "
        "and of magnitudes (as singles, to 12 digits)."
    )


def _figure(one: Exported) -> Figure:
    ratio = one.rows / one.seconds / one.floor_per_s
    name = "pages of 1,000 by cursor" if one.name == "json" else one.name
    return Figure(f"export: {name}", "rows/s", "COPY to CSV", one.floor_per_s,
                  one.rows / one.seconds, (ratio, ratio))  # fmt: skip


def _table(done: Iterable[Exported]) -> str:
    lines = ["| Export, all columns | s | MB | the app's memory at most, MB |", "|---|---|---|---|"]
    lines += [
        f"| {one.rows:,} alerts as {one.name} | {one.seconds:.0f} | {one.megabytes:,.0f} | "
        f"{one.peak_mb:.0f} |"
        for one in done
    ]
    # pyarrow imports pandas where it finds it; the app's own requirements do not have it.
    lines += ["", "40 MB of Parquet's are pandas, which is installed here for the readers below."]
    return "\n".join(lines)
