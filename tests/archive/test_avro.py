"""A schema's legal spellings are one type; what is no Avro, or too much of it, is refused."""

import io
import json
from typing import Any

import fastavro
import pytest

from archive.avro import (
    MAX_BRANCHES,
    MAX_DEPTH,
    MAX_TYPES,
    Array,
    Branches,
    Enum,
    Fixed,
    Map,
    Record,
    read_schema,
    word,
)
from archive.decoder import Read, compile_reader
from archive.errors import DamagedPacket, RefusedPacket
from tests.archive.test_packet import number


def reader(schema: Any) -> Read:
    return compile_reader(read_schema(schema), {}, frozenset())


def record(*types: Any, **more: Any) -> dict[str, Any]:
    fields = [{"name": f"f{n}", "type": kind} for n, kind in enumerate(types)]
    return {"type": "record", "name": "r", "fields": fields} | more


FIXED = {"type": "fixed", "name": "id", "size": 4}
NULL_OR_FLOAT = Branches(("null", "float"))


@pytest.mark.parametrize(
    ("spelled", "read"),
    [
        ("double", "double"),
        ({"type": "double"}, "double"),
        ({"type": {"type": "double"}}, "double"),
        ({"type": {"type": "double", "unit": "d"}, "doc": "a time"}, "double"),
        ({"type": "string", "avro.java.string": "String"}, "string"),
        ({"type": "long", "logicalType": "timestamp-micros"}, "long"),
        ({"type": "int", "logicalType": ["no", {"such": "type"}]}, "int"),
        (["null", {"type": "float"}], NULL_OR_FLOAT),
        ({"type": ["null", "float"]}, NULL_OR_FLOAT),
        (["float", "null"], Branches(("float", "null"))),
        (["float"], Branches(("float",))),
        ({"type": "array", "items": {"type": "int"}, "default": []}, Array("int")),
        ({"type": "map", "values": ["null", "int"]}, Map(Branches(("null", "int")))),
        ({"type": "enum", "name": "e", "aliases": ["x"], "symbols": ["A"]}, Enum(("A",))),
        (record(FIXED, "id"), Record({"f0": Fixed(4), "f1": Fixed(4)})),
        (record(FIXED, {"type": "id"}), Record({"f0": Fixed(4), "f1": Fixed(4)})),
        (
            record(FIXED, "n.id", ["null", "id"], namespace="n"),
            Record({"f0": Fixed(4), "f1": Fixed(4), "f2": Branches(("null", Fixed(4)))}),
        ),
        (
            record(FIXED, record("id", name="a.b")),
            Record({"f0": Fixed(4), "f1": Record({"f0": Fixed(4)})}),
        ),
        ({"type": "record", "name": "r", "fields": []}, Record({})),
    ],
)
def test_spellings_of_a_type_are_one(spelled: Any, read: Any) -> None:
    assert read_schema(spelled) == read
    assert type(read_schema(spelled)) is type(read)


def nested(depth: int) -> Any:
    return {"type": "array", "items": nested(depth - 1)} if depth else "int"


def doubling(depth: int) -> dict[str, Any]:
    """Records of two fields each, the second a reference to the first: 2 ** depth ints."""
    inner: Any = record("int", name="r0")
    for n in range(1, depth):
        inner = record(inner, f"r{n - 1}", name=f"r{n}")
    return dict(inner)


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ("nosuch", "the schema: the type 'nosuch' is not known"),
        (record("n\0"), "f0: the type 'n\\x00' is not known"),
        (None, "the schema: has no type"),
        ({}, "the schema: has no type"),
        ({"type": 5}, "the schema: has 5 for a type"),
        (record("r"), "f0: the type 'r' holds itself"),
        (record({"type": "array", "items": ["null", "r"]}), "f0: the type 'r' holds itself"),
        (record(["null", ["int"]]), "f0: a union within a union"),
        (record(["int", {"type": "int"}]), "f0: a union that has a type twice: int or int"),
        (record([nested(1), nested(2)]), "f0: a union that has a type twice"),
        (record([]), "f0: a union of 0 types"),
        (record(["null"] * (MAX_BRANCHES + 1)), f"f0: a union of {MAX_BRANCHES + 1} types"),
        (record({"type": "fixed", "name": "f", "size": "big"}), "f0: a fixed without a size"),
        (record({"type": "fixed", "name": "f", "size": -1}), "f0: a fixed without a size"),
        (record({"type": "fixed", "name": "f", "size": True}), "f0: a fixed without a size"),
        (record({"type": "fixed", "size": 1}), "without a name"),
        ({"type": "record", "name": ["r"], "fields": []}, "without a name"),
        ({"type": "enum", "name": "e", "symbols": "AB"}, "lacks the list"),
        ({"type": "enum", "name": "e", "symbols": [["A"]]}, "a symbol that is no text"),
        ({"type": "record", "name": "r"}, "lacks the list"),
        ({"type": "record", "name": "r", "fields": ["f"]}, "a field that has no name"),
        ({"type": "record", "name": "r", "fields": [{"type": "int"}]}, "a field that has no name"),
        ({"type": "record", "name": "r", "fields": [{"name": "x"}]}, "x: has no type"),
        (record(record("int", "int", {"type": "map"})), "f0: the type 'r' holds itself"),
        (record(record({"type": "map"}, name="s")), "f0.f0: has no type"),
        (nested(MAX_DEPTH + 1), f"the schema: nested more than {MAX_DEPTH} deep"),
        (record(*["int"] * MAX_TYPES), f"a schema of more than {MAX_TYPES} types"),
        (doubling(MAX_DEPTH + 1), f"nested more than {MAX_DEPTH} deep"),
    ],
)
def test_what_is_no_avro_or_too_much_of_it_is_refused(bad: Any, said: str) -> None:
    with pytest.raises(RefusedPacket) as refused:
        read_schema(bad)
    assert said in str(refused.value)


def test_a_field_that_is_there_twice_is_refused() -> None:
    twice = record("int", "int")
    twice["fields"][1]["name"] = "f0"
    with pytest.raises(RefusedPacket, match="f0: is there twice"):
        read_schema(twice)


def test_references_that_double_at_each_step_stay_within_the_bounds() -> None:
    wide = record(*[record(*["int"] * 50, name="a")], *["a"] * 200)
    with pytest.raises(RefusedPacket, match=f"more than {MAX_TYPES} types"):
        read_schema(wide)
    assert word(read_schema(doubling(MAX_DEPTH))) == "record"


NOTHING = {"type": "record", "name": "n", "fields": [{"name": "x", "type": "null"}]}


@pytest.mark.parametrize("items", ["null", NOTHING, {"type": "fixed", "name": "f", "size": 0}])
def test_arrays_of_nothings_cannot_spin(items: Any) -> None:
    with pytest.raises(RefusedPacket, match="no bytes"):
        read_schema({"type": "array", "items": {"type": "array", "items": items}})


def test_a_count_beyond_the_bytes_is_refused() -> None:
    read = reader({"type": "array", "items": "int"})
    with pytest.raises(DamagedPacket, match="items where"):
        read(number(2**50) + b"\0", 0, 9)


@pytest.mark.parametrize("kind", ["array", "map"])
def test_the_deepest_schema_compiles(kind: str) -> None:
    deepest: Any = "int"
    for _ in range(MAX_DEPTH):
        deepest = {"type": kind, "items": deepest, "values": deepest}
    assert reader(deepest)(b"\0", 0, 1) == ([] if kind == "array" else {}, 1)


def test_the_widest_union_is_read_to_its_last_branch() -> None:
    kinds = [{"type": "fixed", "name": f"x{n}", "size": n} for n in range(MAX_BRANCHES)]
    assert reader(kinds)(bytes([2 * 63]) + bytes(63), 0, 64) == (bytes(63), 64)


def test_a_schema_cannot_write_code() -> None:
    name = "x'] or __import__('os').abort() or b['"
    evil = {"type": "record", "name": name, "fields": [{"name": name, "type": "int"}]}
    assert reader(evil)(b"\x06", 0, 1) == ({name: 3}, 1)


EVERY = {
    "type": "record",
    "name": "all",
    "namespace": "space",
    "fields": [
        {"name": "n", "type": "null"},
        {"name": "t", "type": "boolean"},
        {"name": "i", "type": {"type": "int"}},
        {"name": "l", "type": "long"},
        {"name": "f", "type": "float"},
        {"name": "d", "type": "double"},
        {"name": "b", "type": "bytes"},
        {"name": "s", "type": "string"},
        {"name": "e", "type": {"type": "enum", "name": "e", "symbols": ["A", "B"]}},
        {"name": "x", "type": {"type": "fixed", "name": "x", "size": 3}},
        {"name": "m", "type": {"type": "map", "values": "long"}},
        {"name": "u", "type": ["null", "space.e", "string"]},
        {"name": "a", "type": {"type": "array", "items": ["null", "double"]}},
    ],
}
VALUE: dict[str, Any] = {
    "n": None,
    "t": True,
    "i": -(2**31),
    "l": 2**62,
    "f": 0.5,
    "d": -1e300,
    "b": b"\0z",
    "s": "ž",
    "e": "B",
    "x": b"abc",
    "m": {"k": -5},
    "u": "A",
    "a": [None, 2.5],
}


def test_every_avro_type_against_fastavro() -> None:
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(json.loads(json.dumps(EVERY))), VALUE)
    assert reader(EVERY)(out.getvalue(), 0, len(out.getvalue()))[0] == VALUE
