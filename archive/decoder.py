"""One Python function per Avro schema, written as source and compiled: 3 times fastavro's speed.

The time of a packet goes into 25 to 60 history records of 30 to 57 nullable fields each, of which
we keep a dozen. fastavro reads them all, one call a field. The function made here knows the schema:
it steps over what is not wanted, and reads a run of nullable numbers at once, since nearly always
it is all there or all null: branch bytes lie a fixed stride apart, one comparison checks them.

Binary encoding: Apache Avro specification 1.11, "Binary Encoding". The source contains no text of
the schema but through `repr`, so that a hostile schema cannot write code.
"""

import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any, Final

from archive.binary import Span, bad, items, tail, tail32, text
from archive.errors import DamagedPacket

Schema = Any  # JSON of an Avro schema: a name, a list (union) or a dict
Read = Callable[[bytes, int, int], tuple[Any, int]]

MAX_DEPTH: Final = 12
MAX_FIELDS: Final = 1000
_NOT_AVRO: Final = (LookupError, TypeError, ValueError, AttributeError, SyntaxError, RecursionError)
_WIDTH: Final = {"float": 4, "double": 8}
_CODE: Final = {"float": "f", "double": "d"}


def compile_reader(schema: Schema, picked: Mapping[str, Sequence[str]], spans: str) -> Read:
    """A function (buffer, start, end) -> (record as a dict, where it ended).

    `picked` names fields of the record that are arrays of records: each entry becomes a tuple of
    the named fields, None where the schema lacks one. A field of bytes called `spans` becomes a
    Span instead of a copy. Raises DamagedPacket for a schema that is not Avro or out of bounds;
    the function also IndexError, struct.error or UnicodeDecodeError where the bytes do not fit it.
    """
    source = _Source(picked, spans)
    try:
        value = source.read(schema)
        body = "\n    ".join(["def read(b, p, end):", *source.lines, f"return {value}, p"])
        code = compile(body, "<avro schema>", "exec")
    except _NOT_AVRO as error:
        raise DamagedPacket(f"not an Avro schema: {type(error).__name__}: {error}") from error
    scope = dict(
        source.constants, tail=tail, tail32=tail32, bad=bad, text=text, items=items, Span=Span
    )
    exec(code, scope)  # noqa: S102 - our own text, see above
    read: Any = scope["read"]
    return read  # type: ignore[no-any-return] # it was made a line ago


class _Source:
    """The source in the making: lines, and the constants that they name."""

    def __init__(self, picked: Mapping[str, Sequence[str]], spans: str) -> None:
        self.lines: list[str] = []
        self.constants: dict[str, object] = {}
        self._picked = picked
        self._spans = spans
        self._named: dict[str, Schema] = {}
        self._depth = 0
        self._records: list[str] = []
        self._spaces: list[str] = [""]
        self._indent = ""
        self._count = 0

    def line(self, *lines: str) -> None:
        self.lines += [self._indent + line for line in lines]

    def name(self) -> str:
        self._count += 1
        if self._count > 20 * MAX_FIELDS:
            raise DamagedPacket(f"a schema of more than {MAX_FIELDS} fields")
        return f"v{self._count}"

    def constant(self, value: object) -> str:
        name = f"c{len(self.constants)}"
        self.constants[name] = value
        return name

    def block(self, head: str, write: Callable[[], object]) -> None:
        """`head` and, indented under it, what `write` writes."""
        self.line(head)
        self._indent += " "
        write()
        self._indent = self._indent[1:]

    def resolve(self, schema: Schema) -> Schema:
        """The schema with names looked up; remembers what it names."""
        if isinstance(schema, str):
            named = schema not in _KINDS
            return self._named[_full(schema, self._spaces[-1])] if named else {"type": schema}
        if isinstance(schema, dict) and isinstance(schema["type"], dict | list):
            return self.resolve(schema["type"])
        if isinstance(schema, dict) and schema["type"] in _NAMED:
            name = _full(schema["name"], schema.get("namespace", self._spaces[-1]))
            schema = schema | {"name": name}
            self._named[name] = schema
        return schema

    def read(self, schema: Schema, field: str = "", wanted: bool = True) -> str:
        """Write the reading of one value; returns the variable (or constant) that holds it."""
        schema = self.resolve(schema)
        if isinstance(schema, list):
            return self._union(schema, field, wanted)
        kind = schema["type"]
        if kind == "null":
            return "None"
        if kind not in _KINDS:
            raise DamagedPacket(f"an unknown Avro type: {kind!r}")
        if self._depth == MAX_DEPTH:
            raise DamagedPacket(f"a schema nested more than {MAX_DEPTH} deep")
        self._depth += 1
        value: str = getattr(self, f"_{kind}")(schema, field, wanted)
        self._depth -= 1
        return value

    def _boolean(self, _schema: Schema, _field: str, _wanted: bool) -> str:
        v = self.name()
        self.line(f"{v} = b[p] == 1", "p += 1")
        return v

    def _long(self, schema: Schema, _field: str, wanted: bool) -> str:
        if not wanted:
            self.line("while b[p] > 127: p += 1", "p += 1")
            return "None"
        v = self.name()
        tail = "tail32" if schema["type"] == "int" else "tail"
        self.line(f"{v} = b[p]", "p += 1", f"if {v} > 127: {v}, p = {tail}(b, p, {v})")
        self.line(f"{v} = ({v} >> 1) ^ -({v} & 1)")
        return v

    _int = _long

    def _float(self, schema: Schema, _field: str, wanted: bool) -> str:
        kind = schema["type"]
        v = self.name() if wanted else "None"
        if wanted:
            unpack = self.constant(struct.Struct("<" + _CODE[kind]).unpack_from)
            self.line(f"{v}, = {unpack}(b, p)")
        self.line(f"p += {_WIDTH[kind]}")
        return v

    _double = _float

    def _string(self, schema: Schema, field: str, wanted: bool) -> str:
        n = self._long(schema, field, True)
        v = self.name() if wanted else "None"
        checked = f"{v} = text(b, p, {n}, end)" if wanted else f"if {n} < 0: bad('a length', {n})"
        self.line(checked, f"p += {n}")
        return v

    def _bytes(self, schema: Schema, field: str, _wanted: bool) -> str:
        n, v = self._long(schema, field, True), self.name()
        self.line(f"if {n} < 0 or p + {n} > end: bad('a length', {n})")
        value = f"Span(p, {n})" if field == self._spans else f"b[p:p + {n}]"
        self.line(f"{v} = {value}", f"p += {n}")
        return v

    def _fixed(self, schema: Schema, _field: str, _wanted: bool) -> str:
        v, n = self.name(), abs(int(schema["size"]))
        self.line(f"{v} = b[p:p + {n}]", f"p += {n}")
        return v

    def _enum(self, schema: Schema, field: str, _wanted: bool) -> str:
        v = self._long(schema, field, True)
        symbols = self.constant(tuple(schema["symbols"]))
        self.line(f"if {v} < 0: bad('a symbol', {v})", f"{v} = {symbols}[{v}]")
        return v

    def _array(self, schema: Schema, field: str, wanted: bool, key: Schema | None = None) -> str:
        """Blocks of items up to an empty one; a negative count is followed by the block's size."""
        v, n = self.name(), self.name()
        if not key and self._is_empty(schema["items"]):
            # Nested, a few bytes of counts would be billions of items.
            raise DamagedPacket("an array of items that take no bytes")
        self.line(f"{v} = {{}}" if key else f"{v} = []")

        def item() -> None:
            if key:
                name = self.read(key)
                self.line(f"{v}[{name}] = {self.read(schema['values'])}")
            else:
                self.line(f"{v}.append({self.read(schema['items'], field + '[]', wanted)})")

        def blocks() -> None:
            count = self._long(schema, field, True)
            self.line(f"{n} = items({count}, p, end)", f"if not {n}: break")
            self.block(f"if {n} < 0:", lambda: self._long(schema, field, False))
            self.block(f"for _ in range(abs({n})):", item)

        self.block("while True:", blocks)
        return v

    def _is_empty(self, schema: Schema) -> bool:
        """Whether values of this type take no bytes."""
        schema = self.resolve(schema)
        if isinstance(schema, list):
            return False
        if schema["type"] == "record":
            return all(self._is_empty(f["type"]) for f in schema["fields"])
        return bool(schema["type"] == "null" or schema.get("size") == 0)

    def _map(self, schema: Schema, field: str, wanted: bool) -> str:
        return self._array(schema, field, wanted, key="string")

    def _record(self, schema: Schema, field: str, _wanted: bool) -> str:
        if schema["name"] in self._records:
            raise DamagedPacket(f"a schema that holds itself: {schema['name']!r}")
        picks = self._picked.get(field.removesuffix("[]")) if len(self._records) == 1 else None
        self._records.append(schema["name"])
        self._spaces.append(schema["name"].rpartition(".")[0])
        v = self.name()
        if picks and field.endswith("[]"):
            values = self._fields(schema, picks)
            self.line(f"{v} = (" + "".join(f"{values.get(name)}, " for name in picks) + ")")
        else:
            values = self._fields(schema, [f["name"] for f in schema["fields"]])
            pairs = ", ".join(f"{name!r}: {at}" for name, at in values.items())
            self.line(f"{v} = {{{pairs}}}")
        self._records.pop()
        self._spaces.pop()
        return v

    def _fields(self, schema: Schema, wanted: Iterable[str]) -> dict[str, str]:
        keep = set(wanted)
        values: dict[str, str] = {}
        for shape, run in groupby(schema["fields"], lambda f: _nullable_number(f["type"])):
            fields = list(run)
            if shape and len(fields) > 1:
                values |= self._run(fields, *shape, keep)
            else:
                for field in fields:
                    name = field["name"]
                    values[name] = self.read(field["type"], name, name in keep)
        return {name: at for name, at in values.items() if name in keep}

    def _run(self, fields: list[Any], kind: str, null: int, keep: set[str]) -> dict[str, str]:
        """Neighbouring nullable numbers of one width: all there, all null, or one by one."""
        n, stride = len(fields), 1 + _WIDTH[kind]
        at = {f["name"]: self.name() for f in fields if f["name"] in keep}
        layout = "<" + "".join(
            "x" + (_CODE[kind] if f["name"] in keep else f"{_WIDTH[kind]}x") for f in fields
        )
        unpack = self.constant(struct.Struct(layout).unpack_from)
        there, nulls = self.constant(bytes([2 - null] * n)), self.constant(bytes([null] * n))

        def all_there() -> None:
            if at:
                self.line(f"{', '.join(at.values())}, = {unpack}(b, p)")
            self.line(f"p += {n * stride}")

        def all_null() -> None:
            if at:
                self.line(f"{' = '.join(at.values())} = None")
            self.line(f"p += {n}")

        def one_by_one() -> None:
            for field in fields:
                name = field["name"]
                v = self.read(field["type"], name, name in keep)
                if name in keep:
                    self.line(f"{at[name]} = {v}")

        self.block(f"if b[p:p + {n * stride}:{stride}] == {there}:", all_there)
        self.block(f"elif b[p:p + {n}] == {nulls}:", all_null)
        self.block("else:", one_by_one)
        return at

    def _union(self, branches: list[Schema], field: str, wanted: bool) -> str:
        v, branch = self.name(), self.name()
        self.line(f"{branch} = b[p]", "p += 1")
        for i, schema in enumerate(branches):

            def one(schema: Schema = schema) -> None:
                self.line(f"{v} = {self.read(schema, field, wanted)}")

            self.block(f"{'elif' if i else 'if'} {branch} == {2 * i}:", one)
        self.line(f"else: bad('a branch of a union', {branch})")
        return v


_NAMED: Final = ("record", "enum", "fixed")
_KINDS: Final = (*_NAMED, *"null boolean int long float double bytes string array map".split())


def _full(name: str, space: str) -> str:
    """A name with its namespace, which it inherits from the record around it."""
    return name if "." in name or not space else f"{space}.{name}"


def _nullable_number(schema: Schema) -> tuple[str, int] | None:
    """("float" or "double", the byte that says null) for a union of it with null."""
    if isinstance(schema, list) and len(schema) == 2 and "null" in schema:
        null = schema.index("null")
        if schema[1 - null] in ("float", "double"):
            return schema[1 - null], 2 * null
    return None
