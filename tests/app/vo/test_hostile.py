"""Queries that want more than they may have: each is refused in words, and nothing is reached."""

import asyncio
import io
import time
from contextlib import nullcontext, suppress

import pytest
from pyarrow import parquet

from app.adql.queries import translate
from app.errors import BadQuery
from app.vo.tables import BY_NAME
from tests.app.conftest import Served
from tests.app.vo.asking import ask

STATEMENTS = (
    "DROP TABLE alert|DELETE FROM mars.alert|UPDATE mars.alert SET ra = 0|TRUNCATE mars.alert|"
    "INSERT INTO mars.alert VALUES (1)|COPY mars.alert TO '/tmp/x'|SET ROLE postgres|"
    "RESET ROLE|DO $$ BEGIN END $$|CALL x()|VACUUM|LISTEN x|EXPLAIN SELECT 1 FROM alert|"
    "CREATE TABLE x AS SELECT 1|GRANT ALL ON mars.alert TO PUBLIC|SHOW ALL|TABLE mars.alert|"
    "VALUES (1)|PREPARE x AS SELECT 1|FETCH ALL FROM x|BEGIN|COMMIT|LOCK TABLE mars.alert"
).split("|")
TABLES = (
    "pg_catalog.pg_class|pg_class|pg_stat_activity|information_schema.tables|public.alert|"
    "public.history|history|reject|public.reject|app.job|app.name|bundle|public.bundle|ledger|"
    "pg_authid|pg_shadow|pg_settings|mars.near(1,2,3)|mars.cone(1,2,3)|generate_series(1,9)|"
    'unnest(1)|"pg_class"|"public"."alert"|mars."public.alert"|postgres.public.alert|'
    "tap_schema.nothing|tap_upload.nothing|ONLY alert|LATERAL alert|(VALUES (1)) AS v|"
    "alert TABLESAMPLE SYSTEM (1)|ROWS FROM (pg_ls_dir('/'))|XMLTABLE('x')"
).split("|")
FUNCTIONS = (
    "pg_sleep(10)|pg_read_file('/etc/passwd')|pg_ls_dir('/')|lo_import('/etc/passwd')|"
    "current_setting('x')|set_config('x', 'y', false)|version()|current_database()|"
    "inet_server_addr()|pg_terminate_backend(1)|pg_cancel_backend(1)|pg_advisory_lock(1)|"
    "query_to_xml('select 1', true, true, '')|database_to_xml(true, true, '')|dblink('x', 'y')|"
    "pg_reload_conf()|row_to_json(alert)|to_json(alert)|array_agg(ra)|string_agg(filter, ',')|"
    "repeat('x', 1000000000)|lpad('x', 1000000000)|generate_series(1, 1000000000)|"
    "has_table_privilege('public.alert', 'select')|pg_get_viewdef('mars.alert')|"
    "pg_catalog.pg_sleep(10)|q3c_version()|public.q3c_dist(1, 2, 3, 4)|nextval('x')|"
    "txid_current()|gen_random_uuid()|format('%s', ra)|encode('a', 'hex')|"
    "regexp_replace('a', 'b', 'c')|"
    "skip_batches(1)|mars.near(1, 2, 3)|count(ra) OVER ()|EXTRACT(YEAR FROM ra)|ARRAY[ra]|ROW(ra)"
).split("|")
EXPRESSIONS = (
    "alert|alert.*::text|a.*::text|(a)|ra::text|CAST(ra AS regclass)|CAST(ra AS json)|E'\\\\x41'|"
    "U&'\\0041'|$$x$$|$1|:x|@x|?|B'1'|X'ff'|ra[1]|ra->>1|ra IS DISTINCT FROM 1|ra AT TIME ZONE 'x'|"
    "ra COLLATE \"C\"|(SELECT 1)|ra % 2|ra ^ 2|ra & 1|ra ~ 'x'|/* x */ ra|ra /**/|`ra`|[ra]|"
    "CURRENT_USER|SESSION_USER|ctid|xmin|tableoid|a.ctid|oid|payload_hash|sentinels|bundle|extra|"
    "POINT(ra, dec)[1]|CAST(POINT(1, 2) AS VARCHAR)|POINT(ra, dec) + 1|"
    "REGION('Circle 1 2 3''); DROP TABLE alert --')|POINT('FK5'', 1), (1', 1, 2)|"
    "IN_UNIT(ra, 'deg''')|IVO_HEALPIX_INDEX('6', ra, dec)|healpix_29(ra, dec)|"
    "ra := 1|ra => 1|1::oid|'x'::regclass|INTERVAL '1 day'|DATE '2020-01-01'|{fn now()}"
).split("|")
REST = (
    "SELECT ra FROM alert; DROP TABLE alert",
    "SELECT ra FROM alert;; SELECT 1 FROM alert",
    "SELECT ra INTO x FROM alert",
    "SELECT ra FROM alert FOR UPDATE",
    "SELECT ra FROM alert LIMIT 1",
    "SELECT * EXCEPT (ra) FROM alert",
    "SELECT a.* EXCEPT (ra) FROM alert AS a",
    "SELECT ra FROM mars.mars.alert",
    "SELECT ra FROM alert AS a (x)",
    "SELECT ra FROM (SELECT ra FROM alert) AS a (x)",
    "SELECT COUNT(DISTINCT ra, dec) FROM alert",
    "SELECT MAX(ALL ra, dec) FROM alert",
    "SELECT ra FROM alert ORDER BY ra NULLS FIRST",
    "SELECT ra FROM alert FETCH FIRST 1 ROW ONLY",
    "SELECT DISTINCT ON (ra) ra FROM alert",
    "SELECT ra FROM alert WINDOW w AS ()",
    "SELECT ra FROM alert GROUP BY ROLLUP (ra)",
    "SELECT ra FROM alert GROUP BY GROUPING SETS ((ra))",
    "SELECT ra FROM alert ORDER BY ra USING <",
    "WITH RECURSIVE x AS (SELECT ra FROM alert UNION SELECT ra FROM x) SELECT * FROM x",
    "WITH x AS (DELETE FROM alert RETURNING *) SELECT * FROM x",
    "SELECT ra FROM alert WHERE ra = ANY (SELECT ra FROM alert)",
    "SELECT TOP 9999999999999999999999 ra FROM alert OFFSET -1",
    "SELECT TOP (1) ra FROM alert",
    "SELECT ra FROM alert WHERE filter LIKE 'a' ESCAPE 'b'",
    "SELECT " + "(" * 400 + "1" + ")" * 400 + " FROM alert",
    "SELECT " + "-" * 401 + "1 FROM alert",
    "SELECT " + "NOT " * 5000 + "TRUE FROM alert",
    "SELECT 1" + " + 1" * 20_000 + " FROM alert WHERE",
    "SELECT ra FROM alert WHERE " + "NOT " * 3000 + "ra < 1 AND",
    "SELECT '" + "x" * 70_000 + "' FROM alert",
    "SELECT ra FROM " + "(SELECT ra FROM " * 60 + "alert" + ") AS x" * 60,
    "SELECT ra FROM alert WHERE ra = 1" + "0" * 5000 + ".5e999999 AND",
    "SELECT ra FROM alert WHERE filter = 'g\0'",
    "SELECT ra FROM alert WHERE 1 = CONTAINS(POINT(ra, dec), POLYGON(0, 0, 180, 0, 180, 1))",
    "SELECT ra FROM alert WHERE 1 = CONTAINS(POINT(ra, dec), CIRCLE(ra, dec, POINT(1, 2)))",
    "\ufeffSELECT ra FROM alert WHERE \u2028",
    "SELECT \u0440\u0430 FROM alert",
    "select select select",
    "'",
    '"',
    "--",
    "/*",
    ";",
    "\\",
)
HOSTILE = [
    *STATEMENTS,
    *(f"SELECT * FROM {one}" for one in TABLES),
    *(f"SELECT {one} FROM mars.alert AS a" for one in FUNCTIONS),
    *(f"SELECT ra FROM mars.alert AS a WHERE {one} IS NULL" for one in FUNCTIONS),
    *(f"SELECT {one} FROM mars.alert AS a" for one in EXPRESSIONS),
    *(f"SELECT ra FROM mars.alert AS a ORDER BY {one}" for one in EXPRESSIONS),
    *REST,
]


async def test_hostile_queries_are_refused_and_reach_nothing(served: Served) -> None:
    assert len(HOSTILE) >= 200
    taken = []
    for adql in HOSTILE:
        began = time.monotonic()
        answer = await ask(served.client, adql)
        assert time.monotonic() - began < 30, adql[:80]
        assert answer.status_code < 500, (adql[:80], answer.text[:300])
        if answer.status_code == 200:
            taken.append(adql)
        else:
            assert b'value="ERROR"' in answer.content
    assert taken == []


NESTED = {
    "ABS(": ")",
    "COALESCE(": ")",
    "AREA(CIRCLE(1, 2, ": "))",
    "DISTANCE(1, 2, 3, ": ")",
    "CASE ": " WHEN 1 THEN 1 WHEN 2 THEN 2 END",
    "CASE WHEN 1 = ": " THEN 1 WHEN 1 = 2 THEN 2 END",
    "COORD1(POINT('GALACTIC', 1, ": "))",
    "DISTANCE(POINT('GALACTIC', 1, ": "), POINT(1, 2))",
    "IVO_HEALPIX_INDEX(3, 1, ": ")",
    "IN_UNIT(2 * ": ", 'deg')",
    "CASE WHEN EXISTS (SELECT 1 FROM alert WHERE DISTANCE(ra, dec, 1, 2) < ": ") THEN 1 END",
    "CASE WHEN EXISTS (SELECT 1 FROM alert WHERE DISTANCE(ra, dec, 1, ": ") < 1) THEN 1 END",
}


@pytest.mark.parametrize("begin", NESTED)
def test_what_is_nested_costs_no_more_than_its_length(begin: str) -> None:
    """A level that doubled time or text would not end with thirty of them."""
    for levels in (1, 12, 30):
        text = begin * levels + "ra" + NESTED[begin] * levels
        for query in (f"SELECT {text} FROM alert", f"SELECT ra FROM alert WHERE 1 < {text}"):
            # Deep ones may be refused; there is no time in which all this could be doubled.
            with nullcontext() if levels == 1 else suppress(BadQuery):
                assert len(translate(query, BY_NAME).sql) < 200 * len(query) + 100_000


def test_columns_that_double_are_refused() -> None:
    doubled = "SELECT *, * FROM (" * 30 + "SELECT 1 AS a FROM alert" + ") AS q" * 30
    with pytest.raises(BadQuery, match="1600 columns at most"):
        translate(doubled, BY_NAME)


async def test_what_is_dear_does_not_starve_the_api(served: Served) -> None:
    slow = "SELECT COUNT(*) FROM alert a, alert b, alert c WHERE a.ra + b.ra * c.ra < 0"
    under_way = [asyncio.create_task(ask(served.client, slow)) for _ in range(6)]
    try:
        for _ in range(20):
            answer = await served.client.get("/api/v1/alerts", params={"cone": "150,30,0.01"})
            assert answer.status_code == 200
        assert not all(one.done() for one in under_way)
    finally:
        for one in under_way:
            one.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)


@pytest.mark.parametrize("text", ["x", "'; DROP TABLE alert --", "\\", "%", "a'b''c", "é\t\n"])
async def test_texts_come_back_as_they_were_given(served: Served, text: str) -> None:
    quoted = text.replace("'", "''")
    answer = await ask(served.client, f"SELECT TOP 1 '{quoted}' AS t FROM alert", FORMAT="parquet")
    assert parquet.read_table(io.BytesIO(answer.content)).column("t").to_pylist() == [text]


def test_nothing_private_is_shown() -> None:
    names = {column.name for table in BY_NAME.values() for column in table.columns}
    assert not names & {"payload_hash", "bundle", "sentinels", "packet_offset", "extra"}
