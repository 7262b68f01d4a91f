"""What is private, sent among what is public, and looked for at every door."""

import asyncio
import hashlib
import io
import sys
import zipfile
import zlib
from collections.abc import Iterable
from typing import Any, Final

import httpx
import pyarrow.parquet

from dev import database
from dev.simulator import encoding
from dev.state import CHECKOUT
from faults.apps import ALERTS, App, newest, served
from faults.consumers import Fault
from faults.feed import FIRST, Feed, expect
from faults.run import Run
from faults.waiting import until
from tests.app.addresses import PARTS, Address, addresses, fill
from tests.packets import detection, forced, limit, packet

OBJECT: Final = "ZTF18hidden"
"""The object of all private packets."""
PID: Final = 2_000_000_000_015
"""The first exposure of what is private; those of public packets begin with other digits."""
APART: Final = 10_000
"""Between two of them."""
EVERY: Final = 8
"""Of so many messages one is private, and one holds something private."""
TABLES: Final = ("mars.alert", "mars.object", "mars.detection", "mars.upper_limit", "mars.forced")
MOST: Final = 400
"""Messages in such a feed: every answer is searched for hundreds of spellings."""
_TEXTS: Final = """
    SELECT format('SELECT t::text FROM %I.%I t', table_schema, table_name)
    FROM information_schema.tables
    WHERE table_schema IN ('public', 'app', 'mars') AND table_type IN ('BASE TABLE', 'VIEW')"""


def secretive(count: int, _: int) -> Feed:
    """Public alerts, with private packets and private rows of every kind among them."""
    messages = []
    for n in range(min(count, MOST)):
        pid = PID + APART * n
        if n % EVERY == 3:
            messages.append(packet(candid=pid * 10**6 + 15, object_id=OBJECT, programid=2 + n % 3))
        elif n % EVERY == 6:
            messages.append(packet(candid=FIRST + n, **_hiding(pid)))
        else:
            messages.append(packet(candid=FIRST + n))
    return Feed(messages, {hashlib.sha256(one).digest(): expect(one) for one in messages})


def _hiding(pid: int) -> dict[str, Any]:
    private = detection(candid=pid * 10**6 + 15, programid=2), limit(pid=pid, programid=3)
    return {
        "prv_candidates": [private[0], limit(), private[1], detection()],
        "fp_hists": [forced(), forced(pid=pid, programid=2)],
    }


class Marks:
    """What only private packets and rows have, in every spelling."""

    def __init__(self, count: int) -> None:
        numbers = [PID + APART * n for n in range(count) if n % EVERY in (3, 6)]
        whole = [pid * 10**6 + 15 for pid in numbers]
        self._prefix = str(PID)[:4].encode()
        self._texts = [OBJECT.encode(), *(str(pid).encode() for pid in numbers)]
        self._bytes = [
            spelt(number)
            for number in (*numbers, *whole)
            for spelt in (encoding.long, _big, _little)
        ]

    def found(self, data: bytes, echoed: str = "") -> list[bytes]:
        """Those in some bytes; what was asked with may be told back."""
        if echoed:
            data = data.replace(echoed.encode(), b"")
        return [mark for mark in (*self._texts, *self._bytes) if mark in data]


def _big(number: int) -> bytes:
    return number.to_bytes(8, "big", signed=True)


def _little(number: int) -> bytes:
    return number.to_bytes(8, "little", signed=True)


async def looked_for(run: Run, times: int) -> None:
    """Private messages come in each part; after it clients ask for them by every address."""
    marks = Marks(len(run.stage.feed.messages))
    consumer = await run.start()
    first, *parts = run.parts(times)
    await run.reach_amid(first, consumer)
    await run.reach(run.sent, consumer)
    async with served(run) as app:
        watch = (await app.client.post("/api/v1/watches", params={"magpsf__lt": 99})).json()
        streamed: list[bytes] = []
        listening = asyncio.create_task(_listen(app, streamed))
        for number, part in enumerate(parts):
            await run.reach_amid(part, consumer)
            await run.reach(run.sent, consumer)
            hidden = PID + APART * _index(run, number, times)
            await _ask_everywhere(run, app, marks, hidden, watch["id"])
            run.hits += 1
        await _ask_for_all(run, app, marks)
        listening.cancel()
        if not streamed:
            raise Fault("nothing came by the stream")
        _look(run, marks, "the stream", b"".join(streamed))
    await _look_inside(run, marks)


def _index(run: Run, number: int, times: int) -> int:
    """The number of a private packet in a part."""
    before = len(run.stage.feed.messages) * (number + 1) // (times + 1)
    return before + (3 - before) % EVERY


def _look(run: Run, marks: Marks, door: str, data: bytes, echoed: str = "") -> None:
    if found := marks.found(data, echoed):
        run.tally.failed.append(f"{door}: private: {found[:3]!r}")


async def _listen(app: App, streamed: list[bytes]) -> None:
    async with app.client.stream("GET", f"{ALERTS}/stream", params={"since": 0}) as answer:
        async for piece in answer.aiter_bytes():
            streamed.append(piece)


async def _ask_everywhere(run: Run, app: App, marks: Marks, pid: int, watch: str) -> None:
    """Every address with what is private for its parts, and with a public alert's."""
    candid = pid * 10**6 + 15
    shown = (await newest(app, 1))[0]
    item = (await app.client.get(f"{ALERTS}/{shown}")).json()
    private = {"candid": str(candid), "number": str(candid), "object_id": OBJECT, "watch": watch}
    public = {"candid": str(shown), "number": str(shown), "object_id": item["object_id"]}
    for parts in (private, public | {"watch": watch}):
        for one in _with_parts():
            path = fill(one.pattern, PARTS | parts)
            answer = await _asked(run, app, marks, path, parts["candid"], parts["object_id"])
            names_it = parts is private and ("{candid" in one.pattern or "{object" in one.pattern)
            if names_it and answer.is_success:
                run.tally.failed.append(f"GET {path}: {answer.status_code}")
    for query in (f"candid={candid}", f"object_id={OBJECT}", f"pid={pid}"):
        answer = await _asked(run, app, marks, f"{ALERTS}?{query}", str(candid), OBJECT, str(pid))
        if answer.is_success and answer.json()["items"]:
            run.tally.failed.append(f"GET {ALERTS}?{query}: something was found")


def _with_parts() -> list[Address]:
    """Every address that leads to one of many things; a stream has no end."""
    some = (one for one in addresses("GET") if "{" in one.pattern)
    return [one for one in some if not one.pattern.endswith("/stream")]


async def _ask_for_all(run: Run, app: App, marks: Marks) -> None:
    """Lists in every format, light curves, TAP, and the file of a job."""
    formats = ("json", "jsonl", "csv", "votable", "parquet")
    listed = [f"{ALERTS}?limit=1000&format={form}" for form in formats]
    item = (await app.client.get(f"{ALERTS}?limit=1")).json()["items"][0]
    curve = f"/api/v1/objects/{item['object_id']}/lightcurve"
    listed += [f"{curve}?format={form}" for form in ("json", "csv", "votable", "parquet")]
    listed += [f"/api/v1/objects/{item['object_id']}/alerts?limit=1000"]
    tap = "/vo/tap/sync?LANG=ADQL&MAXREC=100000&QUERY=SELECT+*+FROM+"
    listed += [tap + name for name in TABLES]
    listed += [one.path for one in addresses("GET") if "{" not in one.pattern]
    for path in listed:
        answer = await _asked(run, app, marks, path)
        if not answer.is_success and path.startswith((ALERTS, tap)):
            raise Fault(f"GET {path}: {answer.status_code} {answer.text[:200]}")
    made = await app.client.post("/api/v1/search/jobs", params={"format": "jsonl"})
    job = f"/api/v1/jobs/{made.json()['id']}"

    async def done() -> bool:
        return (await app.client.get(job)).json()["status"] in ("done", "failed")

    await until(done, "a job is done")
    await _asked(run, app, marks, f"{job}/result")


async def _asked(run: Run, app: App, marks: Marks, path: str, *echoed: str) -> httpx.Response:
    answer = await app.client.get(path, follow_redirects=True)
    run.tally.statuses[answer.status_code] += 1
    data = b"\n".join(_opened(answer.content))
    for one in echoed:
        data = data.replace(one.encode(), b"")
    _look(run, marks, f"GET {path}", data)
    return answer


def _opened(data: bytes) -> Iterable[bytes]:
    """The bytes, and what they hold where they are compressed."""
    yield data
    if data.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(data)) as held:
            for name in held.namelist():
                yield from _opened(held.read(name))
    elif data.startswith(b"\x1f\x8b"):
        yield zlib.decompressobj(31).decompress(data)  # a bundle may go on with other bytes
    elif data.startswith(b"PAR1"):
        yield str(pyarrow.parquet.read_table(io.BytesIO(data)).to_pydict()).encode()


async def _look_inside(run: Run, marks: Marks) -> None:
    """Every row of every table, every object of the bucket with the catalog's, and every log."""
    admin = await database.connect(run.state, run.place.name)
    try:
        for question in [row[0] for row in await admin.fetch(_TEXTS)]:
            text = "\n".join(str(row[0]) for row in await admin.fetch(question))
            _look(run, marks, question, text.encode())
    finally:
        await admin.close()
    with (run.log / "catalog.log").open("wb") as log:
        update = [sys.executable, "-m", "catalog", "update"]
        program = await asyncio.create_subprocess_exec(
            *update, stdout=log, stderr=log, cwd=CHECKOUT, env=run.place.reading()
        )
        if await program.wait():
            raise Fault(f"no catalog was written: see {run.log}/catalog.log")
    bucket = run.state.folder / "s3" / "data" / run.place.bucket
    logs = (*run.log.glob("*.log"), *(run.state.folder / "log").glob("*.log"))
    for file in (*(one for one in bucket.rglob("*") if one.is_file()), *logs):
        # The app's lines of requests repeat the addresses that were asked for here.
        lines = file.read_bytes().split(b"\n") if file.name.startswith("app-") else ()
        own = (line for line in lines if b'"message":"request"' not in line)
        data = b"\n".join(own) if lines else file.read_bytes()
        # Of a catalog's _metadata the footer alone is there, which is not compressed.
        opened = [data] if file.name.startswith("_") else _opened(data)
        _look(run, marks, file.name, b"\n".join(opened))
