"""IVOA's own queries of ADQL 2.1: what is valid is taken, what is not is refused."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest
from lxml import etree

from app.adql.catalogue import Upload
from app.adql.queries import translate
from app.errors import BadQuery
from archive.columns import Column

REFUSED: Final = {
    "the frame": "FK4, FK5, galactic: positions here are ICRS, and nothing converts them",
    "is no value here": "shapes as values: no column here holds one",
    "regions as texts": "REGION: STC-S has no place in ADQL 2.1 any more",
    "CONTAINS of a CIRCLE in a POINT": "a CIRCLE in a POINT",
    "RAND takes no seed": "RAND with a seed: numbers would not be repeated",
    "POINT is a reserved word": "CAST of a text to a shape",
    "there is no function IVO_HEALPIX_INDEX": "functions of other services",
    "IN_UNIT takes a column": "IN_UNIT of an expression, whose unit nobody knows",
    "there is no table data": "names a table that is not in its FROM",
    "there is no column": "written for tables of which one alone has the column",
    "must have the same number of columns": "all columns of a table that is not there",
}
"""What valid queries are refused for, by a part of the error; each is documented in docs/vo.md."""


class Case(NamedTuple):
    text: str
    is_valid: bool


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


def tables_for(text: str, without: set[tuple[str, str]]) -> tuple[dict[str, Any], list[Upload]]:
    """Tables of every name in the query, with columns of every name."""
    words = sorted({word.strip('"') for word in re.findall(r'"[^"]+"|[A-Za-z]\w*', text)})
    once = {word.lower(): word for word in reversed(words)}
    made = {}
    for schema, name in re.findall(r"(?:(\w+)\s*\.\s*)?(\w+)", text):
        for full in {f"{schema or 'x'}.{name}", f"x.{name}"}:
            own = [w for low, w in once.items() if (name.lower(), low) not in without]
            columns = tuple(Column(w, None, "deg", "", "") for w in own)  # type: ignore[arg-type]
            made[full] = Anything(full, columns)
    uploads = [
        Upload(name, made[f"x.{name}"].columns, ("text",) * len(made[f"x.{name}"].columns))
        for name in sorted({n.lower() for n in re.findall(r"(?i)tap_upload\s*\.\s*(\w+)", text)})
        if f"x.{name}" in made
    ]
    return made, uploads


def judged(text: str) -> str | None:
    """What is wrong with a query; None if nothing is.

    Of a column that several tables seem to have all but the first lose it: a real one is in one.
    """
    without: set[tuple[str, str]] = set()
    for _ in range(40):
        try:
            translate(text, *tables_for(text, without))
        except BadQuery as error:
            found = re.match(r"(\w+) is a column of several tables", str(error))
            if not found:
                return str(error)
            column = found[1].lower()
            named = set(re.findall(rf"(\w+)\s*\.\s*{column}\b", text.lower()))
            names = [w.lower() for w in re.findall(r"\w+", text)]
            left = [
                n for n in dict.fromkeys(names) if n not in named and (n, column) not in without
            ]
            without.add((left[-1], column))
        else:
            return None
    pytest.fail(text)


def test_valid_queries_are_taken_and_others_refused(real: Path) -> None:
    right = told = 0
    every = list(cases(real))
    for case in every:
        error = judged(case.text)
        if (error is None) == case.is_valid:
            right += 1
            continue
        assert case.is_valid, f"taken, but invalid: {case.text}"
        assert any(part in str(error) for part in REFUSED), (case.text, error)
        told += 1
    assert len(every) == 152
    assert right >= 117
    assert right + told == len(every)
