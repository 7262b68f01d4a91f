"""The main page: the variables of its template for a search.

Everything here is a table or a plain function of the parameters; nothing asks the archive.
"""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from app.mars.form import FORM, GROUPS, Entry
from app.pages.links import BEGINNING, SYMBOLS, Parameters, address
from app.pages.lists.results import LIST_COLUMNS, Column
from archive.surveys.ztf.tables import FILTER_OF_FID

BANDS: Final = tuple(FILTER_OF_FID.values())
_ENDS: Final = {"gt": "above", "gte": "from", "lt": "below", "lte": "to"}


class Header(NamedTuple):
    """A column's header: the address of a click on it, and the current order of the table."""

    column: Column
    href: str
    sorted: str
    """`ascending`, `descending`, or empty: the value of aria-sort."""


def headers(parameters: Parameters) -> list[Header]:
    """The headers; a click on the one that sorts reverses the order."""
    by = parameters.get("sort_value", "jd")
    up = parameters.get("sort_order") == "asc"
    shown = []
    for column in LIST_COLUMNS:
        current = column.sort == by
        order = "asc" if current and not up else "desc"
        href = address(parameters, sort_value=column.sort, sort_order=order, page=None)
        words = ("ascending" if up else "descending") if current else ""
        shown.append(Header(column, href, words))
    return shown


class Chip(NamedTuple):
    """An active filter, and the search without it."""

    text: str
    name: str
    without: str


def chips(parameters: Parameters) -> list[Chip]:
    """A chip for each filter that narrows the search."""
    return [
        Chip(sentence(FORM[name], value), name, address(parameters, **{name: None, **BEGINNING}))
        for name, value in parameters.items()
        if name in FORM
    ]


def sentence(entry: Entry, value: str) -> str:
    """`rb ≥ 0.5`: a filter and its value in the fewest words."""
    stem, _, operator = entry.name.partition("__")
    symbol = SYMBOLS.get(operator)
    return f"{stem} {symbol} {value}" if symbol else f"{entry.label} {value} s"


# -------------------------------------------------------------------------------------------------
# The form
# -------------------------------------------------------------------------------------------------


class Input(NamedTuple):
    """One input of the form, filled in with what was given."""

    name: str
    label: str
    hint: str
    value: str
    error: str
    choices: tuple[str, ...] = ()


class Line(NamedTuple):
    """Inputs that belong together: a value, or the two ends of a range."""

    title: str
    name: str
    """The parameter's own name, with its sign where there is one bound alone."""
    meaning: str
    inputs: list[Input]


class Group(NamedTuple):
    """A labelled part of the form; open where something in it is filled in."""

    title: str
    lines: list[Line]
    active: int
    open: bool


def groups(parameters: Parameters, faults: Mapping[str, str]) -> list[Group]:
    """The form, from its table; `faults` are the errors by parameter."""
    made = []
    for title in GROUPS:
        by_line: dict[str, list[Entry]] = {}
        for entry in (e for e in FORM.values() if e.group == title):
            by_line.setdefault(_line_of(entry), []).append(entry)
        lines = [_line(entries, parameters, faults) for entries in by_line.values()]
        inputs = [i for line in lines for i in line.inputs]
        active = sum(bool(i.value) for i in inputs)
        made.append(Group(title, lines, active, active > 0 or any(i.error for i in inputs)))
    return made


def _line_of(entry: Entry) -> str:
    stem, _, operator = entry.name.partition("__")
    return stem if operator in _ENDS else entry.name


def _line(entries: Sequence[Entry], parameters: Parameters, faults: Mapping[str, str]) -> Line:
    first = entries[0]
    stem, _, operator = first.name.partition("__")
    ends = operator in _ENDS
    inputs = []
    for entry in entries:
        hint = _ENDS[entry.name.partition("__")[2]] if ends else entry.example
        value, fault = parameters.get(entry.name, ""), faults.get(entry.name, "")
        choices = BANDS if entry.name == "filter" else ()
        inputs.append(Input(entry.name, entry.label, hint, value, fault, choices))
    title = first.label.rsplit(" ", 1)[0] if ends else first.label
    name = f"{stem} {SYMBOLS[operator]}" if ends and len(entries) == 1 else _line_of(first)
    return Line(title, name, meaning(first), inputs)


def meaning(entry: Entry) -> str:
    """The meaning of a filter's column, with its unit."""
    if entry.filter is None:
        return entry.label
    field = entry.filter.field
    return f"{field.meaning} [{field.unit}]" if field.unit else field.meaning
