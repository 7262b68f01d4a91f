"""stilts: its validators of TAP, DataLink and VOTable, and its clients."""

import asyncio
import csv
import io
import re
from pathlib import Path
from typing import Final

import httpx
import pytest

from tests.app import sky
from tests.app.vo.asking import votable

ALLOWED: Final = {
    "E-CAP-MUPM": "uploads from an address would have this server fetch whatever it can reach",
    "F-LOC-NOTP": "no table of planned observations",
    "W-EXA-EXVC": "older versions of TOPCAT want this vocabulary",
    "W-EXA-EXVL": "stilts checks examples by ADQL 2.0, and ours are 2.1",
    "W-UPL-TMDA": "16-bit integers come back with 32",
}
"""What taplint may say, and why. Beyond it nothing."""
LONGEST_S: Final = 170


async def stilts(*words: str) -> tuple[int, str]:
    """The status of a program of stilts, and what it says."""
    async with asyncio.timeout(LONGEST_S):
        program = await asyncio.create_subprocess_exec(
            "stilts",
            *words,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await program.communicate()
    assert program.returncode is not None
    return program.returncode, said.decode()


async def read_csv(*words: str) -> list[dict[str, str]]:
    """The table that a client of stilts gets."""
    out = Path(words[-1].partition("=")[2])
    status, said = await stilts(*words[:-1], f"out={out}", "ofmt=csv")
    assert status == 0, said
    text = await asyncio.to_thread(out.read_text)
    return list(csv.DictReader(io.StringIO(text)))


async def test_taplint_finds_nothing_but_what_is_allowed(base: str) -> None:
    _, said = await stilts("taplint", "interface=tap1.1", f"tapurl={base}/vo/tap", "maxrepeat=4")
    assert "Totals:" in said, said
    complaints = re.findall(r"^([EFW]-\w+-\w+)-.*", said, re.M)
    wrong = [line for line in said.splitlines() if re.match(r"[EFW]-", line)]
    assert set(complaints) <= set(ALLOWED), "\n".join(wrong)
    stages = re.findall(r"^Section (\w+):", said, re.M)
    assert {"TMV", "TMS", "TMC", "CPV", "QGE", "QPO", "QAS", "UWS", "MDQ", "UPL"} <= set(stages)


@pytest.mark.parametrize(
    "path",
    [
        "/vo/tap/sync?LANG=ADQL&QUERY=SELECT+TOP+50+*+FROM+mars.alert",
        "/vo/tap/sync?LANG=ADQL&QUERY=SELECT+TOP+50+*+FROM+mars.detection",
        "/vo/tap/sync?LANG=ADQL&QUERY=SELECT+TOP+50+*+FROM+mars.forced",
        "/vo/tap/sync?LANG=ADQL&QUERY=SELECT+TOP+50+*+FROM+mars.object",
        "/vo/tap/sync?LANG=ADQL&QUERY=SELECT+nothing+FROM+mars.alert",
        f"/vo/datalink/links?ID={sky.FIRST}&ID=nonsense",
        "/vo/scs?RA=1&DEC=2",
        "/api/v1/alerts?format=votable&limit=50",
    ],
)
async def test_votlint_has_no_complaint(
    client: httpx.AsyncClient, tmp_path: Path, path: str
) -> None:
    file = tmp_path / "answer.xml"
    file.write_bytes((await client.get(path)).content)
    _, said = await stilts("votlint", "ucd=true", "unit=true", f"votable={file}")
    assert said.strip() == "", said


async def test_votlint_complains_of_the_three_old_ucds_of_cone_search_alone(
    client: httpx.AsyncClient, tmp_path: Path
) -> None:
    file = tmp_path / "cone.xml"
    file.write_bytes((await client.get("/vo/scs?RA=150&DEC=30&SR=1&VERB=3")).content)
    _, said = await stilts("votlint", "ucd=true", "unit=true", f"votable={file}")
    lines = [line for line in said.splitlines() if line.strip()]
    assert all(re.search("ID_MAIN|POS_EQ_(RA|DEC)_MAIN", line) for line in lines), said


async def test_datalinklint_has_no_complaint(base: str) -> None:
    ids = f"ID={sky.FIRST}&ID=nonsense&ID={sky.NO_STAMPS}"
    _, said = await stilts("datalinklint", f"votable={base}/vo/datalink/links?{ids}")
    assert "Errors: 0; Warnings: 0;" in said, said


@pytest.mark.parametrize("what", ["capabilities", "availability", "tables", "tables/mars.alert"])
async def test_vosi_is_valid_by_ivoas_schemas(base: str, what: str) -> None:
    status, said = await stilts("xsdvalidate", "uselocals=true", f"doc={base}/vo/tap/{what}")
    assert (status, said.strip()) == (0, "")


async def test_a_job_is_valid_by_ivoas_schema(client: httpx.AsyncClient) -> None:
    given = {"LANG": "ADQL", "QUERY": "SELECT x FROM mars.alert", "PHASE": "RUN", "RUNID": "<&>"}
    job = (await client.post("/vo/tap/async", data=given)).headers["location"]
    while (await client.get(f"{job}/phase")).text != "ERROR":
        await client.get(job, params={"WAIT": "5"})
    for where in (job, job.rpartition("/")[0]):
        status, said = await stilts("xsdvalidate", "uselocals=true", f"doc={where}")
        assert (status, said.strip()) == (0, "")


async def test_cone_and_its_matches(client: httpx.AsyncClient, base: str, tmp_path: Path) -> None:
    cone = ("lon=150", "lat=30", "radius=0.9", "verb=3")
    found = await read_csv("cone", f"serviceurl={base}/vo/scs", *cone, f"out={tmp_path}/a.csv")
    want = (await client.get("/api/v1/alerts?cone=150,30,0.9&limit=1000")).json()["items"]
    assert [row["candid"] for row in found] == [item["candid"] for item in want]
    mine = tmp_path / "t.xml"
    lines = [(item["candid"], item["ra"], item["dec"]) for item in want[:10]]
    mine.write_bytes(votable({"id": "char", "ra": "double", "dec": "double"}, *lines))
    matched = await read_csv(
        "coneskymatch",
        f"serviceurl={base}/vo/scs",
        f"in={mine}",
        "ra=ra",
        "dec=dec",
        "sr=0.001",
        "usefoot=false",
        f"out={tmp_path}/b.csv",
    )
    assert {row["id"] for row in matched if row["id"] == row["candid"]} == {x for x, *_ in lines}


@pytest.mark.parametrize("sync", ["true", "false"])
async def test_tapquery_with_an_upload(
    client: httpx.AsyncClient, base: str, tmp_path: Path, sync: str
) -> None:
    items = (await client.get("/api/v1/alerts", params={"limit": 20})).json()["items"]
    mine = tmp_path / "t.xml"
    lines = [(item["candid"], item["ra"], item["dec"]) for item in items]
    mine.write_bytes(votable({"id": "char", "ra": "double", "dec": "double"}, *lines))
    adql = (
        "SELECT t.id, a.candid FROM tap_upload.t1 AS t JOIN mars.alert AS a "
        "ON 1 = CONTAINS(POINT(a.ra, a.dec), CIRCLE(t.ra, t.dec, 0.0001))"
    )
    found = await read_csv(
        "tapquery",
        f"tapurl={base}/vo/tap",
        f"sync={sync}",
        f"adql={adql}",
        "nupload=1",
        f"upload1={mine}",
        "upname1=t1",
        f"out={tmp_path}/c.csv",
    )
    assert {row["id"] for row in found if row["id"] == row["candid"]} == {x for x, *_ in lines}
