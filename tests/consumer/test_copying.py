"""Arrays that we write ourselves are read by PostgreSQL as the values they were made of."""

import json
from typing import Any

import asyncpg
import numpy as np
from sqlalchemy import REAL

from archive.surveys.ztf.packet import decode
from archive.surveys.ztf.tables import HISTORIES
from consumer.batches.copying import copy_of, history_columns
from consumer.batches.ingest import Archive, Batch, ingest
from consumer.batches.sorting import Raw
from consumer.rows import make_rows
from consumer.surveys.ztf import ZTF_INTAKE
from tests.archive.test_layout import written
from tests.conftest import Place, url_of
from tests.consumer.test_ingest import FIRST, NIGHT
from tests.consumer.test_rows import NOWHERE, entries
from tests.packets import detection, forced, limit, packet

NAN = float("nan")
MESSAGES = [
    packet(candid=FIRST),
    packet(candid=FIRST + 1, prv_candidates=[limit(diffmaglim=NAN), limit(), limit()]),
    packet(
        candid=FIRST + 2,
        prv_candidates=[detection(distnr=-999.0), detection(isdiffpos="?"), detection(rb=None)],
        fp_hists=[forced(procstatus=None), forced(procstatus="56, ž"), forced(magzpsci=None)],
    ),
    packet(candid=FIRST + 3, fp_hists=[forced(forcediffimflux=-99999.0)] * 40),
    # Types that are wider than their columns, and one that is narrower.
    written(
        {
            "prv_candidates.fid": "long",
            "prv_candidates.magpsf": ["int", "null"],
            "fp_hists.forcediffimflux": ["null", "double"],
        },
        {
            "candid": FIRST + 4,
            "candidate": {"candid": FIRST + 4},
            "prv_candidates": [detection(magpsf=18), detection(magpsf=None, fid=2**31 - 1)],
            "fp_hists": [forced(forcediffimflux=1e300), forced(forcediffimflux=-1.23456789012)],
        },
    ),
]


def expected(name: str, values: list[Any]) -> list[Any] | None:
    """As PostgreSQL gives a column back: float32 where it is real, NULL for no entries."""
    kind, _, field = name.partition("_")
    real = HISTORIES[kind][field] is REAL
    return [float(np.float32(v)) if real and v is not None else v for v in values] or None


async def test_what_is_copied_is_what_is_read(archive: Archive, place: Place) -> None:
    raws = [Raw("t", 0, n, "", NIGHT, data) for n, data in enumerate(MESSAGES)]
    await ingest(archive, "backfill", Batch(raws))
    packets = [p for m in MESSAGES for p in decode(m).packets]
    made = make_rows(ZTF_INTAKE, packets, [NOWHERE] * len(packets)).histories
    connection = await asyncpg.connect(url_of("reader", place.database).replace("+asyncpg", ""))
    rows = await connection.fetch("SELECT * FROM history ORDER BY candid")
    told = await connection.fetchval("SELECT json_agg(history ORDER BY candid) FROM history")
    await connection.close()
    assert [row["candid"] for row in rows] == [p.id for p in packets]
    names = {f"{kind}_{field}" for kind, fields in HISTORIES.items() for field in fields}
    assert made.columns.keys() == names
    for n, row in enumerate(rows):
        values = {name: expected(name, entries(made.columns[name], n)) for name in names}
        assert {name: row[name] for name in names} == values
    # PostgreSQL's own reading, not only asyncpg's of the same bytes.
    assert [{name: row[name] is None for name in names} for row in json.loads(told)] == [
        {name: row[name] is None for name in names} for row in rows
    ]
    # Lists of every kind were among them, and values that are NULL.
    assert [len(row["limit_jd"] or ()) for row in rows] == [0, 3, 0, 0, 0]
    assert [len(row["detection_jd"] or ()) for row in rows] == [0, 0, 3, 0, 2]
    assert [len(row["forced_jd"] or ()) for row in rows] == [0, 0, 3, 40, 2]
    assert rows[1]["limit_diffmaglim"][0] is rows[2]["forced_procstatus"][0] is None
    assert rows[2]["forced_procstatus"][1] == "56, ž"
    assert rows[4]["forced_forcediffimflux"] == [None, float(np.float32(-1.23456789012))]


def test_no_packets_make_an_empty_copy() -> None:
    empty = make_rows(ZTF_INTAKE, [], []).histories
    assert history_columns(empty, "candid") == ["ordinal", "candid"]
    assert copy_of(empty)[-2:] == b"\xff\xff"
