"""TAP's synchronous queries, over the hand-made sky."""

from typing import Any

import numpy as np
import pytest
from lxml import etree

from app.vo.examples import EXAMPLES
from app.vo.running import BLOCK
from tests.app.conftest import Served, fresh_archive, serving
from tests.app.vo.asking import SYNC, ask, refusal, rows, table, votable


async def test_all_columns_of_an_alert_are_those_of_the_api(served: Served) -> None:
    one = (await served.alerts({"limit": 1}))["items"][0]
    adql = f"SELECT * FROM mars.alert WHERE candid = {one['candid']}"
    found = table(await ask(served.client, adql)).array
    assert {"candid", "drb", "batch", "schemavsn", "lco_id"} <= set(found.dtype.names)
    (row,) = found
    for name in set(found.dtype.names) & set(one):
        got, want = row[name], one[name]
        if want is None:
            assert np.ma.is_masked(got) or got in ("", None), name
        elif isinstance(want, float):
            assert got == np.asarray(want, dtype=found.dtype[name]), name
        else:
            assert str(got) == str(want), name


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_query_comes_by_any_method(served: Served, method: str) -> None:
    given = {"lang": "adql", "query": "select top 3 candid from alert order by candid"}
    where: Any = {"params": given} if method == "GET" else {"data": given}
    answer = await served.client.request(method, SYNC, **where)
    assert len(table(answer).array) == 3
    assert b"OVERFLOW" not in answer.content


@pytest.mark.parametrize(
    ("top", "most", "count", "cut"),
    [
        ("", 5, 5, True),
        ("TOP 4", 5, 4, False),
        ("TOP 5", 5, 5, False),
        ("TOP 6", 5, 5, True),
        ("TOP 0", 5, 0, False),
        ("", 0, 0, True),
    ],
)
async def test_overflow_is_told_if_and_only_if_there_is_more(
    served: Served, top: str, most: int, count: int, cut: bool
) -> None:
    answer = await ask(served.client, f"SELECT {top} candid FROM mars.alert", MAXREC=most)
    assert len(table(answer).array) == count
    assert (b'value="OVERFLOW"' in answer.content) == cut


async def test_answers_of_several_blocks_are_whole(served: Served) -> None:
    adql = "SELECT a.candid, b.candid FROM mars.alert AS a, mars.alert AS b"
    found = await rows(served.client, adql, MAXREC=2 * BLOCK + 7)
    assert len(set(found)) == 2 * BLOCK + 7


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda one: one.id)
async def test_examples_are_answered(served: Served, example: Any) -> None:
    found = await rows(served.client, example.adql)
    nothing = ("faint", "newest", "polygon", "pairs", "forced", "limits")
    assert found or example.id in nothing, example.adql


async def test_formats(served: Served) -> None:
    adql = "SELECT TOP 2 candid, isdiffpos, magpsf FROM mars.alert ORDER BY candid"
    csv = await ask(served.client, adql, FORMAT="text/csv")
    assert csv.text.splitlines()[0] == "candid,isdiffpos,magpsf"
    tsv = await ask(served.client, adql, FORMAT="tsv")
    assert tsv.headers["content-type"].startswith("text/tab-separated-values")
    assert tsv.text == csv.text.replace(",", "\t").replace("\r\n", "\n")
    odd = "SELECT TOP 1 'a' || ra || ', \"b\"' AS t, NULL AS n, dec FROM mars.alert ORDER BY candid"
    (line,) = (await ask(served.client, odd, FORMAT="tsv")).text.splitlines()[1:]
    assert line.split("\t") == ['a0, "b"', "", "0.0"]
    parquet = await ask(served.client, adql, RESPONSEFORMAT="parquet")
    assert parquet.content[:4] == b"PAR1"
    assert "fits" in await refusal(served.client, adql, FORMAT="fits")


async def test_names_of_columns_may_repeat_or_be_no_names(served: Served) -> None:
    adql = 'SELECT TOP 1 ra, ra, dec AS "1 < 2", COUNT(*) FROM alert GROUP BY ra, dec'
    answer = table(await ask(served.client, adql))
    assert [field.name for field in answer.fields] == ["ra", "ra", "1 < 2", "count"]
    assert len({field.ID for field in answer.fields}) == 4


REFUSED = {
    "SELECT magpfs FROM mars.alert": "did you mean magpsf? ",
    "SELECT x FROM mars.alert": "there is no column x (line 1, character 8)",
    "SELECT ra FROM mars.alerts": "did you mean mars.alert?",
    "SELECT ra FROM alert WHERE": "the query cannot be read",
    "SELECT ra FROM alert WHERE ra": "what stands in WHERE must be true or false",
    "SELECT ra FROM alert WHERE filter > 1": "cannot be compared",
    "SELECT SQR(ra) FROM alert": "did you mean SQRT?",
    "SELECT time FROM alert": "reserved word",
    "SELECT ra FROM alert WHERE 1 = CONTAINS(POINT(ra, dec), CIRCLE(1, 2, 1/3600))": "1.0/3600",
    "SELECT ra FROM alert WHERE 1 = CONTAINS(POINT('FK4', ra, dec), CIRCLE(1, 2, 1))": "FK4",
    "SELECT filter, ra FROM alert GROUP BY filter": "must appear in the GROUP BY clause",
    "SELECT 1 / (ndethist - ndethist) FROM alert": "division by zero",
    "SELECT a.ra FROM alert AS a JOIN alert AS b": "a JOIN needs ON or USING",
    "SELECT ra FROM alert; SELECT dec FROM alert": "one query at a time",
    "DELETE FROM alert": "",
    "": "QUERY is missing",
}


@pytest.mark.parametrize("adql", REFUSED)
async def test_a_refusal_says_what_is_wrong_and_where(served: Served, adql: str) -> None:
    said = await refusal(served.client, adql)
    assert REFUSED[adql].strip() in said, said


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"LANG": "PQL"}, "LANG must be ADQL"),
        ({"REQUEST": "getCapabilities"}, "REQUEST must be doQuery"),
        ({"MAXREC": "-1"}, "MAXREC must be a whole number"),
        ({"UPLOAD": "t,http://127.0.0.1/t.xml"}, "nothing is fetched from an address"),
        ({"UPLOAD": "t,param:t"}, "there is no part 't'"),
    ],
)
async def test_bad_parameters_are_refused(served: Served, given: dict[str, str], said: str) -> None:
    assert said in await refusal(served.client, "SELECT ra FROM alert", **given)


async def test_every_error_is_a_votable(served: Served) -> None:
    for path in ("/vo/nothing", "/vo/tap/tables/nothing", "/vo/tap/async/nothing"):
        answer = await served.client.get(path, headers={"Accept": "text/html"})
        assert answer.status_code == 404
        assert etree.fromstring(answer.content).tag.endswith("VOTABLE")
    answer = await served.client.put(SYNC)
    assert (answer.status_code, b'value="ERROR"' in answer.content) == (405, True)


async def test_a_slow_query_is_stopped_and_says_so(served: Served) -> None:
    settings = served.settings.model_copy(update={"tap_timeout_s": 0.3})
    slow = "SELECT COUNT(*) FROM alert a, alert b, alert c, alert d WHERE a.ra + b.ra < c.ra + d.ra"
    async with serving(settings) as client:
        answer = await ask(client, slow)
        assert answer.status_code == 408, answer.text
        assert "took longer than 0.3 s" in answer.text
        # The connection that it held is as good as new.
        for _ in range(3):
            assert await rows(client, "SELECT COUNT(*) FROM alert WHERE ra < 0") == [(0,)]


async def test_without_its_database_tap_says_so_and_the_rest_works() -> None:
    async with fresh_archive() as settings:
        none = settings.model_copy(update={"tap_database_url": type(settings.tap_database_url)("")})
        async with serving(none) as client:
            answer = await ask(client, "SELECT ra FROM alert")
            assert (answer.status_code, "MARS_TAP_DATABASE_URL" in answer.text) == (503, True)
            told = await client.get("/vo/tap/availability")
            assert b"<vosi:available>false<" in told.content
            assert (await client.get("/api/v1/alerts")).status_code == 200


# -------------------------------------------------------------------------------------------------
# Uploads
# -------------------------------------------------------------------------------------------------


async def test_uploaded_positions_find_their_alerts(served: Served) -> None:
    known = await rows(served.client, "SELECT TOP 20 candid, ra, dec FROM alert ORDER BY candid")
    mine = votable({"id": "char", "ra": "double", "dec": "double"}, *known, ("none", "", ""))
    adql = (
        "SELECT m.id, a.candid FROM tap_upload.mine AS m LEFT JOIN mars.alert AS a "
        "ON DISTANCE(m.ra, m.dec, a.ra, a.dec) < 0.1 / 3600 ORDER BY 1, 2"
    )
    found = await rows(served.client, adql, UPLOAD="mine,param:file", file=mine)
    same = [(one, two) for one, two in found if one == str(two)]
    assert len(same) == 20
    assert ("none", None) in found


async def test_types_and_missing_values_of_uploads_stay(served: Served) -> None:
    kinds = {"a": "int", "b": "long", "c": "float", "d": "double", "e": "boolean", "f": "char"}
    mine = votable(kinds, (1, 2**60, 1.5, "NaN", "true", "x'y"), ("", "", "", "", "", ""))
    answer = await ask(served.client, "SELECT * FROM tap_upload.t", UPLOAD="t,param:u", u=mine)
    found = table(answer)
    assert [field.datatype for field in found.fields] == list(kinds.values())
    assert found.array.tolist()[0] == (1, 2**60, 1.5, None, True, "x'y")
    assert found.array.tolist()[1][:4] == (None, None, None, None)


@pytest.mark.parametrize(
    "data",
    [
        b"nonsense",
        b'<!DOCTYPE a [<!ENTITY b "c">]><VOTABLE/>',
        b'<VOTABLE><RESOURCE><TABLE><FIELD name="a" datatype="int"/><DATA><BINARY>'
        b'<STREAM href="file:///etc/passwd"/></BINARY></DATA></TABLE></RESOURCE></VOTABLE>',
        b"<VOTABLE/>",
    ],
)
async def test_bad_uploads_are_refused(served: Served, data: bytes) -> None:
    said = await refusal(served.client, "SELECT * FROM tap_upload.t", UPLOAD="t,param:u", u=data)
    assert "the table t" in said


async def test_positions_that_are_none_find_nothing_and_break_nothing(served: Served) -> None:
    odd = [("-10", "95"), ("1e300", "-1e300"), ("400", "30"), ("", "30"), ("NaN", "+Inf")]
    mine = votable({"ra": "double", "dec": "double"}, *odd, (150, 30))
    adql = (
        "SELECT t.ra, COUNT(a.candid) FROM tap_upload.t AS t LEFT JOIN mars.alert AS a "
        "ON DISTANCE(t.ra, t.dec, a.ra, a.dec) < {} GROUP BY t.ra"
    )
    for radius in ("1.0", "-1.0", "CAST('NaN' AS DOUBLE PRECISION) - 1", "1e300"):
        answer = await ask(served.client, adql.format(radius), UPLOAD="t,param:u", u=mine)
        assert answer.status_code in (200, 400), answer.text
    found = dict(await rows(served.client, adql.format("1.0"), UPLOAD="t,param:u", u=mine))
    assert found[150] > 10
    assert found[None] == 0


async def test_what_is_said_of_a_column_is_so(served: Served) -> None:
    """Whatever it is called: days since which epoch, in which unit, of which column."""
    adql = (
        "SELECT TOP 1 jd AS mjd, mjd AS t, IN_UNIT(jd, 's') AS s, MIN(magpsf) AS m, jd - 1 AS x, "
        "COALESCE(ra, jd) AS y FROM mars.alert GROUP BY jd, mjd, ra"
    )
    fields = table(await ask(served.client, adql)).fields
    told = {field.name: (field.ref, str(field.unit or ""), field.ucd) for field in fields}
    assert told == {
        "mjd": ("utc_jd", "d", "time.start;obs.exposure"),
        "t": ("utc_mjd", "d", "time.start;obs.exposure"),
        "s": (None, "s", "time.start;obs.exposure"),
        "m": (None, "mag", "phot.mag"),
        "x": (None, "", None),
        "y": (None, "", None),
    }
    both = "SELECT ra AS v FROM mars.alert UNION SELECT jd FROM mars.alert"
    (field,) = table(await ask(served.client, both)).fields
    assert (field.ucd, field.unit) == (None, None)
