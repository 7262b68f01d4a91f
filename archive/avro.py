"""The schema of an Avro file in one spelling: names looked up, each type as a value of its own.

`{"type": "double"}`, `{"type": {"type": "double"}}` and a double with a `logicalType` or with other
attributes are all `double`: on the wire they are the same.

Apache Avro specification 1.11, "Schema Declaration" and "Names"; a name that its namespace lacks is
looked up without one, as Java's library does.
"""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple, TypeAlias, Union

from archive.errors import RefusedPacket

MAX_DEPTH: Final = 8
"""Records, arrays and maps within one another. An array is two loops of the reader, and Python
compiles twenty."""
MAX_TYPES: Final = 5000
MAX_BRANCHES: Final = 64
"""Of a union: the reader takes the number of a branch for one byte."""

PRIMITIVES: Final = frozenset("null boolean int long float double bytes string".split())
_NAMED: Final = frozenset({"record", "enum", "fixed"})
_COMPLEX: Final = _NAMED | {"array", "map"}


class Record(NamedTuple):
    """A record: its fields in their order on the wire."""

    fields: Mapping[str, "Type"]


class Array(NamedTuple):
    """An array of items of one type."""

    items: "Type"


class Map(NamedTuple):
    """A map from texts to values of one type."""

    values: "Type"


class Enum(NamedTuple):
    """One of some texts."""

    symbols: tuple[str, ...]


class Fixed(NamedTuple):
    """So many bytes."""

    size: int


class Branches(NamedTuple):
    """A union."""

    types: tuple["Type", ...]


Type: TypeAlias = Union[str, Record, Array, Map, Enum, Fixed, Branches]  # noqa: UP007 - names in quotes
Path = tuple[str, ...]
"""Names of fields from the outermost record on; items of an array have the path of the array."""


def word(kind: Type) -> str:
    """The type in Avro's words: `float`, `record`, `array of record`, `null or int`."""
    if isinstance(kind, str):
        return kind
    if isinstance(kind, Branches):
        return " or ".join(map(word, kind.types))
    if isinstance(kind, Array):
        return f"array of {word(kind.items)}"
    return type(kind).__name__.lower()


def branches(kind: Type) -> tuple[Type, ...]:
    """The types that a value can have: one, or those of a union."""
    return kind.types if isinstance(kind, Branches) else (kind,)


def read_schema(schema: Any) -> Type:
    """The type that a schema, given as parsed JSON, describes.

    Raises RefusedPacket, with the path of the field, where it is not Avro or beyond the bounds.
    """
    return _Reader().read(schema, (), "")


class _Reader:
    """What must be remembered on the way through a schema."""

    def __init__(self) -> None:
        self._named: dict[str, dict[str, Any]] = {}
        self._open: list[str] = []
        """Names of the types that are being read: none can hold itself."""
        self._depth = 0
        self._count = 0

    def read(self, schema: Any, path: Path, space: str) -> Type:
        """One type; `space` is the namespace that its name inherits."""
        self._count += 1
        if self._count > MAX_TYPES:
            raise RefusedPacket(f"a schema of more than {MAX_TYPES} types")
        while isinstance(schema, dict) and not _is_complex(schema):
            schema = schema.get("type")
        if isinstance(schema, list):
            return self._union(schema, path, space)
        if isinstance(schema, dict):
            return self._complex(schema, path, space)
        if not isinstance(schema, str):
            raise _refused(path, "has no type" if schema is None else f"has {schema} for a type")
        return schema if schema in PRIMITIVES else self._known(schema, path, space)

    def _known(self, name: str, path: Path, space: str) -> Type:
        full = _full(name, space)
        known = full if full in self._named else name
        if known not in self._named:
            raise _refused(path, f"the type {name!r} is not known")
        # What it says of itself is read anew wherever it stands: the bounds count what is there.
        return self._complex(self._named[known] | {"name": known, "namespace": ""}, path, "")

    def _union(self, schemas: list[Any], path: Path, space: str) -> Type:
        if not 0 < len(schemas) <= MAX_BRANCHES:
            raise _refused(path, f"a union of {len(schemas)} types; 1 to {MAX_BRANCHES} are read")
        types = tuple(self.read(schema, path, space) for schema in schemas)
        if any(isinstance(kind, Branches) for kind in types):
            raise _refused(path, "a union within a union")
        unnamed = [word(k) for k in types if isinstance(k, str | Array | Map)]
        kinds = [name.partition(" ")[0] for name in unnamed]
        if len(set(kinds)) < len(kinds):
            raise _refused(path, f"a union that has a type twice: {' or '.join(unnamed)}")
        return Branches(types)

    def _complex(self, schema: dict[str, Any], path: Path, space: str) -> Type:
        kind, name = schema["type"], ""
        if kind in _NAMED:
            name = _full(schema.get("name"), schema.get("namespace", space))
            if name in self._open:
                raise _refused(path, f"the type {name!r} holds itself")
            self._named[name] = schema
            space = name.rpartition(".")[0]
        if self._depth == MAX_DEPTH:
            raise _refused(path, f"nested more than {MAX_DEPTH} deep")
        self._open.append(name)
        self._depth += 1
        read: Type = getattr(self, f"_{kind}")(schema, path, space)
        self._depth -= 1
        self._open.pop()
        return read

    def _record(self, schema: dict[str, Any], path: Path, space: str) -> Type:
        fields: dict[str, Type] = {}
        for field in _list(schema.get("fields"), path):
            name = field.get("name") if isinstance(field, dict) else None
            if not isinstance(name, str):
                raise _refused(path, "a record with a field that has no name")
            if name in fields:
                raise _refused((*path, name), "is there twice")
            fields[name] = self.read(field.get("type"), (*path, name), space)
        return Record(fields)

    def _array(self, schema: dict[str, Any], path: Path, space: str) -> Type:
        items = self.read(schema.get("items"), path, space)
        if _is_empty(items):
            # Nested, a few bytes of counts would be billions of items.
            raise _refused(path, "an array of items that take no bytes")
        return Array(items)

    def _map(self, schema: dict[str, Any], path: Path, space: str) -> Type:
        return Map(self.read(schema.get("values"), path, space))

    def _enum(self, schema: dict[str, Any], path: Path, _space: str) -> Type:
        symbols = _list(schema.get("symbols"), path)
        if not all(isinstance(symbol, str) for symbol in symbols):
            raise _refused(path, "an enum with a symbol that is no text")
        return Enum(tuple(symbols))

    def _fixed(self, schema: dict[str, Any], path: Path, _space: str) -> Type:
        size = schema.get("size")
        if type(size) is not int or size < 0:
            raise _refused(path, "a fixed without a size")
        return Fixed(size)


def _is_complex(schema: dict[str, Any]) -> bool:
    return isinstance(schema.get("type"), str) and schema["type"] in _COMPLEX


def _is_empty(kind: Type) -> bool:
    """Whether values of this type take no bytes."""
    if isinstance(kind, Record):
        return all(map(_is_empty, kind.fields.values()))
    return kind in ("null", Fixed(0))


def _list(value: Any, path: Path) -> list[Any]:
    if not isinstance(value, list):
        raise _refused(path, "its type lacks the list of what it holds")
    return value


def _full(name: object, space: object) -> str:
    """A name with its namespace, which it inherits from the record around it."""
    if not isinstance(name, str):
        raise RefusedPacket("the schema: a record, an enum or a fixed without a name")
    return name if "." in name or not space else f"{space}.{name}"


def _refused(path: Path, why: str) -> RefusedPacket:
    return RefusedPacket(f"{'.'.join(path)}: {why}" if path else f"the schema: {why}")
