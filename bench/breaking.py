"""Exports whose database connections are killed in their midst, and gone on with."""

import asyncio
import re
from io import BytesIO
from typing import Any, Final, NamedTuple

import aiohttp
import asyncpg
import pyarrow as pa
from pyarrow import parquet

from dev.state import State

BREAKS: Final = 3
COMPLETE: Final = {
    "csv": re.compile(rb"^(\d+)\r\n", re.M),
    "jsonl": re.compile(rb'^\{"candid":"(\d+)"\}\n', re.M),
    "votable": re.compile(rb"^<TR><TD>(\d+)</TD></TR>\n", re.M),
}
"""A row that came whole: what follows it came too."""
ALERTS: Final = "/api/v1/alerts"
FIRST: Final = "SELECT candid FROM alert ORDER BY jd DESC, candid DESC LIMIT $1"


class Got(NamedTuple):
    """What came of an answer."""

    body: bytes
    as_of: str
    whole: bool


async def breaking(state: State, address: str, rows: int) -> str:
    """Break exports in each format, and pages; what was had together is what SQL finds."""
    admin = await asyncpg.connect(state.database_url("admin").replace("+asyncpg", ""))
    kept = [row["candid"] for row in await admin.fetch(FIRST, rows)]
    breaks = 0
    async with aiohttp.ClientSession(address) as http:
        for name in COMPLETE:
            got, broken = await _gone_on_with(http, admin, name, rows)
            assert got == kept, f"{name}: alerts were missed, or had twice"
            breaks += broken
        torn = await _received(http, {"format": "parquet", "limit": rows}, admin)
        assert not torn.whole
        assert not _opens(torn.body)
        got, refused = await _paged(http, admin, rows)
        assert got == kept, "json: alerts were missed, or had twice"
    await admin.close()
    return (
        f"Connections to PostgreSQL killed in the midst of exports of {rows:,} alerts, which come "
        f"from there without a catalog: {breaks + 1} of {breaks + 1} answers ended without HTTP's "
        "last chunk, which the client told as an error; the torn Parquet file opened nowhere; "
        f"{breaks} CSV, JSON Lines and "
        f"VOTable exports were gone on with by `after` and `as_of`, {refused} pages of JSON that "
        "came as 503 by the same cursor. Together they held each alert once, in SQL's order."
    )


async def _gone_on_with(
    http: aiohttp.ClientSession, admin: Any, name: str, rows: int
) -> tuple[list[int], int]:
    """An export broken again and again: the candids of all its parts, and how often it broke."""
    query: dict[str, Any] = {"format": name, "limit": rows, "fields": "candid"}
    got: list[int] = []
    for breaks in range(BREAKS + 1):
        answer = await _received(http, query, admin if breaks < BREAKS else None)
        got += map(int, COMPLETE[name].findall(answer.body))
        assert answer.whole == (breaks == BREAKS), f"{name}: an answer that broke ended well"
        if name != "votable" and not answer.whole:
            assert not answer.body.endswith(b"\n"), f"{name}: looks whole"
        query |= {"as_of": answer.as_of, "after": str(got[-1]), "limit": rows - len(got)}
    return got, BREAKS


async def _received(
    http: aiohttp.ClientSession, query: dict[str, Any], admin: Any | None = None
) -> Got:
    """An answer; where `admin` is given its connection is killed after the first pieces."""
    body, killing = b"", None
    async with http.get(ALERTS, params=query, headers={"Accept-Encoding": "identity"}) as answer:
        answer.raise_for_status()
        as_of = answer.headers["X-As-Of"]
        try:
            async for piece in answer.content.iter_any():
                body += piece
                if admin is not None and killing is None and len(body) > 50_000:
                    killing = asyncio.create_task(_kill(admin, 0.002))
            return Got(body, as_of, True)
        except aiohttp.ClientPayloadError:
            return Got(body, as_of, False)
        finally:
            if killing is not None:
                killing.cancel()
                await asyncio.gather(killing, return_exceptions=True)


async def _kill(admin: Any, every_s: float) -> None:
    """Kill the app's connections that are at work, until cancelled."""
    while True:
        await asyncio.shield(
            admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE usename = 'mars_reader' AND state = 'active'"
            )
        )
        await asyncio.sleep(every_s)


async def _paged(http: aiohttp.ClientSession, admin: Any, rows: int) -> tuple[list[int], int]:
    """Pages of JSON by cursor; a page that was refused is asked for again."""
    got: list[int] = []
    refused, query = 0, {"limit": "1000", "fields": "candid"}
    killing = asyncio.create_task(_kill(admin, 0.01))
    while len(got) < rows:
        async with http.get(ALERTS, params=query) as answer:
            if answer.status == 503:
                refused += 1
                continue
            answer.raise_for_status()
            body = await answer.json()
        got += [int(item["candid"]) for item in body["items"]]
        query["cursor"] = body["next"]
    killing.cancel()
    await asyncio.gather(killing, return_exceptions=True)
    assert refused, "no page was refused"
    return got[:rows], refused


def _opens(data: bytes) -> bool:
    try:
        parquet.read_table(BytesIO(data))
    except pa.ArrowInvalid:
        return False
    return True
