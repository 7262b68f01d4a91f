"""Uploads and regions at size: `python -m bench.observing --rows 20000000`.

An archive that holds so many alerts already is asked as it is; else alerts are added. What is found
is added to docs/performance/observing.json, and docs/vo.md shows all sizes side by side.
"""

import argparse
import asyncio
import json
import os
import random
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import aiohttp
import asyncpg

from app.adql.queries import translate
from app.vo.parameters import MAX_ROWS
from app.vo.tables import BY_NAME
from app.vo.uploads import read_upload
from bench.filtering import wait_for_columns
from bench.report import DOCS, machine, put_section
from bench.running import app, described, fill, keep_size, run_catalog, running_stack, say
from bench.serving import Served, served
from bench.skymaps import draw_skymap
from dev.state import State

KEPT: Final = DOCS / "performance" / "observing.json"
PAGE: Final = DOCS / "vo.md"
ROUNDS: Final = 7
LISTS: Final = (500, 5000)
REGION_DEG2: Final = 500.0
HEADING: Final = "## How long it takes"
_PAIR: Final = "FROM tap_upload.t AS t JOIN mars.alert AS a ON DISTANCE(t.ra, t.dec, a.ra, a.dec)"
JOINS: Final = {
    "within 3.6″, what the index has": f"SELECT t.n, a.candid {_PAIR} < 0.001",
    "within 0.1°, a column that it has not": f"SELECT t.n, a.magpsf {_PAIR} < 0.1",
}
QUERIES: Final = {
    "a circle of 1° in GALACTIC": "SELECT candid, magpsf FROM mars.alert WHERE 1 = CONTAINS("
    "POINT(ra, dec), CIRCLE('GALACTIC', 197.8, 55.6, 1))",
    "a map of a circle of 5° by HEALPix": "SELECT IVO_HEALPIX_INDEX(8, ra, dec) AS pixel, "
    "COUNT(*) AS alerts FROM mars.alert WHERE 1 = CONTAINS(POINT(ra, dec), CIRCLE(150, 30, 5)) "
    "GROUP BY IVO_HEALPIX_INDEX(8, ra, dec)",
}
_SAMPLE: Final = "SELECT ra, dec FROM alert TABLESAMPLE SYSTEM ({percent})"
_PLAIN: Final = {"Accept-Encoding": "identity"}
Ask = Callable[[], Awaitable[bytes]]


def write_list(places: list[tuple[float, float]]) -> bytes:
    """Places as a VOTable."""
    rows = "".join(
        f"<TR><TD>{n}</TD><TD>{ra!r}</TD><TD>{dec!r}</TD></TR>"
        for n, (ra, dec) in enumerate(places)
    )
    return (
        '<VOTABLE version="1.4" xmlns="http://www.ivoa.net/xml/VOTable/v1.3"><RESOURCE><TABLE>'
        '<FIELD name="n" datatype="int"/><FIELD name="ra" datatype="double"/>'
        f'<FIELD name="dec" datatype="double"/><DATA><TABLEDATA>{rows}</TABLEDATA></DATA>'
        "</TABLE></RESOURCE></VOTABLE>"
    ).encode()


async def draw_places(s: Served, count: int) -> list[tuple[float, float]]:
    """Positions of alerts everywhere, each moved by up to an arcsecond in declination."""
    held = await s.pool.fetchval(
        "SELECT reltuples FROM pg_class WHERE oid = 'public.alert'::regclass"
    )
    percent = min(100.0, 100 * 20 * count / max(held, 1))
    rows = await s.pool.fetch(_SAMPLE.format(percent=percent))
    rng = random.Random(1)
    some = rng.sample(sorted(map(tuple, rows)), min(count, len(rows)))
    return [(ra, max(-90.0, dec - rng.random() / 3600)) for ra, dec in some]


class Refused(Exception):
    """An answer that is none, as that of a question that takes too long."""


async def answered(request: Any) -> bytes:
    """The body of an answer. Raises Refused."""
    async with request as answer:
        body: bytes = await answer.read()
        if not answer.ok:
            raise Refused(f"refused: {answer.status}")
        return body


def tap(s: Served, adql: str, upload: bytes | None = None) -> Ask:
    """A query, at once, as CSV, with positions as `t` if there are any."""

    async def ask() -> bytes:
        form = aiohttp.FormData()
        told = {"LANG": "ADQL", "QUERY": adql, "MAXREC": str(MAX_ROWS), "FORMAT": "csv"}
        if upload is not None:
            told["UPLOAD"] = "t,param:f"
            form.add_field("f", upload, filename="t.xml")
        for name, text in told.items():
            form.add_field(name, text)
        return await answered(s.http.post(f"{s.address}/vo/tap/sync", data=form, headers=_PLAIN))

    return ask


async def timed(ask: Ask) -> tuple[list[str], bytes]:
    """Median and longest time of some rounds [ms], after one that does not count; what came."""
    times = []
    try:
        body = await ask()
        for _ in range(ROUNDS):
            began = time.perf_counter()
            body = await ask()
            times.append((time.perf_counter() - began) * 1e3)
    except Refused as error:
        return [str(error), ""], b""
    return [f"{statistics.median(times):.0f}", f"{max(times):.0f}"], body


async def is_by_index(state: State, adql: str, upload: bytes | None) -> bool:
    """Whether PostgreSQL means to read the index of positions, and never the whole table."""
    uploads = [] if upload is None else [read_upload("t", upload)]
    result = translate(adql, BY_NAME, [one.upload for one in uploads], MAX_ROWS + 1)
    connection = await asyncpg.connect(state.database_url("tap").replace("+asyncpg", ""))
    try:
        given = uploads[0].arrays if uploads else []
        rows = await connection.fetch(f"EXPLAIN {result.sql}", *given)
    finally:
        await connection.close()
    told = "\n".join(row[0] for row in rows)
    return "using alert_sky" in told and "Seq Scan" not in told


async def queries(state: State, s: Served) -> dict[str, list[str]]:
    """Median, longest [ms], rows and whether by the index, of each query of TAP."""
    asked: dict[str, tuple[str, bytes | None]] = {
        f"{count:,} positions, {what}": (adql, write_list(await draw_places(s, count)))
        for count in LISTS
        for what, adql in JOINS.items()
    }
    asked |= {what: (adql, None) for what, adql in QUERIES.items()}
    found = {}
    for what, (adql, upload) in asked.items():
        times, body = await timed(tap(s, adql, upload))
        rows = max(0, len(body.splitlines()) - 1)
        by_index = await is_by_index(state, adql, upload)
        found[what] = [*times, f"{rows:,}", "yes" if by_index else "no"]
        say(f"{what}: {' | '.join(found[what])}")
    return found


async def regions(s: Served) -> dict[str, list[str]]:
    """Median and longest [ms] of what is done with a skymap."""
    file, here = draw_skymap(150, 30, REGION_DEG2), f"{s.address}/api/v1"
    found, sent = {}, []

    async def send() -> bytes:
        body = await answered(s.http.post(f"{here}/regions", data=file, headers=_PLAIN))
        sent.append(json.loads(body))
        return body

    def ask(query: str) -> Ask:
        address = f"{here}/alerts?region={sent[0]['id']}&{query}"
        return lambda: answered(s.http.get(address, headers=_PLAIN))

    found["sent"] = await timed(send)
    found["the newest 100"] = await timed(ask("limit=100"))
    found["the brightest 100"] = await timed(ask("sort=magpsf&limit=100"))
    found["an exact count"] = await timed(ask("limit=1&count=exact"))
    found["all, as CSV, to 100,000"] = await timed(ask("format=csv&limit=100000"))
    count = json.loads(found["an exact count"][1] or "{}").get("count") or 0
    for one in sent:
        secret = {"Authorization": f"Bearer {one['secret']}"}
        await answered(s.http.delete(f"{here}/regions/{one['id']}", headers=secret))
    told = f"a skymap of {sent[0]['area_deg2']:.0f} deg²"
    made = {f"{told}: {what}": [*times, "", ""] for what, (times, _) in found.items()}
    made[f"{told}: an exact count"][2] = f"{count:,}"
    say("; ".join(f"{what} {times[0]}" for what, times in made.items()))
    return made


async def measure(state: State, address: str) -> dict[str, Any]:
    """Everything, of one size."""
    async with served(address) as s:
        await wait_for_columns(s)
        asked, sky = await queries(state, s), await regions(s)
    server, held, _ = await described(state)
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": machine(server),
        "alerts": held,
        "found": asked | sky,
    }


def write_section(sizes: dict[str, Any]) -> None:
    """The part of the page that tells the figures of all sizes."""
    lines = [
        f"Written by `python -m bench.observing`: one client, warm, the median of {ROUNDS} and the "
        "longest in ms; positions are those of alerts all over the sky.",
    ]
    for size in sorted(sizes, key=int):
        run = sizes[size]
        table = ["| | p50 | longest | rows | by the index |", "|---|---|---|---|---|"]
        table += [f"| {what} | {' | '.join(told)} |" for what, told in run["found"].items()]
        lines += [f"{run['alerts']:,} alerts ({run['date']}; {run['machine']}):", "\n".join(table)]
    put_section(PAGE, HEADING, "\n\n".join(lines))


async def held_in(state: State) -> int:
    """How many alerts there are."""
    _, held, _ = await described(state)
    return held


def main() -> int:
    """Measure one size, and write that part of the page."""
    parser = argparse.ArgumentParser(prog="bench.observing", description=__doc__)
    parser.add_argument("--local", type=Path, default=Path(".local/growth"), help="state folder")
    parser.add_argument("--port", type=int, default=18600, help="port of the app")
    parser.add_argument("--rows", type=int, default=1_000_000, help="archived alerts")
    options = parser.parse_args()
    with running_stack(options.local, options.port) as state:
        os.environ.update(state.environment("reader"))
        if asyncio.run(held_in(state)) < options.rows:
            fill(state, options.rows)
        run_catalog(state, "update")
        with app(state, MARS_REGIONS_PER_CLIENT="1000") as (address, _):
            found = asyncio.run(measure(state, address))
    write_section(keep_size(KEPT, options.rows, found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
