"""The simulator's packets are such as ZTF's: readable, consistent, and the same again."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
import warnings
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import fastavro
import numpy as np
import pytest
from astropy.io import fits

from consumer.files.reading import read as read_files
from dev.simulate import to_folder, to_tarball
from dev.simulator import Packet, schema, simulate
from dev.simulator.landmarks import STAR, SUPERNOVA
from dev.simulator.sources import landmark_name
from dev.simulator.survey import JD_OF_FIRST_NIGHT
from tests.packets import alert, detection, forced, limit, packet

NIGHT = date(2026, 11, 20)
SEED = 5
COUNT = 600
CUTOUTS = ("cutoutScience", "cutoutTemplate", "cutoutDifference")
Record = dict[str, Any]


@pytest.fixture(scope="module")
def packets() -> list[Packet]:
    return list(simulate(COUNT, SEED, NIGHT))


def read(message: bytes) -> list[Any]:
    return list(fastavro.reader(io.BytesIO(message)))


def in_single_precision(record: Any, fields: list[Record]) -> Record:
    """What is left of a record's values on the wire."""
    kinds = {field["name"]: field["type"] for field in fields}
    return {
        name: float(np.float32(value)) if "float" in kinds[name] and value is not None else value
        for name, value in record.items()
    }


def on_the_wire(record: Record) -> Record:
    lists = {"prv_candidates": schema.history_fields(), "fp_hists": schema.fields(schema.FORCED)}
    return record | {
        "candidate": in_single_precision(record["candidate"], schema.fields(schema.CANDIDATE)),
        **{
            name: record[name] and [in_single_precision(one, fields) for one in record[name]]
            for name, fields in lists.items()
        },
    }


def test_fastavro_reads_back_what_was_written(packets: list[Packet]) -> None:
    for one in packets:
        assert read(one.message) == [on_the_wire(one.record)]


def test_the_schema_in_the_message_is_valid_and_complete(packets: list[Packet]) -> None:
    reader = fastavro.reader(io.BytesIO(packets[0].message))
    assert reader.codec == "null"
    written: Any = reader.writer_schema
    assert written["version"] == "4.02"
    assert [field["name"] for field in written["fields"]] == list(packets[0].record)
    assert set(packets[0].record["candidate"]) == {
        field["name"] for field in schema.fields(schema.CANDIDATE)
    }


def test_same_seed_same_bytes(packets: list[Packet]) -> None:
    def digest(found: Iterator[Packet] | list[Packet]) -> str:
        return hashlib.sha256(b"".join(one.message for one in found)).hexdigest()

    assert digest(packets) == digest(simulate(COUNT, SEED, NIGHT))


def test_other_seeds_and_nights_share_no_candid_and_no_name(packets: list[Packet]) -> None:
    mine = {one.candid for one in packets} | {one.record["objectId"] for one in packets}
    landmarks = {landmark_name(SEED, number) for number in (STAR, SUPERNOVA)}
    assert landmarks < mine
    for seed, night in ((SEED + 1, NIGHT), (SEED + 100, NIGHT), (SEED, date(2026, 11, 21))):
        others = list(simulate(200, seed, night))
        assert mine.isdisjoint(one.candid for one in others)
        shared = mine.intersection(one.record["objectId"] for one in others)
        assert shared == (landmarks if seed == SEED else set())


def test_a_larger_count_keeps_the_objects_of_the_smaller(packets: list[Packet]) -> None:
    larger = {one.candid: one.message for one in simulate(COUNT + 200, SEED, NIGHT)}
    objects = [one.record["objectId"] for one in packets]
    changed = {one.record["objectId"] for one in packets if larger[one.candid] != one.message}
    assert len(changed) <= 1 < len(set(objects))


def test_exactly_so_many_in_order_up_to_the_night(packets: list[Packet]) -> None:
    candids = [one.candid for one in packets]
    assert len(candids) == COUNT
    assert candids == sorted(set(candids))
    times = [one.record["candidate"]["jd"] for one in packets]
    assert times == sorted(times)
    assert packets[-1].night == NIGHT
    assert len({one.night for one in packets}) == 30
    one_night = list(simulate(50, SEED, NIGHT, nights=1))
    assert {one.night for one in one_night} == {NIGHT}


def test_numbers_hold_each_other(packets: list[Packet]) -> None:
    for one in packets:
        latest = one.record["candidate"]
        pid = latest["pid"]
        assert one.candid == one.record["candid"] == latest["candid"]
        assert one.candid // 1_000_000 == pid
        assert latest["nid"] == pid // 10**9
        assert latest["rcid"] == pid % 10_000 // 100
        assert latest["programid"] == 1
        assert JD_OF_FIRST_NIGHT + pid // 10_000 / 1e5 == pytest.approx(latest["jd"], abs=1.1e-5)
        sign = {"t": 15, "f": 10}[latest["isdiffpos"]]
        assert one.candid % 1_000_000 // 1000 in (sign, sign + 1)


def entries(packets: list[Packet], name: str) -> Iterator[tuple[Packet, list[Record]]]:
    return ((one, one.record[name]) for one in packets if one.record[name] is not None)


def test_history_is_what_was_sent_before(packets: list[Packet]) -> None:
    sent: dict[tuple[str, int], Record] = {}
    seen = {"detections": 0, "limits": 0}
    for one in packets:
        name, latest = one.record["objectId"], one.record["candidate"]
        history = one.record["prv_candidates"] or []
        window = (latest["jd"] - 30, latest["jd"])
        listed = {entry["candid"] for entry in history if entry["candid"] is not None}
        assert listed == {
            candid
            for (owner, candid), old in sent.items()
            if owner == name and window[0] <= old["jd"] < window[1]
        }
        for entry in history:
            if entry["candid"] is None:
                assert entry["magpsf"] is None
                seen["limits"] += 1
                continue
            old = sent[name, entry["candid"]]
            seen["detections"] += 1
            assert {k: entry[k] for k in ("jd", "ra", "pid")} == {
                k: old[k] for k in ("jd", "ra", "pid")
            }
            assert entry["magpsf"] == round(old["magpsf"], 4)
        sent[name, one.candid] = latest
    assert min(seen.values()) > COUNT


def test_histories_are_sorted_unique_and_never_empty(packets: list[Packet]) -> None:
    for one, history in entries(packets, "prv_candidates"):
        assert history
        times = [entry["jd"] for entry in history]
        assert times == sorted(times)
        assert len({entry["pid"] for entry in history}) == len(history)
        assert times[-1] < one.record["candidate"]["jd"] <= times[0] + 30
    lengths = [len(history) for _, history in entries(packets, "fp_hists")]
    assert 20 <= np.mean(lengths) <= 30


def test_what_an_exposure_saw_is_the_same_in_every_packet(packets: list[Packet]) -> None:
    limits: dict[int, Record] = {}
    for _, history in entries(packets, "prv_candidates"):
        for entry in history:
            if entry["candid"] is None:
                assert limits.setdefault(entry["pid"], entry) == entry


def test_forced_photometry_has_its_statuses_and_sentinels(packets: list[Packet]) -> None:
    forced_entries = [entry for _, history in entries(packets, "fp_hists") for entry in history]
    by_status = {entry["procstatus"] for entry in forced_entries}
    assert by_status == {"0", "56", "61"}
    for entry in forced_entries:
        assert (entry["procstatus"] == "61") == (entry["forcediffimflux"] == -99999)
        assert (entry["magnr"] == -99999) == (entry["ranr"] == -99999)


def test_sentinels_occur(packets: list[Packet]) -> None:
    latest = [one.record["candidate"] for one in simulate(3000, SEED, NIGHT)]
    for name in ("distnr", "magnr", "ranr", "ssdistnr", "sgmag2", "neargaia", "maggaiabright"):
        values = {one[name] == -999 for one in latest}
        assert values == {True, False}, name
    assert any(one["ssnamenr"] == "null" for one in latest)
    assert any(one["ssnamenr"] != "null" for one in latest)
    assert {one["isdiffpos"] for one in latest} == {"t", "f"}
    assert {one["fid"] for one in latest} == {1, 2, 3}


def test_objects_lie_at_the_pole_and_across_ra_0(packets: list[Packet]) -> None:
    where = {
        one.record["objectId"]: (one.record["candidate"]["ra"], one.record["candidate"]["dec"])
        for one in packets
    }
    assert sum(dec > 89.5 for _, dec in where.values()) >= 5
    assert sum(ra < 0.31 for ra, _ in where.values()) >= 1
    assert sum(ra > 359.69 for ra, _ in where.values()) >= 1
    assert sum(not 0.31 <= ra <= 359.69 for ra, _ in where.values()) >= 4
    assert all(0 <= ra < 360 and -31.01 < dec <= 90 for ra, dec in where.values())


def test_stamps_are_fits_with_the_source_in_them(packets: list[Packet]) -> None:
    nans = oblong = 0
    for one in packets:
        for kind in CUTOUTS:
            stamp = one.record[kind]
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                with fits.open(io.BytesIO(gzip.decompress(stamp["stampData"]))) as file:
                    file.verify("exception")
                    pixels = np.array(file[0].data)
                    header = file[0].header
            assert header["BUNIT"] == "DN"
            assert "CRVAL1" not in header
            assert pixels.dtype == np.dtype(">f4")
            if kind != "cutoutDifference":
                continue
            nans += bool(np.isnan(pixels).any())
            oblong += pixels.shape != (63, 63)
            if pixels.shape == (63, 63) and one.record["candidate"]["scorr"] > 15:
                middle = pixels[31, 31] - np.nanmedian(pixels)
                assert (middle > 0) == (one.record["candidate"]["isdiffpos"] == "t")
    assert 0.08 < nans / COUNT < 0.18
    assert 0 < oblong < 0.05 * COUNT


@pytest.mark.parametrize(
    ("name", "write"),
    [("packets", to_folder), ("n.tar.gz", to_tarball), ("n.tar", to_tarball)],
)
def test_folder_and_tarball_hold_the_same_bytes(
    tmp_path: Path, packets: list[Packet], name: str, write: Callable[..., int]
) -> None:
    some = packets[:20]
    assert write(some, tmp_path / name) == len(some)
    assert list(read_files(str(tmp_path / name))) == [(f"{p.candid}.avro", p.message) for p in some]


def test_the_tarball_is_the_same_again(tmp_path: Path, packets: list[Packet]) -> None:
    for name in ("a.tar.gz", "b.tar.gz"):
        to_tarball(packets[:5], tmp_path / name)
    assert (tmp_path / "a.tar.gz").read_bytes() == (tmp_path / "b.tar.gz").read_bytes()
    with tarfile.open(tmp_path / "a.tar.gz") as archive:
        assert len(archive.getnames()) == 5


@pytest.mark.parametrize("codec", ["null", "deflate", "snappy"])
@pytest.mark.parametrize("records", [0, 1, 3])
def test_builder_makes_messages_of_every_kind(codec: Any, records: int) -> None:
    found = read(packet(candid=3000_12345_21_15_015007, codec=codec, records=records))
    assert [one["candid"] for one in found] == [3000_12345_21_15_015007 + n for n in range(records)]
    for one in found:
        assert one["candidate"]["pid"] == 3000_12345_21_15
        assert one["candidate"]["rcid"] == 21
        assert one["candidate"]["jd"] == pytest.approx(2457754.5 + 3000.12345)


def test_builder_changes_only_what_is_named() -> None:
    history = [limit(pid=3000_12345_21_15), detection(candid=3001_12345_21_15_015007)]
    made = alert(object_id="ZTF26aaaaaaa", ra=1.5, prv_candidates=history, fp_hists=[forced()])
    (found,) = read(packet(object_id="ZTF26aaaaaaa", ra=1.5, cutouts=None))
    assert found["candidate"] == on_the_wire(made)["candidate"]
    assert found["candidate"]["ra"] == 1.5
    assert found["cutoutScience"] is None
    assert made["prv_candidates"][0]["candid"] is None
    (late,) = read(packet(jd=2461000.7, fp_hists=[forced(pid=1)], prv_candidates=history))
    assert late["candid"] // 10**15 == 3246
    assert [one["pid"] for one in late["fp_hists"]] == [1]
    with pytest.raises(TypeError, match="magpfs"):
        packet(magpfs=1.0)
