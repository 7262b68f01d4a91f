"""What an alert's schema must say, and what it says beyond that.

Types follow Avro's rules for a reader whose schema differs from the writer's (specification 1.11,
"Schema Resolution"), with our columns for the reader's schema; two narrower ones are taken as well,
so that no stream is held by a wider spelling of the same numbers: a long where the column is an
integer, as long as its value fits, and a double where the column is real, which rounds it.
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import Final, NamedTuple

import orjson

from archive.avro import Array, Path, Record, Type, branches, read_schema, word
from archive.columns import Kind
from archive.decoder import Read, compile_reader
from archive.errors import DamagedPacket, RefusedPacket
from archive.surveys.ztf.columns import CANDIDATE
from archive.surveys.ztf.tables import DETECTION, FORCED, LIMIT, STAMPS
from archive.tables import SQL_TYPE

MAX_SCHEMA: Final = 256_000

# An entry of prv_candidates is an upper limit, a detection or, in schema 3.5, forced photometry.
# What decides whether an entry is kept comes first in all of them.
_HEAD: Final = ("programid", "jd")
EARLIER: Final = tuple(dict.fromkeys([*_HEAD, *DETECTION, *LIMIT, *FORCED]))
FORCED_ENTRY: Final = tuple(dict.fromkeys([*_HEAD, *FORCED]))
PICKED: Final[dict[Path, tuple[str, ...]]] = {
    ("prv_candidates",): EARLIER,
    ("fp_hists",): FORCED_ENTRY,
}
"""The histories, and which fields of their entries are read."""
STAMP_FIELDS: Final = tuple(f"cutout{stamp.capitalize()}" for stamp in STAMPS)

_WHOLE: Final = ("int", "long")
_NUMBER: Final = (*_WHOLE, "float", "double")
_TEXT: Final = ("string",)
_AVRO: Final = {
    Kind.INTEGER: _WHOLE,
    Kind.BIGINT: _WHOLE,
    Kind.REAL: _NUMBER,
    Kind.DOUBLE: _NUMBER,
    Kind.TEXT: _TEXT,
    Kind.BOOLEAN: _TEXT,
}
"""The Avro types that a column of each kind takes; ZTF writes isdiffpos as a text."""

_KIND_OF: Final = {sql_type: kind for kind, sql_type in SQL_TYPE.items()}
_ENTRY_KINDS: Final = {"programid": Kind.INTEGER} | {
    name: _KIND_OF[sql_type] for name, sql_type in (DETECTION | LIMIT | FORCED).items()
}
_KINDS: Final[dict[Path, Kind]] = (
    {("schemavsn",): Kind.TEXT, ("publisher",): Kind.TEXT}
    | {("objectId",): Kind.TEXT, ("candid",): Kind.BIGINT}
    | {("candidate", c.name): c.kind for c in CANDIDATE}
    | {(*path, name): _ENTRY_KINDS[name] for path, names in PICKED.items() for name in names}
)
"""Every value that we read, with the kind of its column."""
_TYPES: Final[dict[Path, tuple[str, ...]]] = (
    {("candidate",): ("record",)}
    | dict.fromkeys(PICKED, ("array of record",))
    | {(stamp,): ("record",) for stamp in STAMP_FIELDS}
    | {(stamp, "stampData"): ("bytes",) for stamp in STAMP_FIELDS}
    | {path: _AVRO[kind] for path, kind in _KINDS.items()}
)
"""Every field that we read, with the Avro types that it may have, null apart."""
_REQUIRED: Final[tuple[Path, ...]] = (
    ("objectId",),
    ("candid",),
    ("candidate",),
    *(("candidate", c.name) for c in CANDIDATE if c.required),
)
_SPANS: Final = frozenset((stamp, "stampData") for stamp in STAMP_FIELDS)


class Layout(NamedTuple):
    """What a schema says: how to read a record, and which of its fields we know nothing of."""

    read: Read
    unknown: tuple[str, ...]
    unknown_candidate: tuple[str, ...]
    earlier_is_forced: bool
    """Schema 3.5: prv_candidates has no `candid`, and holds forced photometry."""
    wide: tuple[Path, ...]
    """Fields that may hold integers of 64 bits, where their columns have 32."""


# The container hands out one object for one text, and Python keeps a bytes object's hash: no call
# but the first hashes 25 kB.
@lru_cache(maxsize=64)
def layout_of(text: bytes) -> Layout:
    """Read the text of an alert's schema. Raises RefusedPacket where it is no alert's.

    A type that does not fit is refused here by the field's name, for all packets of the schema at
    once: it needs a new column, and until then the packets wait among the rejects.
    """
    if len(text) > MAX_SCHEMA:
        raise RefusedPacket(f"a schema of {len(text)} bytes, more than the {MAX_SCHEMA} read")
    try:
        json = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise DamagedPacket(f"a schema that is no JSON: {error}") from error
    schema = read_schema(json)
    if not isinstance(schema, Record):
        raise RefusedPacket(f"the schema is of a {word(schema)}, not of an alert's record")
    types = dict(_types_in(schema))
    _check(types)
    return Layout(
        read=compile_reader(schema, PICKED, _SPANS),
        unknown=tuple(path[0] for path in types if len(path) == 1 and path not in _TYPES),
        unknown_candidate=tuple(
            path[1] for path in types if path[0] == "candidate" and path[1:] and path not in _TYPES
        ),
        earlier_is_forced=_is_forced(types),
        wide=tuple(
            path
            for path, kind in _KINDS.items()
            if kind is Kind.INTEGER and "long" in types.get(path, ())
        ),
    )


def _types_in(record: Record, at: Path = ()) -> Iterator[tuple[Path, list[str]]]:
    """Each field of the record, and of the records in it, with the words for its types."""
    for name, kind in record.fields.items():
        path = (*at, name)
        yield path, [word(branch) for branch in branches(kind) if branch != "null"]
        for inner in [] if at else _records_in(kind):
            yield from _types_in(inner, path)


def _records_in(kind: Type) -> Iterator[Record]:
    for branch in branches(kind):
        inner = branch.items if isinstance(branch, Array) else branch
        yield from (one for one in branches(inner) if isinstance(one, Record))


def _check(types: dict[Path, list[str]]) -> None:
    for path, fitting in _TYPES.items():
        found = types.get(path, [])
        for misfit in [name for name in found if name not in fitting]:
            raise RefusedPacket(f"{'.'.join(path)} is {misfit}, not {_either(fitting)}")
        if len(set(found)) < len(found):
            raise RefusedPacket(f"{'.'.join(path)} is {' or '.join(found)}: one is read")
    for path in _REQUIRED:
        if path not in types:
            raise RefusedPacket(f"{'.'.join(path)} is missing")
    for stamp in STAMP_FIELDS:
        if types.get((stamp,)) and (stamp, "stampData") not in types:
            raise RefusedPacket(f"{stamp}.stampData is missing")


def _is_forced(types: dict[Path, list[str]]) -> bool:
    """Whether prv_candidates is forced photometry, as in schema 3.5.

    Raises RefusedPacket where its entries could be anything.
    """
    if not types.get(("prv_candidates",)) or ("prv_candidates", "candid") in types:
        return False
    if ("prv_candidates", "forcediffimflux") not in types:
        raise RefusedPacket("prv_candidates.candid is missing: detections look like upper limits")
    return True


def _either(names: tuple[str, ...]) -> str:
    return " or ".join((", ".join(names[:-1]), names[-1]) if names[1:] else names)
