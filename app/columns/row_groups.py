"""What the least and greatest values of row groups tell of a search, before any row is read."""

from typing import Final

from app.columns.copy import Readable
from app.columns.question import Question
from app.search.filters import Clause
from app.search.search import Search


def count_rows_to_read(search: Search, copy: Readable) -> Question:
    """How many rows lie in row groups that the least and greatest values do not exclude.

    The table of statistics is of columns.Columns: a line for each column of each row group.
    """
    excluded = [test for clause in search.clauses for test in _exclusions(clause, copy)]
    groups = f"SELECT DISTINCT file, number, rows FROM {copy.table}_groups"
    if excluded:
        left = f"SELECT file, number FROM {copy.table}_groups WHERE {' OR '.join(excluded)}"
        groups += f" WHERE (file, number) NOT IN ({left})"
    return Question(f"SELECT coalesce(sum(rows), 0) FROM ({groups})")


def _exclusions(clause: Clause, copy: Readable) -> list[str]:
    """When a row group holds no match of a clause: its greatest value is too small, and so on."""
    field, operator = clause.filter
    values = [value for value in clause.values if isinstance(value, int | float)]
    if len(field.columns) != 1 or len(values) != len(clause.values) or operator not in _BOUNDS:
        return []
    lower, upper = _BOUNDS[operator]
    own = f"name = '{field.columns[0]}'"
    tests = []
    if lower and field.columns[0] not in copy.with_nan:
        tests.append(f"({own} AND greatest {lower} '{float(min(values))!r}'::DOUBLE)")
    if upper:
        tests.append(f"({own} AND least {upper} '{float(max(values))!r}'::DOUBLE)")
    return tests


_BOUNDS: Final[dict[str, tuple[str, str]]] = {
    "": ("<", ">"),
    "in": ("<", ">"),
    "gt": ("<=", ""),
    "gte": ("<", ""),
    "lt": ("", ">="),
    "lte": ("", ">"),
}
"""How the greatest and the least value of a row group beside a bound exclude it."""
