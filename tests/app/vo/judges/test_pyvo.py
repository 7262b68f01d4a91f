"""pyvo, as in the notebooks of astronomers; and astropy's validator with IVOA's schema."""

import asyncio
import io
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import astropy.io.votable
import httpx
import pytest
import pyvo
from astropy.coordinates import SkyCoord
from astropy.io import votable
from astropy.table import Table
from lxml import etree

from app.vo.examples import EXAMPLES
from app.vo.parameters import DEFAULT_ROWS, MAX_ROWS
from app.vo.tables import TABLES
from tests.app import sky

# pyvo and astropy warn of what they read (a column's old UCD); here their answers count.
pytestmark = pytest.mark.filterwarnings("ignore")
SCHEMA = Path(astropy.io.votable.__file__).parent / "data" / "VOTable.v1.4.xsd"
Made = TypeVar("Made")


async def run(work: Callable[[], Made]) -> Made:
    """pyvo waits for answers, and the app is in this process."""
    return await asyncio.to_thread(work)


async def test_the_service_tells_of_itself(base: str) -> None:
    service = await run(lambda: pyvo.dal.TAPService(f"{base}/vo/tap"))
    assert (await run(lambda: service.maxrec), await run(lambda: service.hardlimit)) == (
        DEFAULT_ROWS,
        MAX_ROWS,
    )
    tables = await run(lambda: service.tables)
    assert set(tables.keys()) == {table.name for table in TABLES}
    columns = await run(lambda: [c.name for c in tables["mars.alert"].columns])
    assert columns == [column.name for column in TABLES[0].columns]
    examples = await run(lambda: service.examples)
    assert [one["QUERY"] for one in examples] == [one.adql for one in EXAMPLES]
    assert await run(lambda: service.available)


async def test_queries_with_uploads_run_at_once_and_as_jobs(base: str) -> None:
    service = await run(lambda: pyvo.dal.TAPService(f"{base}/vo/tap"))
    found = await run(lambda: service.run_sync("SELECT TOP 5 candid, ra, dec FROM mars.alert"))
    assert len(found) == 5
    mine = found.to_table()
    adql = (
        "SELECT m.candid, a.candid AS other FROM tap_upload.mine AS m JOIN mars.alert AS a "
        "ON DISTANCE(m.ra, m.dec, a.ra, a.dec) < 1.0 / 3600"
    )
    at_once = await run(lambda: service.run_sync(adql, uploads={"mine": mine}))
    later = await run(lambda: service.run_async(adql, uploads={"mine": mine}))
    pairs = [
        sorted((int(row["candid"]), int(row["other"])) for row in result)
        for result in (at_once, later)
    ]
    assert pairs[0] == pairs[1]
    assert {(one, one) for one in map(int, mine["candid"])} <= set(pairs[0])
    assert isinstance(mine, Table)


async def test_a_job_is_followed_and_deleted(base: str) -> None:
    service = await run(lambda: pyvo.dal.TAPService(f"{base}/vo/tap"))
    adql = "SELECT candid FROM mars.alert ORDER BY candid"
    job = await run(lambda: service.submit_job(adql, maxrec=7))
    assert await run(lambda: job.phase) == "PENDING"
    await run(job.run)
    await run(lambda: job.wait(timeout=60))
    await run(job.raise_if_error)
    told = await run(lambda: (job.phase, job.result_uri.rpartition("/")[2]))
    assert told == ("COMPLETED", "result")
    assert len(await run(job.fetch_result)) == 7
    await run(job.delete)
    with pytest.raises(pyvo.dal.DALServiceError):
        await run(lambda: job.phase)


async def test_errors_are_told_in_their_words(base: str) -> None:
    service = await run(lambda: pyvo.dal.TAPService(f"{base}/vo/tap"))
    with pytest.raises(pyvo.dal.DALQueryError, match="did you mean magpsf"):
        await run(lambda: service.run_sync("SELECT magpfs FROM mars.alert"))
    with pytest.raises(pyvo.dal.DALQueryError, match="there is no column x"):
        await run(lambda: service.run_async("SELECT x FROM mars.alert"))


async def test_a_cone_leads_to_stamps_and_light_curves(base: str) -> None:
    service = pyvo.dal.SCSService(f"{base}/vo/scs")
    name = f"SELECT TOP 1 ra, dec FROM mars.alert WHERE candid = {sky.FIRST}"
    tap = pyvo.dal.TAPService(f"{base}/vo/tap")
    (place,) = await run(lambda: tap.run_sync(name))
    here = SkyCoord(place["ra"], place["dec"], unit="deg")
    found = await run(lambda: service.search(here, 1 / 3600))
    assert str(sky.FIRST) in list(found["candid"])
    assert found[0].id == found[0]["candid"]
    # pyvo compares ids as texts.
    as_text = name.replace("ra, dec", "CAST(candid AS VARCHAR(20)) AS candid")
    for result in (found, await run(lambda: tap.run_sync(as_text))):
        links = await run(lambda result=result: list(result.iter_datalinks()))  # type: ignore[misc]
        assert len(links) == len(result)
        kinds = {row.semantics for row in links[0]}
        assert {"#this", "#preview-image", "#auxiliary", "#derivation"} <= kinds


@pytest.mark.parametrize(
    "path",
    [
        "/vo/tap/sync?LANG=ADQL&QUERY=SELECT+TOP+9+*+FROM+mars.alert",
        "/vo/scs?RA=150&DEC=30&SR=1",
        f"/vo/datalink/links?ID={sky.FIRST}",
        "/vo/tap/sync?LANG=ADQL&QUERY=x",
    ],
)
async def test_answers_are_valid_by_astropy_and_by_ivoas_schema(
    client: httpx.AsyncClient, tmp_path: Path, path: str
) -> None:
    content = (await client.get(path)).content
    said = io.StringIO()
    file = tmp_path / "answer.xml"
    file.write_bytes(content)
    await run(lambda: votable.validate(str(file), output=said))
    codes = {word for word in said.getvalue().split() if word[:1] in "EW" and word[1:3].isdigit()}
    assert {code.rstrip(":") for code in codes} <= ({"W06"} if "scs" in path else set()), said
    schema = etree.XMLSchema(etree.parse(str(SCHEMA)))
    schema.assertValid(etree.fromstring(content))
