"""What clients do who mean no harm, at which pace, and how what they get is looked at."""

import json
import re
from collections import Counter
from http import HTTPStatus
from typing import Any, Final

from bench.attackers import PHASES, Attacker, leave
from bench.crowding import cheap
from bench.serving import Served
from bench.visitors import Kind, Visit, Visitor, Wrong

_PICTURES: Final = 12
"""Pictures of a page that are fetched."""
_TAP: Final = (
    "SELECT TOP 500 candid, ra, dec FROM mars.alert WHERE "
    "1 = CONTAINS(POINT(ra, dec), CIRCLE({ra!r}, {dec!r}, 2))",
    "SELECT filter, COUNT(*) AS n FROM mars.alert WHERE "
    "1 = CONTAINS(POINT(ra, dec), CIRCLE({ra!r}, {dec!r}, 3)) GROUP BY filter",
    "SELECT TOP 2000 * FROM mars.alert WHERE rb > 0.9 AND magpsf < 18",
)


def _asking(what: str) -> Visit:
    async def visit(one: Visitor, n: int) -> None:
        await one.ask(cheap(one.s)[what](n))

    return visit


async def _see_object(one: Visitor, n: int) -> None:
    """The page of an object, and the pictures on it."""
    page = await one.ask(f"/objects/{one.s.pick(n).object_id}/", headers={"Accept": "text/html"})
    pictures = re.findall(rb'<img[^>]* src="(?:https?://[^/"]*)?(/api/v1/[^"]+)"', page)
    if not pictures:
        raise Wrong("a page of an object without pictures")
    for path in pictures[:_PICTURES]:
        _must(await one.ask(path.decode().replace("&amp;", "&")), b"\x89PNG", "no PNG")


async def _see_list(one: Visitor, n: int) -> None:
    path = ("/", "/nights/", "/statistics/")[n % 3]
    _must(await one.ask(path, headers={"Accept": "text/html"}), b"<!doctype html>", "no page")


async def _take_stamp(one: Visitor, n: int) -> None:
    alert = f"/api/v1/alerts/{one.s.pick(n).candid}"
    path, begin = (
        ("cutouts/science.fits.gz", b"\x1f\x8b"),
        ("cutouts/difference.png", b"\x89PNG"),
        ("cutouts/template.fits", b"SIMPLE"),
        ("avro", b"Obj\x01"),
    )[n % 4]
    _must(await one.ask(f"{alert}/{path}"), begin, f"no {path}")


def _must(body: bytes, begin: bytes, why: str) -> None:
    if not body[: len(begin)].lower() == begin.lower():
        raise Wrong(why)


async def _export(one: Visitor, n: int) -> None:
    """Some thousand to a hundred thousand rows; the file must be whole."""
    form, rows = ("csv", "jsonl", "parquet", "votable")[n % 4], (5_000, 20_000, 100_000)[n % 3]
    path = f"/api/v1/alerts?format={form}&limit={rows}"
    before, lines, last = await _count(one), 0, b""
    async with one.asked(path, headers={"Accept-Encoding": "identity"}) as answer:
        async for piece in answer.content.iter_any():
            lines += piece.count(b"\n")
            last = (last + piece)[-40:]
    least, most = min(rows, before), min(rows, await _count(one))
    is_whole = {
        "csv": least <= lines - 1 <= most + 1,
        "jsonl": least <= lines <= most + 1,  # the last may say that there are more
        "parquet": last.endswith(b"PAR1"),
        "votable": last.rstrip().endswith(b"</VOTABLE>"),
    }
    if not is_whole[form]:
        raise Wrong(f"{form} of {rows:,} rows has {lines:,} lines, and ends with {last[-9:]!r}")


async def _count(one: Visitor) -> int:
    return int(await one.s.pool.fetchval("SELECT lco_id FROM counter"))


def _positions(s: Served, n: int, count: int) -> bytes:
    picks = (s.pick(n + m) for m in range(count))
    lines = (f"p{m},{p.ra!r},{p.dec!r}\n" for m, p in enumerate(picks))
    return ("id,ra,dec\n" + "".join(lines)).encode()


_CSV: Final = {"Content-Type": "text/csv"}


async def _match(one: Visitor, n: int) -> None:
    path = '/api/v1/match?radius=5"&format=jsonl'
    found = await one.ask(path, "POST", data=_positions(one.s, n * 100, 200), headers=_CSV)
    if found.count(b"\n") < 200:
        raise Wrong("positions of alerts without matches")


async def _run_job(one: Visitor, path: str, begin: bytes, **sent: Any) -> None:
    async with one.asked(path, "POST", HTTPStatus.ACCEPTED, **sent) as answer:
        job = (await answer.json())["id"]
    address = f"/api/v1/jobs/{job}"
    try:
        ends = ("done", "failed")
        body = await one.until(address, lambda body: json.loads(body)["status"] in ends)
        told = json.loads(body)
        if told["status"] != "done":
            raise Wrong(f"a job failed: {told['error']}")
        _must(await one.ask("/" + told["result"].split("/", 3)[3]), begin, "no result")
    finally:
        await one.ask(address, "DELETE", wanted=HTTPStatus.NO_CONTENT)


async def _match_job(one: Visitor, n: int) -> None:
    body = _positions(one.s, n * 1000, 20_000)
    await _run_job(one, '/api/v1/match/jobs?radius=5"', b"PAR1", data=body, headers=_CSV)


async def _search_job(one: Visitor, n: int) -> None:
    asked = {"magpsf__lt": 17 + n % 3, "format": ("parquet", "csv")[n % 2]}
    begin = (b"PAR1", b"")[n % 2]
    await _run_job(one, "/api/v1/search/jobs", begin, json=asked)


def _query(one: Visitor, n: int) -> dict[str, str]:
    pick = one.s.pick(n)
    return {"LANG": "ADQL", "QUERY": _TAP[n % len(_TAP)].format(ra=pick.ra, dec=pick.dec)}


async def _tap(one: Visitor, n: int) -> None:
    found = await one.ask("/vo/tap/sync", params=_query(one, n))
    if b'value="OK"' not in found:
        raise Wrong("TAP: no OK")


async def _tap_job(one: Visitor, n: int) -> None:
    told = _query(one, n) | {"PHASE": "RUN"}
    async with one.asked("/vo/tap/async", "POST", HTTPStatus.SEE_OTHER, data=told) as answer:
        job = "/" + answer.headers["Location"].split("/", 3)[3]
    try:
        ends = (b"COMPLETED", b"ERROR", b"ABORTED")
        phase = await one.until(f"{job}/phase", lambda body: body in ends)
        if phase != b"COMPLETED":
            raise Wrong(f"a job of TAP: {phase.decode()}")
        if b'value="OK"' not in await one.ask(f"{job}/results/result"):
            raise Wrong("TAP: no OK")
    finally:
        await one.ask(job, "DELETE", wanted=HTTPStatus.SEE_OTHER)


async def _read_watch(one: Visitor, n: int) -> None:
    watch = one.watches[(one.number * 131 + n) % len(one.watches)]
    await one.ask(f"/api/v1/watches/{watch}" + ("", "/alerts")[n % 2])


async def _leave(one: Visitor, n: int) -> None:
    """Come and go, each time in another phase of a request."""
    attacker = Attacker(one.number, one.s.address, Counter())
    await leave(attacker, PHASES[(one.number + n) % len(PHASES)])


KINDS: Final = (
    Kind("first page", 1, 1, _asking("first page")),
    Kind("filtered page", 1, 1, _asking("filtered page")),
    Kind("cone 10 arcsec", 2, 1, _asking("cone 10 arcsec")),
    Kind("an object", 1, 1, _asking("object")),
    Kind("an alert", 1, 1, _asking("alert")),
    Kind("page of an object, its pictures", 1, 5, _see_object),
    Kind("pages of lists", 1, 3, _see_list),
    Kind("stamps and packets", 2, 1, _take_stamp),
    Kind("export, 5,000 to 100,000 rows", 1, 20, _export),
    Kind("match of 200 positions", 1, 10, _match),
    Kind("match job of 20,000", 1, 60, _match_job),
    Kind("search job", 1, 60, _search_job),
    Kind("TAP, at once", 1, 5, _tap),
    Kind("TAP, as a job", 1, 60, _tap_job),
    Kind("a watch and its alerts", 2, 1, _read_watch),
    Kind("gone in every phase", 500, 60, _leave),
)
