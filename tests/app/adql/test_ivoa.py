"""IVOA's own queries of ADQL 2.1: what is valid is taken, what is not is refused."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest
from lxml import etree

from app.adql.queries import translate
from app.adql.told import Upload
from app.errors import BadQuery
from archive.columns import Column

REFUSED: Final = {
    "is no value here": "shapes in =: whether two are equal depends on the last digit",
    "POLYGON takes three or more": "a BOX without height, in =",
    "degrees across; at most": "POLYGON of more than 20 degrees, in =",
    "no column of a table here holds a shape": "columns of shapes, which no table has",
    "REGION of 'UNION'": "REGION of several shapes",
    "REGION of 'NOT'": "REGION of all but a shape",
    "RAND takes no seed": "RAND with a seed: numbers would not be repeated",
    "POINT is a reserved word": "CAST of a text to a shape",
    "there is no table data": "names a table that is not in its FROM",
}
"""What valid queries are refused for, by a part of the error; each is documented in docs/vo.md."""
KNOWN_UNITS: Final = {"pm_ra": "mas/yr", "pm_dec": "mas/yr"}
"""Of columns that a query converts; all others are in degrees."""


class Case(NamedTuple):
    text: str
    is_valid: bool


NO_COLUMNS: Final = ("select", "top", "from", "union", "except")
"""Words of the one query that joins `*` of a table with a column."""

Lacking = frozenset[tuple[str, str]]
"""Tables, each with a column that it has not."""


def cases(folder: Path) -> Iterator[Case]:
    for path in sorted((folder / "adql").glob("[0-9O]*.xml")):
        for one in etree.parse(str(path)).getroot().iter("adql"):
            assert one.get("version") == "adql-2.1"
            yield Case((one.text or "").strip(), one.get("valid") == "true")


class Anything(NamedTuple):
    """A table that has every column that a query names."""

    name: str
    columns: tuple[Column, ...]
    located: bool = False


def tables_for(text: str, without: Lacking) -> tuple[dict[str, Any], list[Upload]]:
    """Tables of every name in the query, with columns of every name."""
    words = sorted({word.strip('"') for word in re.findall(r'"[^"]+"|[A-Za-z]\w*', text)})
    once = {word.lower(): word for word in reversed(words)}
    made = {}
    for schema, name in re.findall(r"(?:(\w+)\s*\.\s*)?(\w+)", text):
        for full in {f"{schema or 'x'}.{name}", f"x.{name}"}:
            own = [w for low, w in once.items() if (name.lower(), low) not in without]
            columns = tuple(
                Column(w, None, KNOWN_UNITS.get(w.lower(), "deg"), "", "")  # type: ignore[arg-type]
                for w in own
            )
            made[full] = Anything(full, columns)
    uploads = [
        Upload(name, made[f"x.{name}"].columns, ("text",) * len(made[f"x.{name}"].columns))
        for name in sorted({n.lower() for n in re.findall(r"(?i)tap_upload\s*\.\s*(\w+)", text)})
        if f"x.{name}" in made
    ]
    return made, uploads


def judged(text: str) -> str | None:
    """What is wrong with a query; None if nothing is, for some choice of what its tables lack.

    Of a column that several tables seem to have all but one lack it.
    """
    waiting: list[Lacking] = [frozenset()]
    first: str | None = None
    for _ in range(300):
        if not waiting:
            return first
        without = waiting.pop()
        try:
            translate(text, *tables_for(text, without))
        except BadQuery as error:
            first = first or str(error)
            further = fewer_columns(text, without, str(error))
            if not further and "several tables" in first:
                first = str(error)
            waiting += further
        else:
            return None
    pytest.fail(text)


def fewer_columns(text: str, without: Lacking, error: str) -> list[Lacking]:
    """What tables may lack beside, so that this error does not come; the likeliest last."""
    words = list(dict.fromkeys(word.lower() for word in re.findall(r"\w+", text)))
    if "same number of columns" in error:
        names = {word.lower() for word in re.findall(r"(?i)from\s+(\w+)", text)}
        lacking = frozenset((name, word) for name in names for word in (*names, *NO_COLUMNS))
        return [lacking] if lacking - without else []
    if not (found := re.match(r"(\w+) is a column of several tables", error)):
        return []
    column = found[1].lower()
    named = set(re.findall(rf"(\w+)\s*\.\s*{column}\b", text.lower()))
    return [
        without | {(name, column)}
        for name in words
        if name not in named and (name, column) not in without
    ]


def test_valid_queries_are_taken_and_others_refused(real: Path) -> None:
    right, told = 0, set()
    every = list(cases(real))
    for case in every:
        error = judged(case.text)
        if (error is None) == case.is_valid:
            right += 1
            continue
        assert case.is_valid, f"taken, but invalid: {case.text}"
        reasons = {part for part in REFUSED if part in str(error)}
        assert len(reasons) == 1, (case.text, error)
        told |= reasons
    assert (right, len(every)) == (135, 152)
    assert told == {*REFUSED}
