"""Rows without packets: on a real database, found by SQL and over HTTP, adding up, written once."""

from __future__ import annotations

from datetime import date
from typing import Any

import httpx
import numpy as np
import pytest
from astropy import units
from astropy.coordinates import SkyCoord
from sqlalchemy import func, select, text

from archive.surveys.ztf.columns import SENTINELS
from archive.surveys.ztf.tables import alert, history
from archive.tables import bundle, counter, ledger
from consumer.batches.ingest import Archive
from dev.simulator.bulk import fill
from dev.simulator.bulk.drawing import normal, uniform, whole
from dev.simulator.bulk.plan import BODY, Part, Plan, plan, ranks
from dev.simulator.bulk.values import alert_columns
from dev.simulator.survey import nid_of
from tests.app.conftest import app_settings, serving
from tests.conftest import Place

NIGHT = date(2026, 7, 1)
WANTED = fill.Wanted(2600, 7, NIGHT, 900, histories=0.5, in_a_bundle=5)


@pytest.fixture(scope="module")
def drawn() -> Plan:
    return plan(Part(7, 0, 20_000, nid_of(NIGHT), 900))


async def one(archive: Archive, query: Any) -> Any:
    async with archive.engine.connect() as connection:
        return (await connection.execute(query)).one()


async def all_rows(archive: Archive, query: Any) -> list[Any]:
    async with archive.engine.connect() as connection:
        return list(await connection.execute(query))


async def test_rows_are_there_once_and_the_ledger_adds_up(place: Place, archive: Archive) -> None:
    settings = place.settings("writer")
    assert await fill.fill(WANTED, settings) == 2600
    assert await fill.fill(WANTED, settings) == 0
    assert await fill.fill(WANTED._replace(alerts=1000), settings) == 0
    assert await fill.fill(WANTED._replace(alerts=3000), settings) == 400
    assert await fill.fill(WANTED._replace(alerts=100, again=True), settings) == 100
    assert await fill.fill(WANTED._replace(alerts=300, seed=8), settings) == 300

    numbers = await one(
        archive,
        select(
            func.count(), func.count(alert.c.lco_id.distinct()), func.max(alert.c.lco_id),
            func.max(alert.c.batch), func.count(alert.c.batch.distinct()),
        ),
    )  # fmt: skip
    assert tuple(numbers) == (3400, 3400, 3400, 11 + 2 + 1 + 2, 16)
    assert tuple(await one(archive, select(counter))) == (16, 3400)
    stored = dict(
        map(
            tuple,
            await all_rows(
                archive,
                select(ledger.c.source, func.sum(ledger.c.stored)).group_by(ledger.c.source),
            ),
        )
    )
    assert stored == {"simulated-7": 3100, "simulated-8": 300}
    rows = select(func.count().label("rows"), alert.c.batch).group_by(alert.c.batch).subquery()
    wrong = select(func.count()).where(
        (ledger.c.batch == rows.c.batch) & (ledger.c.stored != rows.c.rows)
    )
    assert (await one(archive, wrong))[0] == 0
    per_source = {row[0] for row in await all_rows(archive, select(bundle.c.id))}
    assert len(per_source) == 8
    assert {row[0] for row in await all_rows(archive, select(alert.c.bundle).distinct())} == (
        per_source
    )


async def test_a_cone_in_sql_finds_them(place: Place, archive: Archive) -> None:
    await fill.fill(WANTED, place.settings("writer"))
    some = await one(archive, select(alert.c.object_id, func.count()).group_by(alert.c.object_id)
                     .order_by(func.count().desc()).limit(1))  # fmt: skip
    centre = await one(archive, select(alert.c.ra, alert.c.dec)
                       .where(alert.c.object_id == some.object_id).limit(1))  # fmt: skip
    cone = text("SELECT count(*) FROM alert WHERE q3c_radial_query(ra, dec, :ra, :dec, 0.0005)")
    found = await one(archive, cone.bindparams(ra=centre.ra, dec=centre.dec))
    assert found[0] == some.count > 5
    southern = select(func.count()).where(alert.c.dec < -20)
    assert 0 < (await one(archive, southern))[0] < 600
    polar = select(func.count()).where(alert.c.dec > 75)
    assert 0 < (await one(archive, polar))[0] < 300


async def test_histories_repeat_the_alerts_before(place: Place, archive: Archive) -> None:
    await fill.fill(WANTED, place.settings("writer"))
    joined = select(alert, history).join(history, alert.c.candid == history.c.candid)
    before = {row.candid: row for row in await all_rows(archive, select(alert))}
    rows = await all_rows(archive, joined)
    assert 0.35 < len(rows) / 2600 < 0.65
    listed = 0
    for row in rows:
        earlier = {
            old.candid
            for old in before.values()
            if old.object_id == row.object_id and row.jd - 30.5 < old.jd < row.jd
        }
        certain = {candid for candid in earlier if before[candid].nid >= row.nid - 30}
        assert certain == set(row.detection_candid or ())
        for candid, magpsf, sign in zip(
            row.detection_candid or (), row.detection_magpsf or (), row.detection_isdiffpos or (),
            strict=True,
        ):  # fmt: skip
            assert magpsf == pytest.approx(before[candid].magpsf, abs=2e-4)
            assert sign == before[candid].isdiffpos
            listed += 1
        assert not set(row.limit_pid or ()) & set(row.detection_pid or ())
        assert set(row.forced_pid or ()) == {*(row.limit_pid or ()), *(row.detection_pid or ())}
        assert row.forced_jd is None or row.forced_jd == sorted(row.forced_jd)
        for status, flux in zip(
            row.forced_procstatus or (), row.forced_forcediffimflux or (), strict=True
        ):
            assert (status == "61") == (flux is None)
    assert listed > 100


async def test_the_app_serves_them(place: Place, archive: Archive) -> None:
    await fill.fill(WANTED, place.settings("writer"))
    told = await one(archive, select(history.c.candid, alert.c.ra, alert.c.dec, alert.c.object_id)
                     .join(alert, alert.c.candid == history.c.candid)
                     .where(history.c.detection_jd.is_not(None)).limit(1))  # fmt: skip
    async with serving(app_settings(place)) as client:
        cone = f"{told.ra},{told.dec},0.001"
        items = (await ask(client, "/api/v1/alerts", cone=cone)).json()["items"]
        assert str(told.candid) in {item["candid"] for item in items}
        whole_alert = (await ask(client, f"/api/v1/alerts/{told.candid}")).json()
        assert whole_alert["object_id"] == told.object_id
        assert len(whole_alert["history"]) > 5
        avro = await ask(client, f"/api/v1/alerts/{told.candid}/avro")
        assert avro.content.startswith(b"Obj\x01")
        for kind in ("science", "template", "difference"):
            stamp = await ask(client, f"/api/v1/alerts/{told.candid}/cutouts/{kind}.fits")
            assert stamp.content.startswith(b"SIMPLE  =")
        nights = (await ask(client, "/api/v1/nights")).json()["items"]
        assert all(night["received"] == night["stored"] for night in nights)


async def ask(client: httpx.AsyncClient, path: str, **query: str) -> httpx.Response:
    answer = await client.get(path, params=query)
    assert answer.status_code == 200, answer.text
    return answer


def test_a_plan_is_the_same_again_and_in_order(drawn: Plan) -> None:
    again = plan(drawn.part)
    for mine, other in zip(drawn[2:], again[2:], strict=True):
        assert (mine == other).all()
    assert len(drawn.owner) == 20_000
    columns = alert_columns(drawn, slice(0, 20_000))
    jd, candids = columns["jd"].values, columns["candid"].values
    assert (np.diff(jd) >= 0).all()
    assert len(set(candids.tolist())) == 20_000
    assert (candids // 1_000_000 == columns["pid"].values).all()
    assert jd[-1] - jd[0] > 850
    some = alert_columns(drawn, slice(700, 750))
    for name, column in columns.items():
        mine, other = some[name].values.tolist(), column.values[700:750].tolist()
        assert np.array_equal(mine, other, equal_nan=column.values.dtype.kind == "f"), name
    assert plan(drawn.part._replace(seed=9)).visit.tolist() != drawn.visit.tolist()


def test_columns_hold_each_other(drawn: Plan) -> None:
    columns = alert_columns(drawn, slice(0, 20_000))
    values = {name: column.values for name, column in columns.items()}
    sky = SkyCoord(values["ra"] * units.deg, values["dec"] * units.deg).galactic
    assert np.abs(sky.b.deg - values["b"]).max() < 1e-5
    turned = (sky.l.deg - values["l"] + 180) % 360 - 180
    assert np.abs(turned * np.cos(np.radians(values["b"]))).max() < 1e-5
    assert ((values["ra"] >= 0) & (values["ra"] < 360)).all()
    ratio = np.abs(1.0857 / values["sigmapsf"])
    assert ratio.min() > 5
    assert 0.3 < np.mean(values["isdiffpos"]) < 0.9
    none = columns["ssnamenr"].nulls
    assert none is not None
    assert 0 < (~none).sum() < 1000
    for bit, column in enumerate(SENTINELS):
        nulls = columns[column.name].nulls
        assert nulls is not None
        assert ((values["sentinels"] >> bit & 1).astype(bool) == nulls).all()
    bodies = values["ssnamenr"][~none]
    assert np.unique(bodies, return_counts=True)[1].max() > 4
    assert (drawn.objects.kind[drawn.owner] == BODY).tolist() == (~none).tolist()
    names = values["object_id"].tolist()
    assert len(set(names)) == len(set(drawn.owner.tolist()))


def test_numbers_are_drawn_by_their_key() -> None:
    keys = np.arange(100_000, dtype=np.uint64)
    assert uniform(keys, 1).mean() == pytest.approx(0.5, abs=0.01)
    assert np.corrcoef(uniform(keys, 1), uniform(keys, 2))[0, 1] == pytest.approx(0, abs=0.02)
    assert normal(keys, 3).std() == pytest.approx(1, abs=0.02)
    assert set(whole(keys, 4, 2, 5).tolist()) == {2, 3, 4}
    assert (uniform(keys[5:6], 1) == uniform(keys, 1)[5]).all()
    assert ranks(np.array([4, 2, 4, 4, 2])).tolist() == [0, 0, 1, 2, 1]
    with pytest.raises(SystemExit, match="at least"):
        plan(Part(1, 0, 10, nid_of(NIGHT), 30))


async def test_more_parts_than_there_are_numbers_are_refused(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fill, "MOST_PARTS", 1)
    small = fill.Wanted(1, 7, NIGHT, 900, again=True, in_a_bundle=5)
    assert await fill.fill(small, place.settings("writer")) == 1
    with pytest.raises(SystemExit, match="another seed"):
        await fill.fill(small, place.settings("writer"))
