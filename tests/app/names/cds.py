"""A CDS on loopback: Sesame and SIMBAD's TAP in their own formats, and every way to fail."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass, field
from urllib.parse import parse_qs, unquote, urlsplit

SKY = {"SN 2018cow": (244.000927, 22.268031), "RR Lyr": (291.366287, 42.784366)}
NAMES = {"SN 2018cow": "SN 2018cow", "RR Lyr": "V* RR Lyr"}


def sesame_text(name: str, ra: object = None, dec: object = None, *, remark: str = "") -> str:
    """What Sesame answers with -oI."""
    lines = [f"# {name}\t#Q31415926"]
    if ra is None:
        lines.append(f"#! {remark or '*** Nothing found *** '}")
    else:
        proper = NAMES.get(name, name)
        lines += [
            "#=Sc=Simbad (CDS, via client/server):    1     4ms",
            "%@ 8371415",
            f"%I.0 {proper}",
            "%C.0 SN*",
            f"%J {ra} {dec} = 16:16:00.22 +22:16:04.9",
            "%J.E [0.75 0.63 90] C 2018ATel11727....1S",
            "%I Gaia18bqa",
        ]
    return "\n".join([*lines, "", "#====Done (2026-Nov-24,16:00:00z)====", ""])


def simbad_json(name: str, ra: object = None, dec: object = None) -> str:
    """What SIMBAD's TAP answers with format=json."""
    columns = [
        {"name": "main_id", "datatype": "char", "arraysize": "*", "ucd": "meta.id;meta.main"},
        {"name": "ra", "datatype": "double", "unit": "deg", "ucd": "pos.eq.ra;meta.main"},
        {"name": "dec", "datatype": "double", "unit": "deg", "ucd": "pos.eq.dec;meta.main"},
    ]
    rows = [] if ra is None else [[NAMES.get(name, name), ra, dec]]
    return json.dumps({"metadata": columns, "data": rows})


def answer(body: str | bytes, status: str = "200 OK", *headers: str) -> bytes:
    """An HTTP answer, whole."""
    content = body.encode() if isinstance(body, str) else body
    lines = [f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(content)}", "Connection: close"]
    return "\r\n".join([*lines, "", ""]).encode() + content


Reply = Callable[[str], bytes | None]


def knows_sesame(name: str) -> bytes:
    return answer(sesame_text(name, *SKY.get(name, ())))


def knows_simbad(name: str) -> bytes:
    return answer(simbad_json(name, *SKY.get(name, ())))


def nobody(name: str) -> bytes:
    return answer("", "500 Internal Server Error")


@dataclass
class Cds:
    """The server: what it was asked, and how its two services reply now (None: never)."""

    port: int = 0
    sesame: Reply = knows_sesame
    simbad: Reply = knows_simbad
    asked: list[tuple[str, str]] = field(default_factory=list)
    addresses: list[str] = field(default_factory=list)
    came: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))
    """Released for each question that has come."""
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    """While it is not set, nothing is answered."""

    @property
    def settings(self) -> dict[str, str]:
        """The settings of an app that asks this server."""
        own = f"http://127.0.0.1:{self.port}"
        return {"sesame_url": f"{own}/cgi-bin/nph-sesame", "simbad_tap_url": f"{own}/sim-tap"}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, one question."""
        # A client that gives up breaks the connection.
        with suppress(ConnectionError, asyncio.IncompleteReadError), closing(writer):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            address = head.split(" ")[1]
            self.addresses.append(address)
            self.came.release()
            await self.gate.wait()
            reply = self._reply(address)
            if reply is None:
                await reader.read()  # until the client gives up
            else:
                writer.write(reply)
                await writer.drain()

    def _reply(self, address: str) -> bytes | None:
        parts = urlsplit(address)
        if parts.path == "/cgi-bin/nph-sesame/-oI/SNV":
            name = unquote(parts.query)
            self.asked.append(("sesame", name))
            return self.sesame(name)
        assert parts.path == "/sim-tap/sync"
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        assert (query["request"], query["lang"], query["format"]) == ("doQuery", "adql", "json")
        # One literal, at the end: any quote in it is doubled.
        literal = re.fullmatch(r"SELECT TOP 1 .* WHERE id = '((?:[^']|'')*)'", query["query"])
        assert literal is not None, query["query"]
        name = literal[1].replace("''", "'")
        self.asked.append(("simbad", name))
        return self.simbad(name)


@asynccontextmanager
async def serving_cds() -> AsyncIterator[Cds]:
    """A CDS of its own, on a free port."""
    cds = Cds()
    cds.gate.set()
    server = await asyncio.start_server(cds.serve, "127.0.0.1", 0)
    cds.port = server.sockets[0].getsockname()[1]
    async with server:
        yield cds
