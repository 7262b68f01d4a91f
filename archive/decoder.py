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
from collections.abc import Set as AbstractSet
from itertools import groupby
from typing import Any, Final

from archive.avro import Array, Branches, Enum, Fixed, Map, Path, Record, Type
from archive.binary import Span, bad, items, tail, tail32, text

Read = Callable[[bytes, int, int], tuple[Any, int]]

_WIDTH: Final = {"float": 4, "double": 8}
_CODE: Final = {"float": "f", "double": "d"}


def compile_reader(
    schema: Type, picked: Mapping[Path, Sequence[str]], spans: AbstractSet[Path]
) -> Read:
    """A function (buffer, start, end) -> (value, where it ended); a record becomes a dict.

    `picked` names arrays of records: each of their entries becomes a tuple of the named fields,
    None where the schema lacks one. The bytes at a path of `spans` become a Span instead of a copy.
    The function raises DamagedPacket, IndexError, struct.error or UnicodeDecodeError where the
    bytes do not fit the schema.
    """
    source = _Source(picked, spans)
    value = source.read(schema, ())
    body = "\n    ".join(["def read(b, p, end):", *source.lines, f"return {value}, p"])
    scope = dict(
        source.constants, tail=tail, tail32=tail32, bad=bad, text=text, items=items, Span=Span
    )
    exec(compile(body, "<avro schema>", "exec"), scope)  # noqa: S102 - our own text, see above
    read: Any = scope["read"]
    return read  # type: ignore[no-any-return] # it was made a line ago


class _Source:
    """The source in the making: lines, and the constants that they name."""

    def __init__(self, picked: Mapping[Path, Sequence[str]], spans: AbstractSet[Path]) -> None:
        self.lines: list[str] = []
        self.constants: dict[str, object] = {}
        self._picked = picked
        self._spans = spans
        self._indent = ""
        self._count = 0

    def line(self, *lines: str) -> None:
        self.lines += [self._indent + line for line in lines]

    def name(self) -> str:
        self._count += 1
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

    def read(self, kind: Type, path: Path, wanted: bool = True) -> str:
        """Write the reading of one value; returns the variable (or constant) that holds it."""
        name = kind if isinstance(kind, str) else type(kind).__name__.lower()
        value: str = getattr(self, f"_{name}")(kind, path, wanted)
        return value

    def _null(self, _kind: Type, _path: Path, _wanted: bool) -> str:
        return "None"

    def _boolean(self, _kind: Type, _path: Path, _wanted: bool) -> str:
        v = self.name()
        self.line(f"{v} = b[p] == 1", "p += 1")
        return v

    def _long(self, kind: Type = "long", _path: Path = (), wanted: bool = True) -> str:
        if not wanted:
            self.line("while b[p] > 127: p += 1", "p += 1")
            return "None"
        v = self.name()
        tail = "tail32" if kind == "int" else "tail"
        self.line(f"{v} = b[p]", "p += 1", f"if {v} > 127: {v}, p = {tail}(b, p, {v})")
        self.line(f"{v} = ({v} >> 1) ^ -({v} & 1)")
        return v

    _int = _long

    def _float(self, kind: str, _path: Path, wanted: bool) -> str:
        v = self.name() if wanted else "None"
        if wanted:
            unpack = self.constant(struct.Struct("<" + _CODE[kind]).unpack_from)
            self.line(f"{v}, = {unpack}(b, p)")
        self.line(f"p += {_WIDTH[kind]}")
        return v

    _double = _float

    def _string(self, _kind: Type, _path: Path, wanted: bool) -> str:
        n = self._long()
        v = self.name() if wanted else "None"
        checked = f"{v} = text(b, p, {n}, end)" if wanted else f"if {n} < 0: bad('a length', {n})"
        self.line(checked, f"p += {n}")
        return v

    def _bytes(self, _kind: Type, path: Path, _wanted: bool) -> str:
        n, v = self._long(), self.name()
        self.line(f"if {n} < 0 or p + {n} > end: bad('a length', {n})")
        value = f"Span(p, {n})" if path in self._spans else f"b[p:p + {n}]"
        self.line(f"{v} = {value}", f"p += {n}")
        return v

    def _fixed(self, kind: Fixed, _path: Path, _wanted: bool) -> str:
        v = self.name()
        self.line(f"{v} = b[p:p + {kind.size}]", f"p += {kind.size}")
        return v

    def _enum(self, kind: Enum, _path: Path, _wanted: bool) -> str:
        v = self._long()
        symbols = self.constant(kind.symbols)
        self.line(f"if {v} < 0: bad('a symbol', {v})", f"{v} = {symbols}[{v}]")
        return v

    def _array(self, kind: Array, path: Path, wanted: bool) -> str:
        v = self.name()
        self.line(f"{v} = []")
        self._repeated(lambda: self.line(f"{v}.append({self.read(kind.items, path, wanted)})"))
        return v

    def _map(self, kind: Map, path: Path, wanted: bool) -> str:
        v = self.name()

        def item() -> None:
            key = self.read("string", path)
            self.line(f"{v}[{key}] = {self.read(kind.values, path, wanted)}")

        self.line(f"{v} = {{}}")
        self._repeated(item)
        return v

    def _repeated(self, item: Callable[[], object]) -> None:
        """Blocks of items up to an empty one; a negative count is followed by the block's size."""
        n = self.name()

        def blocks() -> None:
            count = self._long()
            self.line(f"{n} = items({count}, p, end)", f"if not {n}: break")
            self.block(f"if {n} < 0:", lambda: self._long(wanted=False))
            self.block(f"for _ in range(abs({n})):", item)

        self.block("while True:", blocks)

    def _record(self, kind: Record, path: Path, _wanted: bool) -> str:
        v = self.name()
        if picks := self._picked.get(path):
            values = self._fields(kind, path, picks)
            self.line(f"{v} = (" + "".join(f"{values.get(name)}, " for name in picks) + ")")
        else:
            values = self._fields(kind, path, kind.fields)
            pairs = ", ".join(f"{name!r}: {at}" for name, at in values.items())
            self.line(f"{v} = {{{pairs}}}")
        return v

    def _fields(self, record: Record, path: Path, wanted: Iterable[str]) -> dict[str, str]:
        keep = set(wanted)
        values: dict[str, str] = {}
        for shape, run in groupby(record.fields.items(), lambda f: _nullable_number(f[1])):
            fields = list(run)
            if shape and len(fields) > 1:
                values |= self._run(fields, *shape, keep)
            else:
                for name, kind in fields:
                    values[name] = self.read(kind, (*path, name), name in keep)
        return {name: at for name, at in values.items() if name in keep}

    def _run(
        self, fields: Sequence[tuple[str, Type]], kind: str, null: int, keep: AbstractSet[str]
    ) -> dict[str, str]:
        """Neighbouring nullable numbers of one width: all there, all null, or one by one."""
        n, stride = len(fields), 1 + _WIDTH[kind]
        at = {name: self.name() for name, _ in fields if name in keep}
        layout = "<" + "".join(
            "x" + (_CODE[kind] if name in keep else f"{_WIDTH[kind]}x") for name, _ in fields
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
            for name, union in fields:
                v = self.read(union, (), name in keep)
                if name in keep:
                    self.line(f"{at[name]} = {v}")

        self.block(f"if b[p:p + {n * stride}:{stride}] == {there}:", all_there)
        self.block(f"elif b[p:p + {n}] == {nulls}:", all_null)
        self.block("else:", one_by_one)
        return at

    def _branches(self, kind: Branches, path: Path, wanted: bool) -> str:
        v, branch = self.name(), self.name()
        self.line(f"{branch} = b[p]", "p += 1")
        for i, one in enumerate(kind.types):

            def write(one: Type = one) -> None:
                self.line(f"{v} = {self.read(one, path, wanted)}")

            self.block(f"{'elif' if i else 'if'} {branch} == {2 * i}:", write)
        self.line(f"else: bad('a branch of a union', {branch})")
        return v


def _nullable_number(kind: Type) -> tuple[str, int] | None:
    """("float" or "double", the byte that says null) for a union of it with null."""
    if isinstance(kind, Branches) and len(kind.types) == 2 and "null" in kind.types:
        null = kind.types.index("null")
        number = kind.types[1 - null]
        if isinstance(number, str) and number in _CODE:
            return number, 2 * null
    return None
