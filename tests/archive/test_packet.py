"""Messages in, packets out: against fastavro on real ones, and against damage of every kind."""

import csv
import io
import json
import random
from pathlib import Path
from typing import Any

import fastavro
import numpy as np
import pytest

from archive.errors import LONGEST_REASON, DamagedPacket
from archive.surveys.ztf import packet as packet_module
from archive.surveys.ztf.layout import EARLIER, FORCED_ENTRY
from archive.surveys.ztf.packet import MAX_EXTRA, Packet, decode, packets_of
from archive.surveys.ztf.tables import STAMPS
from dev.simulator import ocf, schema
from tests.packets import alert, detection, forced, limit, packet


def assert_same(ours: Packet, record: dict[str, Any], message: bytes) -> None:
    """A packet equals the record that fastavro reads, field by field."""
    assert (ours.object_id, ours.id) == (record["objectId"], record["candid"])
    assert ours.fields == record["candidate"]
    assert ours.schemavsn == record.get("schemavsn")
    earlier = record["prv_candidates"] or []
    if earlier and "candid" not in earlier[0]:
        assert ours.earlier == []
        assert ours.forced == [tuple(e.get(f) for f in FORCED_ENTRY) for e in earlier]
    else:
        assert ours.earlier == [tuple(e.get(f) for f in EARLIER) for e in earlier]
        fp_hists = record.get("fp_hists") or []
        assert ours.forced == [tuple(e.get(f) for f in FORCED_ENTRY) for e in fp_hists]
    for stamp, span in zip(STAMPS, ours.stamps, strict=True):
        cutout = record[f"cutout{stamp.capitalize()}"]
        data = span and ours.body[span.offset : span.offset + span.length]
        assert data == (cutout and cutout["stampData"])
        assert span is None or ours.body is message


def test_every_real_packet_as_fastavro_reads_it(real: Path) -> None:
    with (real / "ztf" / "manifest.csv").open() as file:
        names = sorted({row["file"] for row in csv.DictReader(file)})
    count = 0
    for name in names:
        data = (real / "ztf" / name).read_bytes()
        got = decode(data)
        assert got.damage is None, name
        for ours, record in zip(got.packets, fastavro.reader(io.BytesIO(data)), strict=True):
            assert isinstance(record, dict)
            assert_same(ours, record, data)
            count += 1
    assert count == 877


def test_every_damaged_file_says_why(real: Path) -> None:
    files = sorted((real / "ztf_malformed").rglob("*.avro"))
    reasons = {f.parent.name: decode(f.read_bytes()).damage for f in files}
    assert len(files) == 23
    assert reasons == {
        "eol_damaged": "a block does not end in the sync marker",
        "eol_damaged_simulated": "a block does not end in the sync marker",
        "trailing_garbage": "a block of 276 records in 8 bytes, 84657 left",
        "zero_records": "no record in the file",
    }


def history() -> dict[str, Any]:
    return {"prv_candidates": [limit(), detection(), limit()], "fp_hists": [forced(), forced()]}


@pytest.mark.parametrize("codec", ["null", "deflate", "snappy"])
@pytest.mark.parametrize("records", [1, 3])
def test_codecs_and_several_records(codec: Any, records: int) -> None:
    message = packet(codec=codec, records=records, **history())
    got = decode(message)
    assert got.damage is None
    assert len({p.id for p in got.packets}) == records
    for ours, record in zip(got.packets, fastavro.reader(io.BytesIO(message)), strict=True):
        assert isinstance(record, dict)
        assert_same(ours, record, message if codec == "null" else ours.body)


def test_the_payload_hash_is_of_the_content_alone() -> None:
    message = packet(**history())
    other_sync = message.replace(message[-16:], b"0123456789abcdef")
    assert message != other_sync
    hashes = {decode(m).packets[0].payload_hash for m in (message, other_sync)}
    assert len(hashes) == 1
    assert decode(packet(magpsf=18.5)).packets[0].payload_hash not in hashes


def test_every_cut_is_damage_and_none_is_a_packet() -> None:
    message = packet(**history())
    for length in [*range(100), *range(100, len(message), 97), len(message) - 1]:
        got = decode(message[:length])
        assert got.packets == []
        assert got.damage


@pytest.mark.parametrize(("codec", "times"), [("null", 1500), ("deflate", 300), ("snappy", 300)])
def test_flipped_bytes_are_damage_or_another_alert(codec: Any, times: int) -> None:
    """Without the last net of `decode`: nothing but DamagedPacket may come."""
    message = packet(codec=codec, **history())
    rng = random.Random(3)
    damaged = 0
    for _ in range(times):
        broken = bytearray(message)
        for _ in range(rng.choice([1, 1, 3, 20])):
            broken[rng.randrange(len(broken))] = rng.randrange(256)
        try:
            assert len(list(packets_of(bytes(broken)))) == 1
        except DamagedPacket:
            damaged += 1
        assert (decode(bytes(broken)).damage or "").isprintable()
    assert 0 < damaged < times


def test_a_sound_block_before_the_damage_counts() -> None:
    got = decode(packet() + b"\x02\x08garbage")
    assert len(got.packets) == 1
    assert got.damage is not None


def container(written_by: Any, body: bytes, count: int = 1) -> bytes:
    """An object container file made by hand around whatever body."""

    def text(data: bytes) -> bytes:
        return number(len(data)) + data

    head = written_by if isinstance(written_by, bytes) else json.dumps(written_by).encode()
    sync = b"s" * 16
    meta = text(b"avro.schema") + text(head)
    return b"Obj\x01" + number(1) + meta + b"\0" + sync + number(count) + text(body) + sync


def number(n: int) -> bytes:
    n = (n << 1) ^ (n >> 63)
    out = b""
    while n > 127:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])


def schema_with(**changes: Any) -> dict[str, Any]:
    """The simulator's schema with the candidate's field types changed, or fields added."""
    copy: dict[str, Any] = json.loads(schema.SCHEMA_TEXT)
    candidate = next(f for f in copy["fields"] if f["name"] == "candidate")["type"]
    names = {f["name"]: f for f in candidate["fields"]}
    for name, kind in changes.items():
        if name in names:
            names[name]["type"] = kind
            names[name].pop("default", None)
        else:
            candidate["fields"].append({"name": name, "type": kind})
    return copy


def written(by: dict[str, Any], record: dict[str, Any]) -> bytes:
    out = io.BytesIO()
    fastavro.writer(out, by, [record])
    return out.getvalue()


def test_an_unknown_field_is_kept_as_json() -> None:
    record = alert()
    record["candidate"] |= {"novelty": 0.5, "model": "v\0x", "tags": ["a", "b"]}
    record["alertId"] = b"\x00\xff"
    grown = schema_with(novelty="double", model="string", tags={"type": "array", "items": "string"})
    grown["fields"].append({"name": "alertId", "type": "bytes"})
    got = decode(written(grown, record))
    assert got.damage is None
    extra = json.loads(got.packets[0].extra or "")
    assert extra == {
        "alert": {"alertId": "AP8="},
        "candidate": {"novelty": 0.5, "model": "v\ufffdx", "tags": ["a", "b"]},
    }
    assert "novelty" not in got.packets[0].fields


def test_a_type_that_fits_no_column_is_refused_by_name() -> None:
    record = alert(rb=0.5)
    record["candidate"]["rb"] = "good"
    got = decode(written(schema_with(rb="string"), record))
    assert got.damage == "candidate.rb is string, not int, long, float or double"
    assert got.refused


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"ra": 360.5}, "candidate.ra = 360.5 is not in"),
        ({"ra": float("nan")}, "candidate.ra = nan is not in"),
        ({"dec": -91.0}, "candidate.dec"),
        ({"jd": float("inf"), "candid": 2800000000015000001}, "candidate.jd"),
        ({"ra": -1e-9}, "candidate.ra = -1e-09 is not in"),
        ({"object_id": "ZTF\0"}, "objectId holds a NUL"),
        ({"rbversion": "\0"}, "candidate.rbversion holds a NUL"),
        ({"isdiffpos": "\0"}, "candidate.isdiffpos holds a NUL"),
        ({"fp_hists": [forced(procstatus="\0")]}, "fp_hists.procstatus holds a NUL"),
        ({"object_id": "Z" * 65}, "objectId has 65 characters, more than 64"),
        ({"ssnamenr": "9" * 201}, "candidate.ssnamenr has 201 characters, more than 200"),
        ({"programpi": "ž" * 201}, "candidate.programpi has 201 characters"),
        ({"fp_hists": [forced(procstatus="0" * 201)]}, "fp_hists.procstatus has 201 characters"),
    ],
)
def test_what_could_not_be_a_row_is_refused_by_name(changes: dict[str, Any], said: str) -> None:
    got = decode(packet(**changes))
    assert got.packets == []
    assert said in str(got.damage)
    assert got.refused


@pytest.mark.parametrize("name", ["publisher", "schemavsn", "objectId", "candid"])
def test_values_of_the_alert_itself_are_refused_by_name(name: str) -> None:
    record = alert() | {name: 5 if name == "candid" else "x" * 201}
    got = decode(ocf.message(record))
    assert name in str(got.damage).split()
    assert got.refused


@pytest.mark.parametrize(
    ("ra", "stored"), [(360.0, 0.0), (-0.0, 0.0), (0.0, 0.0), (359.99999999999994,) * 2]
)
def test_a_whole_turn_is_no_turn(ra: float, stored: float) -> None:
    (got,) = decode(packet(ra=ra)).packets
    assert repr(got.fields["ra"]) == repr(stored)


def test_every_value_of_every_number_is_kept_as_it_came() -> None:
    """What the archive makes of them is for rows.py; only what places an alert is looked at."""
    odd = (float("nan"), float("-inf"), -3e38, -999.0, 0.0)
    for value in odd:
        history = [detection(jd=value, candid=1, magpsf=value), limit(jd=value, pid=1, fid=9)]
        got = decode(packet(magpsf=value, rb=value, scorr=value, prv_candidates=history))
        assert got.damage is None
        assert repr(got.packets[0].fields["rb"]) == repr(float(np.float32(value)))


def test_a_text_without_a_nul_is_kept_as_it_is() -> None:
    record = alert()
    record["candidate"] |= {"model": "\\u0000 \\\0\0 \\\\u0000"}
    got = decode(written(schema_with(model="string"), record))
    extra = json.loads(got.packets[0].extra or "")
    assert extra["candidate"]["model"] == "\\u0000 \\\ufffd\ufffd \\\\u0000"


def test_unknown_fields_have_a_bound_together() -> None:
    record = alert()
    record["candidate"] |= {"model": "m" * MAX_EXTRA}
    got = decode(written(schema_with(model="string"), record))
    assert str(got.damage).startswith("candidate.model: 1000")
    assert got.refused


def test_a_reason_can_be_kept_and_read() -> None:
    """A name out of a schema may hold anything, in any length."""
    for name in ("\0", "a\nb\t\x1b[2J", "\u202e", "x" * 100_000):
        kind = {"type": "record", "name": "alert", "fields": [{"name": name, "type": "no such"}]}
        got = decode(container(kind, b""))
        assert got.refused
        assert got.damage is not None
        assert got.damage.isprintable()
        assert len(got.damage) <= LONGEST_REASON


@pytest.mark.parametrize("error", [RecursionError("too deep"), MemoryError(), KeyError("\0")])
def test_a_fault_of_ours_is_told_as_well(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_text: bytes) -> Any:
        raise error

    monkeypatch.setattr(packet_module, "layout_of", fails)
    got = decode(packet())
    assert got.packets == []
    assert got.refused
    assert str(got.damage).startswith(f"cannot be read: {type(error).__name__}: ")
    assert str(got.damage).isprintable()


NESTED = json.dumps(
    {"type": "record", "name": "a", "fields": [{"name": "candidate", "type": "int"}]}
)


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"Obj\x01",
        b"Obj\x02" + b"x" * 50,
        b"x" * 3_000_000,
        container(b"[" * 100_000, b""),
        container(b'{"type":' * 50_000, b""),
        container(b"{}", b""),
        container("int", b"\0"),
        container(["null", "string"], b"\0"),
        container(NESTED.encode(), b"\0"),
        container(schema_with(), b"\0" * 40, count=2**40),
        container(schema_with(), b"", count=-1),
        container(schema_with(), b"\xff" * 11),
        b"Obj\x01" + number(2**62) + b"x" * 100,
        b"Obj\x01" + number(1) + number(2**60) + b"x" * 100,
    ],
)
def test_hostile_messages_are_told_not_raised(message: bytes) -> None:
    got = decode(message)
    assert got.packets == []
    assert got.damage
