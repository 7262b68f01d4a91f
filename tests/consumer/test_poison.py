"""Packets that real streams could bring, each wrong in one place: stored, or refused by name."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY
from sqlalchemy import select

from archive.columns import Kind
from archive.surveys.ztf.columns import CANDIDATE
from archive.surveys.ztf.packet import decode, packets_of
from archive.surveys.ztf.tables import alert, history
from archive.tables import reject
from consumer.batches.copying import copy_of
from consumer.batches.ingest import Archive, Batch, ingest
from consumer.batches.sorting import Raw
from consumer.rows import make_rows
from consumer.surveys.ztf import ZTF_INTAKE
from tests.consumer.archives import rows_of, summed, sums
from tests.consumer.test_ingest import FIRST, NIGHT
from tests.consumer.test_rows import NOWHERE
from tests.packets import packet

REFUSED = {
    "fp_procstatus_int": "fp_hists.procstatus is int, not string",
    "objectid_int": "objectId is long, not string",
    "objectid_long": "objectId has 9005 characters, more than 64",
    "prv_magpsf_string": "prv_candidates.magpsf is string, not int, long, float or double",
    "prv_record": "prv_candidates is record, not array of record",
    "publisher_int": "publisher is int, not string",
    "ssnamenr_long": "candidate.ssnamenr has 9000 characters, more than 200",
}
NUMBERS = [c.name for c in CANDIDATE if c.kind in (Kind.REAL, Kind.DOUBLE) and not c.required]
ENTRIES = 10
"""In each of the two histories; 3 of prv_candidates are upper limits."""


def entries(row: Any) -> tuple[int, int, int]:
    """Upper limits, earlier detections and forced photometry in a row."""
    return tuple(len(row[f"{kind}_jd"] or ()) for kind in ("limit", "detection", "forced"))  # type: ignore[return-value]


def untouched(row: Any) -> bool:
    """The one change is in no column of ours, or as odd in it as it was sent."""
    return bool(entries(row) == (3, 7, 10) and row["ra"] == 295.3031995)


STORED: dict[str, Callable[[Any], bool]] = {
    "c_all_nan": lambda row: all(row[name] is None for name in NUMBERS),
    "c_magpsf_m999": lambda row: row["magpsf"] == -999.0,
    "candid_neg": lambda row: row["candid"] == -5,
    "fid_4": lambda row: row["fid"] == 4 and row["filter"] is None,
    "fp_flux_1e300": lambda row: row["forced_forcediffimflux"] == [None] * ENTRIES,
    "fp_jd_null": lambda row: entries(row) == (3, 7, 0),
    "fp_pid_null": lambda row: row["forced_pid"] == [None] * ENTRIES,
    "fp_zp_m999": lambda row: row["forced_magzpsci"] == [-999.0] * ENTRIES,
    "isdiffpos_x": lambda row: row["isdiffpos"] is None and row["extra"]["candidate"],
    "java_string": untouched,
    "lacks_magpsf": lambda row: row["magpsf"] is row["deltamaglatest"] is None,
    "object_double": untouched,
    "prv_jd_0": lambda row: set(row["detection_jd"] + row["limit_jd"]) == {0.0},
    "prv_jd_mjd": lambda row: set(row["detection_jd"] + row["limit_jd"]) == {60400.5},
    "prv_jd_nan": lambda row: entries(row) == (0, 0, 10),
    "prv_jd_null": lambda row: entries(row) == (0, 0, 10),
    "prv_no_programid": lambda row: entries(row) == (0, 0, 10) and row["packet_offset"] is None,
    "ra_360": lambda row: row["ra"] == 0.0,
    "stamp_header": untouched,
    "stamp_plain": untouched,
    "stamp_table": untouched,
}
UNDATED = {"fp_jd_null": 10, "prv_jd_nan": 10, "prv_jd_null": 10}


@pytest.fixture(scope="module")
def messages(real: Path) -> dict[str, bytes]:
    """Each file by its name without suffix."""
    files = sorted((real / "poison").glob("*.avro"))
    return {file.stem: file.read_bytes() for file in files}


def test_every_file_is_known(messages: dict[str, bytes]) -> None:
    assert messages.keys() == REFUSED.keys() | STORED.keys()
    assert not REFUSED.keys() & STORED.keys()


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_what_fits_no_column_is_refused_by_name(name: str, messages: dict[str, bytes]) -> None:
    told = decode(messages[name])
    assert (told.packets, told.damage, told.refused) == ([], REFUSED[name], True)


@pytest.mark.parametrize("name", sorted(STORED))
def test_what_is_bearable_becomes_a_row(name: str, messages: dict[str, bytes]) -> None:
    packets = list(packets_of(messages[name]))
    rows = make_rows(ZTF_INTAKE, packets, [NOWHERE])
    assert (len(packets), len(rows.alerts)) == (1, 1)
    assert copy_of(rows.histories)


async def test_all_in_one_batch_between_two_sound_packets(
    archive: Archive, messages: dict[str, bytes]
) -> None:
    names = sorted(messages)
    sound = packet(candid=FIRST), packet(candid=FIRST + 1)
    batch = [sound[0], *(messages[name] for name in names), sound[1]]
    raws = [Raw("poison", 0, n, "", NIGHT, data) for n, data in enumerate(batch)]
    before = REGISTRY.get_sample_value("mars_undated_history_entries_total") or 0.0
    await ingest(archive, "stream", Batch(raws))
    joined = select(alert, history).join(history, history.c.candid == alert.c.candid)
    async with archive.engine.connect() as connection:
        rows = {row["candid"]: row for row in (await connection.execute(joined)).mappings()}
    assert {FIRST, FIRST + 1} < rows.keys()
    wrong = [
        name
        for name, is_right in STORED.items()
        if not is_right(rows[decode(messages[name]).packets[0].id])
    ]
    assert wrong == []
    assert {names[r.position - 1]: r.reason for r in await rows_of(archive, reject)} == REFUSED
    assert await sums(archive) == summed(
        received=len(batch), stored=len(STORED) + 2, rejected=len(REFUSED)
    )
    after = REGISTRY.get_sample_value("mars_undated_history_entries_total") or 0.0
    assert after - before == sum(UNDATED.values())
