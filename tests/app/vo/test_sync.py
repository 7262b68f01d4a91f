"""TAP's synchronous queries, over the hand-made sky and the real packets."""

import io
from typing import Any

import httpx
import numpy as np
import pytest
from astropy.io.votable import parse

from tests.app.conftest import Served

SYNC = "/vo/tap/sync"


def table(answer: httpx.Response) -> Any:
    """The rows of an answer, as astropy reads them."""
    assert answer.status_code == 200, answer.text
    return parse(io.BytesIO(answer.content)).get_first_table()


async def ask(client: httpx.AsyncClient, adql: str, **more: Any) -> httpx.Response:
    return await client.post(SYNC, data={"LANG": "ADQL", "QUERY": adql, **more})


async def test_all_columns_of_an_alert_are_those_of_the_api(served: Served) -> None:
    one = (await served.alerts({"limit": 1}))["items"][0]
    rows = table(
        await ask(served.client, f"SELECT * FROM mars.alert WHERE candid = {one['candid']}")
    )
    (row,) = rows.array
    for name in rows.array.dtype.names:
        got, want = row[name], one.get(name)
        if name in ("lco_id", "schemavsn", "publisher"):
            continue
        if want is None:
            assert np.ma.is_masked(got) or got in ("", None), name
        elif isinstance(want, float):
            assert got == np.asarray(want, dtype=rows.array.dtype[name]), name
        else:
            assert str(got) == str(want), name


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_query_comes_by_any_method(served: Served, method: str) -> None:
    given = {"lang": "adql", "query": "select top 3 candid from alert order by candid"}
    where: Any = {"params": given} if method == "GET" else {"data": given}
    answer = await served.client.request(method, SYNC, **where)
    assert len(table(answer).array) == 3
    assert b"OVERFLOW" not in answer.content
