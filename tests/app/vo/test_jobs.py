"""TAP's queries as jobs, by UWS."""

import asyncio
import io
from collections.abc import AsyncIterator

import httpx
import pytest
from astropy.io.votable import parse
from lxml import etree

from tests.app.conftest import Served
from tests.app.jobs.running import keys, running

ASYNC = "/vo/tap/async"
UWS = "{http://www.ivoa.net/xml/UWS/v1.0}"
ADQL = "SELECT TOP 7 candid, ra FROM mars.alert ORDER BY candid"


@pytest.fixture
async def client(served: Served) -> AsyncIterator[httpx.AsyncClient]:
    async with running(served) as ready:
        yield ready


async def made(client: httpx.AsyncClient, **given: str) -> str:
    answer = await client.post(ASYNC, data={"LANG": "ADQL", "QUERY": ADQL, **given})
    assert answer.status_code == 303, answer.text
    where = answer.headers["location"]
    assert where.startswith(f"{client.base_url}".rstrip("/"))
    return where


async def phase(client: httpx.AsyncClient, job: str) -> str:
    return (await client.get(f"{job}/phase")).text


async def ended(client: httpx.AsyncClient, job: str) -> etree._Element:
    """The job once it has ended, by WAIT."""
    async with asyncio.timeout(60):
        while True:
            answer = await client.get(job, params={"WAIT": "10"})
            assert answer.status_code == 200, answer.text
            told = etree.fromstring(answer.content)
            if told.findtext(f"{UWS}phase") in ("COMPLETED", "ERROR", "ABORTED"):
                return told


async def test_a_job_waits_until_it_is_run(client: httpx.AsyncClient) -> None:
    job = await made(client)
    assert await phase(client, job) == "PENDING"
    assert (await client.get(f"{job}/results/result")).status_code == 404
    assert (await client.post(f"{job}/parameters", data={"MAXREC": "5"})).status_code == 303
    assert (await client.post(f"{job}/phase", data={"PHASE": "RUN"})).status_code == 303
    told = await ended(client, job)
    assert told.findtext(f"{UWS}phase") == "COMPLETED"
    (result,) = told.iter(f"{UWS}result")
    assert result.get("id") == "result"
    where = result.get("{http://www.w3.org/1999/xlink}href")
    assert where is not None
    answer = await client.get(where)
    assert len(parse(io.BytesIO(answer.content)).get_first_table().array) == 5
    assert b'value="OVERFLOW"' in answer.content
    late = await client.post(f"{job}/parameters", data={"MAXREC": "6"})
    assert (late.status_code, b"PENDING" in late.content) == (400, True)


async def test_a_bad_query_is_an_error_of_its_job(client: httpx.AsyncClient) -> None:
    job = await made(client, PHASE="RUN", QUERY="SELECT nothing FROM mars.alert")
    told = await ended(client, job)
    assert told.findtext(f"{UWS}phase") == "ERROR"
    message = told.findtext(f"{UWS}errorSummary/{UWS}message")
    assert message is not None
    assert message.startswith("there is no column nothing")
    error = await client.get(f"{job}/error")
    assert b'value="ERROR"' in error.content
    assert message.encode() in error.content


async def test_a_job_is_deleted_with_its_files(served: Served, client: httpx.AsyncClient) -> None:
    job = await made(client, PHASE="RUN", FORMAT="csv")
    await ended(client, job)
    name = job.rpartition("/")[2]
    assert [key.rpartition("/")[2] for key in await keys(served.settings, name)] == ["result.csv"]
    assert (await client.post(job, data={"ACTION": "DELETE"})).status_code == 303
    assert (await client.get(job)).status_code == 404
    assert await keys(served.settings, name) == []


async def test_a_job_is_aborted(client: httpx.AsyncClient) -> None:
    job = await made(client)
    assert (await client.post(f"{job}/phase", data={"PHASE": "ABORT"})).status_code == 303
    assert await phase(client, job) == "ABORTED"
    await client.post(f"{job}/phase", data={"PHASE": "RUN"})
    assert await phase(client, job) == "ABORTED"


async def test_the_list_of_jobs_tells_no_secret(client: httpx.AsyncClient) -> None:
    job = await made(client)
    listed = await client.get(ASYNC)
    assert etree.fromstring(listed.content).tag == f"{UWS}jobs"
    assert job.rpartition("/")[2] not in listed.text
    other = await client.get(f"/api/v1/jobs/{job.rpartition('/')[2]}")
    assert (other.status_code, "TAP" in other.json()["detail"]) == (404, True)


async def test_a_client_has_so_many_jobs_and_no_more(served: Served) -> None:
    async with running(served, tap_jobs_per_client=2) as client:
        await made(client)
        await made(client)
        answer = await client.post(ASYNC, data={"LANG": "ADQL", "QUERY": ADQL})
        assert (answer.status_code, b'value="ERROR"' in answer.content) == (429, True)


async def test_uploads_stay_until_the_job_has_run(client: httpx.AsyncClient) -> None:
    table = (
        '<VOTABLE version="1.4" xmlns="http://www.ivoa.net/xml/VOTable/v1.3"><RESOURCE><TABLE>'
        '<FIELD name="n" datatype="int"/><DATA><TABLEDATA><TR><TD>3</TD></TR><TR><TD>4</TD></TR>'
        "</TABLEDATA></DATA></TABLE></RESOURCE></VOTABLE>"
    )
    given = {
        "LANG": "ADQL",
        "QUERY": "SELECT SUM(n) AS whole FROM tap_upload.mine",
        "UPLOAD": "mine,param:file",
        "PHASE": "RUN",
        "FORMAT": "csv",
    }
    answer = await client.post(ASYNC, data=given, files={"file": ("t.xml", table)})
    job = answer.headers["location"]
    await ended(client, job)
    assert (await client.get(f"{job}/results/result")).text.split() == ["whole", "7"]
