"""The clients of Sesame and SIMBAD against a server that speaks their formats, or lies."""

import asyncio
import gzip
from collections.abc import AsyncIterator

import httpx
import pytest

from app.names import remotes
from app.names.cache import Found
from app.names.remotes import Failed, Remote, sesame, simbad
from tests.app.names.cds import (
    SKY,
    Cds,
    Reply,
    answer,
    knows_sesame,
    nobody,
    serving_cds,
    sesame_text,
    simbad_json,
)

COW = "SN 2018cow"
PATIENCE_S = 0.5
LONG_S = 30


@pytest.fixture(scope="module")
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient() as ours:
        yield ours


@pytest.fixture
async def cds() -> AsyncIterator[Cds]:
    async with serving_cds() as ours:
        yield ours


def both(cds: Cds) -> list[Remote]:
    """New clients of both services: they have not failed yet, and need not wait their turn."""
    return [sesame(cds.settings["sesame_url"]), simbad(cds.settings["simbad_tap_url"])]


async def test_what_they_know(cds: Cds, client: httpx.AsyncClient) -> None:
    for remote, who in zip(both(cds), ("CDS Sesame", "SIMBAD"), strict=True):
        assert await remote.ask(client, COW, LONG_S) == Found(COW, *SKY[COW], who)
    for remote, who in zip(both(cds), ("CDS Sesame", "SIMBAD"), strict=True):
        assert await remote.ask(client, "RR Lyr", LONG_S) == Found("V* RR Lyr", *SKY["RR Lyr"], who)
    for remote in both(cds):
        assert await remote.ask(client, "Xyzzy", LONG_S) is None


async def test_names_as_ned_writes_them(cds: Cds, client: httpx.AsyncClient) -> None:
    cds.sesame = lambda name: answer(
        "# IC 1200#Q2671982\n#=N=NED:    1     0ms (from cache)\n%C G     \n"
        "%J 241.1217083 +69.6657778 = 16:04:29.20 +69:39:56.8\n%I.0 NGC 6079 =[G]\n#B 17\n\n"
        "#====Done (2016-Mar-04,17:43:13z)====\n"
    )
    found = await both(cds)[0].ask(client, "IC 1200", LONG_S)
    assert found == Found("NGC 6079", 241.1217083, 69.6657778, "CDS Sesame")


LIES: dict[str, Reply] = {
    "silent": lambda name: None,
    "no HTTP": lambda name: b"\0\1\2\3" * 100,
    "nothing": lambda name: b"",
    "half an answer": lambda name: answer(sesame_text(name, 1, 2))[:-200],
    "500": nobody,
    "404": lambda name: answer("", "404 Not Found"),
    "empty": lambda name: answer(""),
    "HTML": lambda name: answer("<html><body>Service down for maintenance</body></html>"),
    "broken XML": lambda name: answer("<?xml version='1.0'?><Sesame><Target>"),
    "an XML bomb": lambda name: answer(
        "<!DOCTYPE b [<!ENTITY a 'ha'><!ENTITY b '&a;&a;'><!ENTITY x SYSTEM "
        "'file:///etc/passwd'>]><Sesame><jradeg>&b;&x;</jradeg></Sesame>"
    ),
    "no UTF-8": lambda name: answer(b"\xff\xfe\xff" * 50),
    "another host": lambda name: answer("", "302 Found", "Location: http://127.0.0.1:9/"),
    "itself": lambda name: answer("", "301 Moved", "Location: /cgi-bin/nph-sesame/-oI/SNV?m1"),
    "10 MB": lambda name: answer(sesame_text(name, 1, 2) + "#" * 10_000_000),
    "a gzip bomb": lambda name: answer(
        gzip.compress(sesame_text(name, 1, 2).encode() + b"#" * 10_000_000),
        "200 OK",
        "Content-Encoding: gzip",
    ),
    "trouble": lambda name: answer(sesame_text(name, remark="Simbad: connection refused")),
    "NaN": lambda name: answer(sesame_text(name, "nan", "nan")),
    "infinity": lambda name: answer(sesame_text(name, "inf", "1")),
    "ra 400": lambda name: answer(sesame_text(name, 400, 1)),
    "dec 91": lambda name: answer(sesame_text(name, 1, 91)),
    "words": lambda name: answer(sesame_text(name, "ten", "twenty")),
    "TAP: no rows": lambda name: answer('{"metadata": [], "data": [[1]]}'),
    "TAP: error": lambda name: answer('<VOTABLE><INFO name="QUERY_STATUS" value="ERROR"/>'),
    "TAP: a list": lambda name: answer("[[[[]]]]"),
    "TAP: null": lambda name: answer("null"),
    "TAP: ra 400": lambda name: answer(simbad_json(name, 400, 1)),
    "TAP: words": lambda name: answer(simbad_json(name, "x", [1])),
    "TAP: NaN": lambda name: answer(simbad_json(name, float("nan"), 1)),
    "TAP: true": lambda name: answer(simbad_json(name, {"a": 1}, 2)),
}


@pytest.mark.parametrize("what", LIES)
async def test_lies(cds: Cds, client: httpx.AsyncClient, what: str) -> None:
    """None of this is taken for an answer, nor for ignorance, by either client."""
    cds.sesame = cds.simbad = LIES[what]
    for remote in both(cds):
        with pytest.raises(Failed, match="in time" if what == "silent" else "usable"):
            await remote.ask(client, COW, PATIENCE_S if what == "silent" else LONG_S)
    assert len(cds.addresses) == 2, "no redirect was followed"


async def test_nobody_listens(client: httpx.AsyncClient) -> None:
    for remote in (sesame("http://127.0.0.1:9/a"), simbad("http://127.0.0.1:9/b")):
        with pytest.raises(Failed, match="no usable answer"):
            await remote.ask(client, COW, LONG_S)


HOSTILE = [
    *("<script>alert(1)</script>", "'; DROP TABLE basic; --", "' OR '1'='1", "''''", "x' UNION"),
    *('"', "a/../../etc", "?m31", "m31&request=x", "m31#", "%00", "%s%s%n", "100%", "a+b", "a;b"),
    *("\\", "\\'", "é∂ß", "🜨", "HTTP/1.1", "http://example.org/", "@127.0.0.1", "[x]"),
    *("{name}", "{0}", "%J 1 2", "#====Done", "x" * 200, "' " * 100),
]


@pytest.mark.parametrize("name", HOSTILE)
async def test_hostile_names_arrive_as_they_are(
    cds: Cds, client: httpx.AsyncClient, name: str
) -> None:
    """Quoted in the address and in ADQL, where the server finds one literal and nothing after."""
    for remote in both(cds):
        assert await remote.ask(client, name, LONG_S) is None
    assert cds.asked == [("sesame", name), ("simbad", name)]


async def test_after_failures_they_are_left_alone(cds: Cds, client: httpx.AsyncClient) -> None:
    remote = both(cds)[0]
    cds.sesame = nobody
    for _ in range(remotes.FAILURES_TO_BREAK):
        with pytest.raises(Failed, match="usable"):
            await remote.ask(client, COW, LONG_S)
    cds.sesame = knows_sesame
    with pytest.raises(Failed, match="left alone"):
        await remote.ask(client, COW, LONG_S)
    assert len(cds.asked) == remotes.FAILURES_TO_BREAK
    # The rest is over; a failure begins another, an answer ends it all.
    remote.rests_until, cds.sesame = 0.0, nobody
    with pytest.raises(Failed, match="usable"):
        await remote.ask(client, COW, LONG_S)
    with pytest.raises(Failed, match="left alone"):
        await remote.ask(client, COW, LONG_S)
    remote.rests_until, cds.sesame = 0.0, knows_sesame
    assert await remote.ask(client, COW, LONG_S)
    cds.sesame = nobody
    with pytest.raises(Failed, match="usable"):
        await remote.ask(client, COW, LONG_S)
    cds.sesame = knows_sesame
    assert await remote.ask(client, COW, LONG_S)


async def test_questions_are_spaced(cds: Cds, client: httpx.AsyncClient) -> None:
    remote, loop = both(cds)[0], asyncio.get_running_loop()
    times: list[float] = []
    began = loop.time()

    def noted(name: str) -> bytes:
        times.append(loop.time())
        return knows_sesame(name)

    cds.sesame = noted
    said = await asyncio.gather(
        *(remote.ask(client, f"Star {n}", 2) for n in range(6)), return_exceptions=True
    )
    assert said[:3] == [None] * 3
    assert [str(error) for error in said[3:]] == ["too many names are asked for at once"] * 3
    # None comes before its turn, however late those before it came.
    assert all(time - began >= n * remotes.PACE_S for n, time in enumerate(times))
    assert remote.rests_until == 0, "to be refused a turn is no failure of theirs"
