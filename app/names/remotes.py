"""CDS Sesame and SIMBAD's TAP service, asked over HTTP: at fixed addresses, briefly, not too often.

Formats: Sesame's text output (https://cds.unistra.fr/cgi-bin/Sesame, option -oI), of which `%J` is
the position, `%I.0` the object's main name, `#!` a remark, and `#====Done` the end; TAP 1.1 with
SIMBAD's JSON rows. CDS blocks clients with more than about five requests a second.
"""

import asyncio
import logging
import math
import re
import time
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import quote

import httpx
import orjson

from app.names.cache import Found
from app.search.values import MAX_TEXT, read_text
from archive.database import SQL

log = logging.getLogger(__name__)

MAX_BYTES: Final = 65_536
FAILURES_TO_BREAK: Final = 3
REST_S: Final = 30.0
PACE_S: Final = 0.4
"""Between two requests to one service: five a second to both together."""
_ADQL: Final = (SQL / "simbad.adql").read_text().strip()
_POSITION: Final = re.compile(r"^%J\s+(\S+)\s+(\S+)", re.MULTILINE)
_MAIN_NAME: Final = re.compile(r"^%I\.0\s+(.+?)(?:\s+=.*)?$", re.MULTILINE)
_TROUBLE: Final = re.compile(r"^#!(?!.*nothing found)", re.MULTILINE | re.IGNORECASE)
_WHOLE: Final = "#====Done"


class Failed(Exception):
    """A service did not answer, or answered wrongly; the text says what happened."""


class Remote:
    """One service: its requests and answers, the time of the last request, and whether it rests.

    After FAILURES_TO_BREAK failures in a row it is not used for REST_S, and again after each
    further failure, until it answers.
    """

    def __init__(
        self, name: str, address: Callable[[str], str], read: Callable[[bytes], Found | None]
    ) -> None:
        self.name = name
        self.rests_until = 0.0
        self._address, self._read = address, read
        self._failures = 0
        self._next_turn = 0.0

    async def ask(self, client: httpx.AsyncClient, name: str, within_s: float) -> Found | None:
        """Its answer for a name; None if it does not know the name. Raises Failed."""
        now = time.monotonic()
        if now < self.rests_until:
            raise Failed("it failed before and is left alone for a while")
        turn = max(now, self._next_turn)
        if turn - now > within_s / 2:
            raise Failed("too many names are asked for at once")
        self._next_turn = turn + PACE_S
        try:
            async with asyncio.timeout(within_s):
                await asyncio.sleep(turn - now)
                found = self._read(await self._fetch(client, self._address(name)))
        except (TimeoutError, httpx.HTTPError, httpx.InvalidURL, ValueError, Failed) as error:
            self._failures += 1
            if self._failures >= FAILURES_TO_BREAK:
                self.rests_until = time.monotonic() + REST_S
            log.warning("resolver failed", extra={"resolver": self.name, "error": repr(error)})
            late = isinstance(error, TimeoutError | httpx.TimeoutException)
            raise Failed("no answer in time" if late else "no usable answer") from error
        self._failures = 0
        return found

    async def _fetch(self, client: httpx.AsyncClient, address: str) -> bytes:
        """The body, MAX_BYTES of it at most. It is read raw: a compressed body could expand."""
        body = bytearray()
        async with client.stream("GET", address) as answer:
            if answer.status_code != httpx.codes.OK:
                raise Failed(f"status {answer.status_code}")
            async for chunk in answer.aiter_raw():
                body += chunk
                if len(body) > MAX_BYTES:
                    raise Failed(f"more than {MAX_BYTES} bytes")
        return bytes(body)


def sesame(address: str) -> Remote:
    """CDS Sesame, which asks SIMBAD, NED and VizieR in turn."""
    return Remote(
        "CDS Sesame", lambda name: f"{address}/-oI/SNV?{quote(name, safe='')}", read_sesame
    )


def simbad(address: str) -> Remote:
    """SIMBAD's TAP service, used if Sesame does not answer."""

    def question(name: str) -> str:
        # In ADQL a quote in a string is doubled; no other character is special.
        query = _ADQL.format(name=name.replace("'", "''"))
        fixed = "request=doQuery&lang=adql&format=json&query="
        return f"{address}/sync?{fixed}{quote(query, safe='')}"

    return Remote("SIMBAD", question, read_simbad)


def read_sesame(body: bytes) -> Found | None:
    """Read Sesame's text; None if it does not know the name or its position.

    Raises ValueError if the text is incomplete, reports an error, or gives no position on the sky.
    """
    text = body.decode()
    position = _POSITION.search(text)
    if _WHOLE not in text or (position is None and _TROUBLE.search(text)):
        raise ValueError("not a whole answer of Sesame's")
    if position is None:
        return None
    named = _MAIN_NAME.search(text)
    return _found(named[1] if named else "", position[1], position[2], "CDS Sesame")


def read_simbad(body: bytes) -> Found | None:
    """SIMBAD's rows as JSON; None and ValueError as with read_sesame."""
    answer = orjson.loads(body)
    try:
        names, rows = [column["name"] for column in answer["metadata"]], answer["data"]
        row = dict(zip(names, rows[0], strict=True)) if rows else {"ra": None}
        if row["ra"] is None:
            return None
        return _found(row["main_id"], row["ra"], row["dec"], "SIMBAD")
    except (TypeError, KeyError, IndexError):
        raise ValueError("not rows of SIMBAD's") from None


def _found(name: Any, ra: Any, dec: Any, source: str) -> Found:
    position = float(ra), float(dec)
    if not all(map(math.isfinite, position)):
        raise ValueError("not a number")
    if not (0 <= position[0] <= 360 and -90 <= position[1] <= 90):
        raise ValueError("not a place on the sky")
    proper = read_text(" ".join(str(name).split())[:MAX_TEXT])
    return Found(proper, position[0] % 360, position[1], source)
