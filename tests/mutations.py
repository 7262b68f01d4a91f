"""Packets of a schema that is no longer ours: some of its fields changed at random.

The values fit the changed schema and are written by fastavro, so every message is a sound Avro
file; whether it is still an alert's is for `decode` to say.
"""

import io
import json
import pickle
from random import Random
from typing import Any, NamedTuple

import fastavro

from dev.simulator import encoding, schema
from tests.packets import CUTOUTS, Record, alert, detection, forced, limit

FIRST = 3613372962515010000
WHOLE = (0, 1, -1, 2**31 - 1, -(2**31))
REAL = (0.0, -0.0, 17.25, -999.0, -99999.0, 3e38, 1e-40, float("nan"), float("inf"))
VALUES: dict[str, tuple[Any, ...]] = {
    "null": (None,),
    "boolean": (True, False),
    "int": WHOLE,
    "long": (*WHOLE, 2**31, -(2**31) - 1, 2**63 - 1, -(2**63)),
    "float": REAL,
    "double": (*REAL, 1e300, -1e300, 2460000.5),
    "bytes": (b"", b"\0\xff", b"x" * 500),
    "string": ("", "t", "0", "null", "NUL \0", "\\u0000", "žluť", "\U0010ffff", "long" * 900),
}
COMPLEX = ("fixed", "enum", "array", "map", "record")
LEFT_OUT = 0.85
NEVER_LEFT_OUT = {"jd", "fid", "pid", "programid", "candid", "ra", "dec", "fileName", "stampData"}
MORE = {
    "int": {"logicalType": "date"},
    "long": {"logicalType": "timestamp-micros"},
    "string": {"avro.java.string": "String"},
    "bytes": {"logicalType": "unheard-of"},
}


class Mutation(NamedTuple):
    """A message, and the paths of the fields that were changed for it."""

    fields: tuple[str, ...]
    message: bytes


def mutated(seed: int) -> bytes:
    """The message alone; the same seed gives the same bytes, another one another candid."""
    return mutation(seed).message


def mutation(seed: int) -> Mutation:
    """A simulated alert with history, up to three fields of its schema changed.

    Most of the fields that an alert can do without are left out, others for each seed.
    """
    rng = Random(seed)
    mutant = _Mutant(rng, seed)
    for _ in range(rng.choice((1, 1, 2, 3))):
        mutant.change()
    return Mutation(
        tuple(mutant.changed), container(_named_once(mutant.schema, {}), [mutant.record])
    )


def container(by: Any, records: list[Record], text: str | None = None) -> bytes:
    """An object container file; the schema's text stands in it as it is, spellings and all."""
    written = text or json.dumps(by)
    parsed = fastavro.parse_schema(json.loads(json.dumps(by)))
    out = io.BytesIO()
    for record in records:
        fastavro.schemaless_writer(out, parsed, record)
    body = out.getvalue()
    head = encoding.long(1) + encoding.text("avro.schema") + encoding.text(written)
    sync = b"0123456789abcdef"
    size = encoding.long(len(records)) + encoding.long(len(body))
    return b"".join((b"Obj\x01", head, b"\0", sync, size, body, sync))


def _named_once(kind: Any, seen: dict[str, Any]) -> Any:
    """The schema with each named type written where it stands first, and its name elsewhere."""
    if isinstance(kind, list):
        return [_named_once(one, seen) for one in kind]
    if not isinstance(kind, dict):
        return kind
    if kind.get("type") in ("record", "enum", "fixed"):
        name = kind["name"]
        while seen.get(name, kind) != kind:
            name += "_"
        if name in seen:
            return f"ztf.alert.{name}"
        seen[name] = kind
        kind = kind | {"name": name, "namespace": "ztf.alert"}
    parts = {key: kind[key] for key in ("type", "items", "values") if key in kind}
    read = {key: _named_once(value, seen) for key, value in parts.items()}
    if "fields" in kind:
        read["fields"] = [f | {"type": _named_once(f["type"], seen)} for f in kind["fields"]]
    return kind | read


class _Mutant:
    """A schema and a record of it, changed together."""

    def __init__(self, rng: Random, seed: int) -> None:
        self.rng = rng
        self.changed: list[str] = []
        whole = alert(
            candid=FIRST + seed,
            prv_candidates=[limit(), detection()],
            fp_hists=[forced(), forced()],
        )
        self.record: Record = pickle.loads(pickle.dumps(whole))
        self.schema: Any = json.loads(schema.SCHEMA_TEXT)
        for field in self.schema["fields"]:
            if field["name"] in CUTOUTS:
                field["type"] = ["null", json.loads(json.dumps(schema.CUTOUT))]
        for holder in ("candidate", "prv_candidates", "fp_hists"):
            fields, values = self._held(holder)
            for field in fields[:]:
                if field["name"] not in NEVER_LEFT_OUT and rng.random() < LEFT_OUT:
                    self._remove(field, fields, values)

    def change(self) -> None:
        """Make one change, and note the paths of the fields that it concerns."""
        holder = self.rng.choice(("candidate", "prv_candidates", "fp_hists", "cutoutScience", ""))
        fields, values = self._held(holder)
        if not fields:
            # Its own field was changed before.
            return self.change()
        field = self.rng.choice(fields)
        name = field["name"]
        field.pop("default", None)
        match self.rng.randrange(12):
            case 0:
                self._remove(field, fields, values)
            case 1:
                self._remove(field, fields, values, keep_as=f"{name}_")
            case 2:
                field = self._add(fields, values)
            case 3:
                self.rng.shuffle(fields)
            case 4:
                self._let_be_null(field, values)
            case 5 | 6 | 7:
                field["type"] = self._respelled(field["type"])
            case _:
                self._retype(field, values)
        self.changed += [f"{holder}.{n}".lstrip(".") for n in dict.fromkeys((name, field["name"]))]
        return None

    def _held(self, holder: str) -> tuple[list[Any], list[Record]]:
        """The fields of a record, or of a list's entries, that are still there; and all values."""
        if not holder:
            return self.schema["fields"], [self.record]
        types = [field["type"] for field in self.schema["fields"] if field["name"] == holder]
        branches = [one for kind in types for one in (kind if isinstance(kind, list) else [kind])]
        for kind in branches:
            held = kind["items"] if isinstance(kind, dict) and kind["type"] == "array" else kind
            value = self.record[holder]
            if isinstance(held, dict) and held["type"] == "record" and value:
                return held["fields"], value if isinstance(value, list) else [value]
        return [], []

    def _remove(
        self, field: Any, fields: list[Any], values: list[Record], keep_as: str | None = None
    ) -> None:
        for value in values:
            held = value.pop(field["name"])
            if keep_as:
                value[keep_as] = held
        if keep_as:
            field["name"] = keep_as
        else:
            fields.remove(field)

    def _add(self, fields: list[Any], values: list[Record]) -> Any:
        """A field that we do not know, or know by that name elsewhere."""
        known = {field["name"] for field in fields}
        new = f"new{len(known)}"
        names = [n for n in ("jd", "candidate", "stampData", "procstatus", new) if n not in known]
        field = {"name": self.rng.choice(names)}
        self._retype(field, values)
        fields.insert(self.rng.randrange(len(fields)), field)
        return field

    def _let_be_null(self, field: Any, values: list[Record]) -> None:
        if not isinstance(field["type"], list):
            field["type"] = ["null", field["type"]]
        for value in values:
            if "null" in field["type"] and self.rng.random() < 0.6:
                value[field["name"]] = None

    def _retype(self, field: Any, values: list[Record]) -> None:
        """Another type, and values of it; a list may also become its entry."""
        kind = self._type(3)
        before = field.get("type")
        lists = isinstance(before, list) and [k for k in before if isinstance(k, dict)]
        if lists and lists[0]["type"] == "array" and self.rng.random() < 0.5:
            kind = lists[0]["items"]
            values[0][field["name"]] = (values[0][field["name"]] or [None])[0]
            field["type"] = ["null", kind]
            return
        field["type"] = kind
        for value in values:
            value[field["name"]] = self._value(kind)

    def _respelled(self, kind: Any) -> Any:
        """The same type, written as other libraries write it."""
        if isinstance(kind, list):
            turned = kind[::-1] if self.rng.random() < 0.5 else kind
            return [self._spelled(one) for one in turned]
        return [kind] if self.rng.random() < 0.2 else self._spelled(kind)

    def _spelled(self, kind: Any) -> Any:
        if isinstance(kind, dict):
            return kind | {"doc": "as before", "owner": {"team": 1}}
        return {"type": kind} | MORE.get(kind, {"unit": "mag"})

    def _type(self, depth: int) -> Any:
        """A type at random; what it holds is nested `depth` deep at most."""
        if not depth or self.rng.random() < 0.6:
            plain = self.rng.choice([*VALUES])
            return [plain] if self.rng.random() < 0.1 else plain
        made: dict[str, Any] = {"type": self.rng.choice(COMPLEX)}
        match made["type"]:
            case "array":
                made["items"] = self._type(depth - 1)
            case "map":
                made["values"] = self._type(depth - 1)
            case "record":
                held = [{"name": f"x{n}", "type": self._type(depth - 1)} for n in range(3)]
                made |= {"name": self._name(), "fields": held}
            case "fixed":
                made |= {"name": self._name(), "size": self.rng.randrange(5)}
            case "enum":
                made |= {"name": self._name(), "symbols": ["t", "f", "OTHER"]}
        return ["null", made] if self.rng.random() < 0.3 else made

    def _name(self) -> str:
        return f"novel{self.rng.randrange(10**9)}"

    def _value(self, kind: Any) -> Any:
        """A value of the type."""
        if isinstance(kind, str):
            return self.rng.choice(VALUES[kind])
        if isinstance(kind, list):
            return self._value(self.rng.choice(kind))
        if kind["type"] == "array":
            return [self._value(kind["items"]) for _ in range(self.rng.randrange(4))]
        if kind["type"] == "map":
            return {key: self._value(kind["values"]) for key in ("", "a\0", "\\")}
        if kind["type"] == "record":
            return {field["name"]: self._value(field["type"]) for field in kind["fields"]}
        symbols = kind.get("symbols")
        return self.rng.choice(symbols) if symbols else b"\0" * kind["size"]
