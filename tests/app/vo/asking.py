"""Queries of TAP, and their answers as astropy reads them."""

import io
import math
import random
from typing import Any, Final

import httpx
import numpy as np
from astropy.io.votable import parse

SYNC: Final = "/vo/tap/sync"


async def ask(client: httpx.AsyncClient, adql: str, **more: Any) -> httpx.Response:
    """The answer to a query, whatever it is."""
    files = {name: data for name, data in more.items() if isinstance(data, bytes)}
    given = {name: text for name, text in more.items() if isinstance(text, str | int)}
    whole = {"LANG": "ADQL", "QUERY": adql, **given}
    return await client.post(SYNC, data=whole, files=files or None)


def table(answer: httpx.Response) -> Any:
    """The table of an answer that must be one."""
    assert answer.status_code == 200, answer.text
    return parse(io.BytesIO(answer.content)).get_first_table()


async def rows(client: httpx.AsyncClient, adql: str, **more: Any) -> list[tuple[Any, ...]]:
    """The rows of an answer; a missing value is None."""
    found = table(await ask(client, adql, **more)).array
    # Column by column: numpy cannot list rows that hold shapes.
    return list(zip(*(found[name].tolist() for name in found.dtype.names), strict=True))


async def refusal(client: httpx.AsyncClient, adql: str, **more: Any) -> str:
    """What is said to a query that must be refused."""
    answer = await ask(client, adql, **more)
    assert answer.status_code == 400, answer.text
    (info,) = parse(io.BytesIO(answer.content)).resources[0].infos
    assert (info.name, info.value) == ("QUERY_STATUS", "ERROR")
    return str(info.content)


def votable(columns: dict[str, str], *lines: tuple[Any, ...]) -> bytes:
    """A VOTable: its columns by name with their datatypes, its rows."""
    many = {"char": ' arraysize="*"'}
    fields = "".join(
        f'<FIELD name="{name}" datatype="{kind}"{many.get(kind, "")}/>'
        for name, kind in columns.items()
    )
    cells = "".join(f"<TR>{''.join(f'<TD>{one}</TD>' for one in line)}</TR>" for line in lines)
    return (
        '<VOTABLE version="1.4" xmlns="http://www.ivoa.net/xml/VOTable/v1.3"><RESOURCE><TABLE>'
        f"{fields}<DATA><TABLEDATA>{cells}</TABLEDATA></DATA></TABLE></RESOURCE></VOTABLE>"
    ).encode()


def some_places() -> Any:
    """Places all over the sky [deg], one a row; the last ones lie where a coordinate jumps."""
    rng = random.Random(5)
    made = [(rng.uniform(0, 360), math.degrees(math.asin(rng.uniform(-1, 1)))) for _ in range(300)]
    edges = [(0, 0), (360, 0), (45, 90), (0, -90), (90, 41.8103148957786), (359.9999999, 0)]
    return np.array([*made, *edges], dtype=float)


def sent(places: Any) -> dict[str, Any]:
    """Places as an upload, in the order of n."""
    lines = [(n, repr(x), repr(y)) for n, (x, y) in enumerate(places.tolist())]
    data = votable({"n": "int", "x": "double", "y": "double"}, *lines)
    return {"UPLOAD": "t,param:f", "f": data}
