"""What a schema must say to be an alert's: every field that is read, by its name."""

import json
from typing import Any

import pytest

from archive.errors import DamagedPacket, RefusedPacket
from archive.surveys.ztf.columns import CANDIDATE
from archive.surveys.ztf.layout import EARLIER, FORCED_ENTRY, MAX_SCHEMA, STAMP_FIELDS, layout_of
from archive.surveys.ztf.packet import Packet, decode
from dev.simulator import schema
from tests.mutations import container
from tests.packets import Record, alert, detection, forced, limit

READ = [
    *("schemavsn", "publisher", "objectId", "candid", "candidate", "prv_candidates", "fp_hists"),
    *(f"candidate.{column.name}" for column in CANDIDATE),
    *(f"prv_candidates.{name}" for name in EARLIER),
    *(f"fp_hists.{name}" for name in FORCED_ENTRY),
    # The first one holds the type that the others name.
    *STAMP_FIELDS[1:],
    "cutoutScience.stampData",
]


def fields_of(whole: Any, holder: str) -> list[Any]:
    """The fields of the alert, or of the record or the list's entries in one of its fields."""
    kind: Any = whole
    if holder:
        kind = next(field["type"] for field in whole["fields"] if field["name"] == holder)
    kind = kind[1] if isinstance(kind, list) else kind
    fields: list[Any] = (kind["items"] if kind["type"] == "array" else kind)["fields"]
    return fields


def changed(types: dict[str, Any]) -> Any:
    """The simulator's schema with fields of other types, more fields, or (type None) fewer."""
    whole = json.loads(schema.SCHEMA_TEXT)
    for path, kind in types.items():
        holder, _, name = path.rpartition(".")
        fields = fields_of(whole, holder)
        names = [field["name"] for field in fields]
        at = names.index(name) if name in names else len(names)
        fields[at : at + 1] = [] if kind is None else [{"name": name, "type": kind}]
    return whole


def refusal(types: dict[str, Any]) -> str:
    with pytest.raises(RefusedPacket) as refused:
        layout_of(json.dumps(changed(types)).encode())
    return str(refused.value)


@pytest.mark.parametrize("path", READ)
def test_every_field_that_is_read_has_a_type_that_is_refused_by_its_name(path: str) -> None:
    assert refusal({path: ["null", "boolean"]}).startswith(f"{path} is boolean, not ")


@pytest.mark.parametrize(
    ("types", "said"),
    [
        ({"publisher": "int"}, "publisher is int, not string"),
        ({"objectId": "bytes"}, "objectId is bytes, not string"),
        ({"candid": "double"}, "candid is double, not int or long"),
        ({"candidate.fid": "float"}, "candidate.fid is float, not int or long"),
        ({"candidate.rb": ["string", "float"]}, "candidate.rb is string, not int, long, float or"),
        ({"fp_hists.procstatus": "int"}, "fp_hists.procstatus is int, not string"),
        ({"prv_candidates": "string"}, "prv_candidates is string, not array of record"),
        (
            {"prv_candidates": {"type": "array", "items": ["null", "ztf.alert.candidate"]}},
            "prv_candidates is array of null or record, not array of record",
        ),
        ({"prv_candidates": "ztf.alert.candidate"}, "prv_candidates is record, not array of"),
        ({"cutoutDifference": "bytes"}, "cutoutDifference is bytes, not record"),
        ({"cutoutDifference": "ztf.alert.fp_hist"}, "cutoutDifference.stampData is missing"),
        ({"objectId": None}, "objectId is missing"),
        ({"candid": None}, "candid is missing"),
        ({"candidate": None}, "candidate is missing"),
        *(({f"candidate.{c.name}": None}, c.name) for c in CANDIDATE if c.required),
        ({"prv_candidates.candid": None}, "prv_candidates.candid is missing"),
        ({"novel": ["null", ["int"]]}, "novel: a union within a union"),
        ({"candidate.novel": "nosuch"}, "candidate.novel: the type 'nosuch' is not known"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(types: dict[str, Any], said: str) -> None:
    assert said in refusal(types)


def test_a_candidate_of_two_kinds_is_refused() -> None:
    other = {"type": "record", "name": "other", "fields": []}
    whole = changed({})
    field = next(field for field in whole["fields"] if field["name"] == "candidate")
    field["type"] = [field["type"], other]
    with pytest.raises(RefusedPacket, match="candidate is record or record: one is read"):
        layout_of(json.dumps(whole).encode())


@pytest.mark.parametrize(
    ("text", "error", "said"),
    [
        (b"{", DamagedPacket, "no JSON"),
        (b'{"a": NaN}', DamagedPacket, "no JSON"),
        (b"[" * 2000 + b"]" * 2000, DamagedPacket, "no JSON"),
        (b'["null", "int"]', RefusedPacket, "of a null or int, not of an alert's record"),
        (b'"int"', RefusedPacket, "of a int, not"),
        (b" " * (MAX_SCHEMA + 1), RefusedPacket, "more than the 256000 read"),
    ],
)
def test_what_is_no_schema_of_an_alert(text: bytes, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said) as raised:
        layout_of(text)
    assert type(raised.value) is error


def read(types: dict[str, Any], **record: Any) -> Packet:
    """The packet of the changed schema with changes to its record, which must be sound."""
    (packet,) = decode(written(types, record)).packets
    return packet


def reason(types: dict[str, Any], **record: Any) -> str:
    """Why it is none."""
    told = decode(written(types, record))
    assert told.packets == []
    assert told.refused
    return str(told.damage)


def written(types: dict[str, Any], changes: Record) -> bytes:
    history = {"prv_candidates": [limit(), detection()], "fp_hists": [forced()]}
    whole = alert(**history)  # type: ignore[arg-type] # mypy looks at the other arguments as well
    whole["candidate"] = whole["candidate"] | changes.pop("candidate", {})
    return container(changed(types), [whole | changes])


def column(packet: Packet, name: str) -> list[Any]:
    return [entry[EARLIER.index(name)] for entry in packet.earlier]


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("candidate.jd", {"type": "double"}),
        ("candidate.isdiffpos", {"type": "string", "avro.java.string": "String"}),
        ("candidate.drb", ["null", {"type": "float"}]),
        ("candidate.drb", [{"type": "float", "unit": ""}, "null"]),
        ("candidate.drb", ["float"]),
        ("candidate.pid", {"type": "long", "logicalType": "timestamp-micros"}),
        ("candidate.nid", "int"),
        ("candidate.nid", "long"),
        ("candidate.jd", ["null", "double"]),
        ("prv_candidates.jd", {"type": "double", "doc": "a time"}),
        ("prv_candidates.pid", ["long"]),
        ("fp_hists.procstatus", ["string", "null"]),
        ("objectId", {"type": "string", "logicalType": "uuid"}),
    ],
)
def test_another_spelling_of_a_type_reads_the_same(path: str, kind: Any) -> None:
    before, after = read({}), read({path: kind})
    named = {"prv_candidates": "earlier", "fp_hists": "forced"}
    holder = path.partition(".")[0]
    assert getattr(after, named.get(holder, "fields")) == getattr(
        before, named.get(holder, "fields")
    )
    assert (after.object_id, after.id) == (before.object_id, before.id)


def test_integers_are_read_where_floats_are_stored() -> None:
    packet = read({"candidate.scorr": "long", "candidate.rb": "int"}, candidate={"scorr": 2**62})
    assert packet.fields["scorr"] == 2**62
    assert type(packet.fields["rb"]) is int


@pytest.mark.parametrize("value", [2**31, -(2**31) - 1])
@pytest.mark.parametrize("path", ["candidate.nid", "candidate.fid"])
def test_a_long_is_read_as_far_as_its_column_holds_it(path: str, value: int) -> None:
    name = path.rpartition(".")[2]
    assert reason({path: "long"}, candidate={name: value}).startswith(f"{path} = {value} is not in")
    largest = 2**31 - 1 if value > 0 else -(2**31)
    assert read({path: "long"}, candidate={name: largest}).fields[name] == largest


def test_a_long_in_a_history_is_read_as_far_as_its_column_holds_it() -> None:
    types = {"prv_candidates.fid": ["null", "long"], "fp_hists.fid": "long"}
    assert column(read(types, prv_candidates=[limit(fid=None)]), "fid") == [None]
    assert read(types, prv_candidates=None).earlier == []
    assert "prv_candidates.fid = 2147483648" in reason(types, prv_candidates=[limit(fid=2**31)])
    assert "fp_hists.fid = -2147483649" in reason(types, fp_hists=[forced(fid=-(2**31) - 1)])


def test_a_list_that_cannot_be_null_or_is_not_there() -> None:
    entry = fields_of(changed({}), "prv_candidates")
    plain = {"type": "array", "items": {"type": "record", "name": "entry", "fields": entry}}
    assert len(read({"prv_candidates": plain}).earlier) == 2
    assert read({"prv_candidates": None, "fp_hists": "null"}, fp_hists=None).earlier == []


def test_forced_photometry_in_prv_candidates_is_added_to_that_of_fp_hists() -> None:
    """Schema 3.5 has the one, 4.01 the other; nothing forbids both."""
    items = {"type": "record", "name": "entry", "fields": schema.fields(schema.FORCED)}
    packet = read(
        {"prv_candidates": {"type": "array", "items": items}}, prv_candidates=[forced(pid=4321)]
    )
    assert packet.earlier == []
    assert [entry[FORCED_ENTRY.index("pid")] for entry in packet.forced] == [4321, forced()["pid"]]


def test_fields_of_other_names_are_no_fields_of_ours() -> None:
    stamp = {"type": "record", "name": "spare", "fields": [{"name": "stampData", "type": "bytes"}]}
    packet = read(
        {"jd": "string", "candidate.objectId": "int", "cutoutSpare": stamp},
        jd="noon",
        candidate={"objectId": 5},
        cutoutSpare={"stampData": b"\0"},
    )
    assert json.loads(packet.extra or "") == {
        "alert": {"jd": "noon", "cutoutSpare": {"stampData": "AA=="}},
        "candidate": {"objectId": 5},
    }
