"""The tables of TAP: list, views, tap_schema and VOSI agree, and light curves are the API's."""

import asyncpg
import pytest
from lxml import etree

from app.vo.documents import votable_type
from app.vo.tables import KEYS, SCHEMAS, TABLES, Shown
from tests.app.conftest import Served, database_of
from tests.app.vo.asking import ask, rows, table
from tests.conftest import url_of
from tests.real_archive import Everything


def shown_name(name: str) -> str:
    """As a query has to write it."""
    return '"size"' if name == "size" else name


async def test_tap_schema_is_the_list_of_tables(served: Served) -> None:
    ask_for = served.client
    columns = await rows(
        ask_for,
        "SELECT table_name, column_name, datatype, arraysize, unit, ucd, description, indexed, "
        "principal FROM tap_schema.columns ORDER BY table_name, column_index",
    )
    want = [
        (
            table.name,
            shown_name(column.name),
            votable_type(column)[0],
            votable_type(column)[1] or None,
            table.unit_of(column),
            column.ucd or None,
            column.meaning,
            int(column.name in table.indexed),
            int(column.name in table.principal),
        )
        for table in sorted(TABLES, key=lambda one: one.name)
        for column in table.columns
    ]
    assert [tuple(one or None for one in row[:7]) + row[7:] for row in columns] == want
    told = await rows(ask_for, "SELECT table_name, description FROM tap_schema.tables")
    assert sorted(told) == sorted((table.name, table.meaning) for table in TABLES)
    told = await rows(ask_for, "SELECT schema_name, description FROM tap_schema.schemas")
    assert dict(told) == SCHEMAS
    keys = await rows(
        ask_for,
        "SELECT k.key_id, from_table, target_table, from_column, target_column "
        "FROM tap_schema.keys AS k JOIN tap_schema.key_columns AS c ON k.key_id = c.key_id",
    )
    assert sorted(keys) == sorted(
        (key.id, key.from_table, key.target_table, *pair) for key in KEYS for pair in key.columns
    )


@pytest.mark.parametrize("shown", TABLES, ids=lambda one: one.name)
async def test_each_table_has_the_columns_and_types_of_the_list(
    served: Served, shown: Shown
) -> None:
    found = table(await ask(served.client, f"SELECT TOP 1 * FROM {shown.name}"))
    assert len(found.array) == 1 or shown.name in ("mars.forced", "mars.upper_limit")
    got = [(f.name, f.datatype, f.ucd, str(f.unit or "")) for f in found.fields]
    want = [
        (c.name, votable_type(c)[0], c.ucd or None, shown.unit_of(c) or "") for c in shown.columns
    ]
    assert [(n, d, u) for n, d, u, _ in got] == [(n, d, u) for n, d, u, _ in want]


@pytest.mark.parametrize("path", ["capabilities", "tables", "tables?detail=min", "availability"])
async def test_vosi_is_xml(served: Served, path: str) -> None:
    answer = await served.client.get(f"/vo/tap/{path}")
    assert answer.status_code == 200
    root = etree.fromstring(answer.content)
    columns = sum(len(shown.columns) for shown in TABLES)
    wanted = {"tables": columns, "tables?detail=min": 0}
    if path in wanted:
        assert len(list(root.iter("column"))) == wanted[path]


async def test_light_curves_of_the_views_are_those_of_the_api(everything: Everything) -> None:
    client = everything.client
    names = {str(p.record["objectId"]) for p in everything.packets.values()}
    some = [*sorted(names)[::9], "ZTF21abiuvdk", "ZTF20abfcszi", "ZTF19abegmle"]
    seen = dict.fromkeys(("detection", "earlier_detection", "upper_limit", "forced"), 0)
    for name in some:
        points = (await client.get(f"/api/v1/objects/{name}/lightcurve")).json()["points"]
        own = {kind: [p for p in points if p["kind"] == kind] for kind in seen}
        for kind, found in own.items():
            seen[kind] += len(found)
        where = f"WHERE object_id = '{name}' ORDER BY jd"
        got = await rows(client, f"SELECT candid, magpsf, is_alert FROM mars.detection {where}")
        want = [(int(p["candid"]), True) for p in own["detection"]]
        want += [(int(p["candid"]), False) for p in own["earlier_detection"]]
        assert sorted((candid, alert) for candid, _, alert in got) == sorted(want), name
        got = await rows(client, f"SELECT jd, pid, filter FROM mars.upper_limit {where}")
        want_limits = [(p["jd"], p["pid"], p["filter"]) for p in own["upper_limit"]]
        assert sorted(got) == sorted(want_limits), name
        got = await rows(client, f"SELECT jd, pid, from_candid, procstatus FROM forced {where}")
        want_forced = [
            (p["jd"], p["pid"], int(p["from_candid"]), p["procstatus"]) for p in own["forced"]
        ]
        assert sorted(got) == sorted(want_forced), name
    assert all(seen.values()), seen


async def test_objects_of_the_view_are_those_of_the_api(everything: Everything) -> None:
    client = everything.client
    names = ["ZTF21abiuvdk", "ZTF20abfcszi", "ZTF19abegmle"]
    listed = ", ".join(f"'{name}'" for name in names)
    fields = "object_id, alerts, alerts_g, alerts_r, alerts_i, first_jd, last_jd, brightest_magpsf"
    got = await rows(
        client, f"SELECT {fields}, ra, dec FROM mars.object WHERE object_id IN ({listed})"
    )
    assert len(got) == len(names)
    for *exact, ra, dec in got:
        one = (await client.get(f"/api/v1/objects/{exact[0]}")).json()
        counts = {band["filter"]: band["alerts"] for band in one["filters"]}
        want = [
            one["object_id"],
            one["alerts"],
            *(counts.get(band, 0) for band in "gri"),
            one["first_jd"],
            one["last_jd"],
        ]
        assert exact[:7] == want
        assert (ra, dec) == pytest.approx((one["ra"], one["dec"]), abs=1e-9)


async def test_the_role_reaches_the_views_and_nothing_else(served: Served) -> None:
    connection = await asyncpg.connect(
        url_of("tap", database_of(served.settings)).replace("+asyncpg", "")
    )
    assert await connection.fetchval("SELECT count(*) FROM mars.alert") > 0
    for forbidden in (
        "SELECT * FROM public.alert",
        "SELECT * FROM public.history",
        "SELECT * FROM app.job",
        "SELECT * FROM public.reject",
        "CREATE TABLE mars.mine (n int)",
        "INSERT INTO tap_schema.schemas VALUES ('x')",
    ):
        with pytest.raises(
            (asyncpg.InsufficientPrivilegeError, asyncpg.ReadOnlySQLTransactionError)
        ):
            await connection.execute(forbidden)
    assert await connection.fetchval("SHOW search_path") == '""'
    assert await connection.fetchval("SHOW statement_timeout") == "30s"
    await connection.close()
