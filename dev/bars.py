"""The bars that no linter has: sizes, names, and where SQL text may stand."""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

PACKAGES = ("archive", "app", "consumer", "catalog", "dev", "bench", "faults", "clients")
SQL_FREE = ("archive", "app", "consumer", "catalog")
DUCKDB = ("app/columns", "app/statistics")
"""Rooms that ask files by DuckDB: no schema of ours holds what they ask."""
MODULE_LINES = 300
FUNCTION_LINES = 40
# Names that say nothing about what is inside.
BANNED = {
    "base",
    "common",
    "factory",
    "helpers",
    "misc",
    "repositories",
    "services",
    "utils",
}
SQL = re.compile(
    r"\s*(SELECT\b.+\bFROM|INSERT INTO|UPDATE\b.+\bSET|DELETE FROM|CREATE|ALTER)\b",
    re.DOTALL,
)


def broken(root: Path) -> Iterator[str]:
    """Yield each broken bar as `place: what`."""
    for package in PACKAGES:
        for path in sorted((root / package).rglob("*.py")):
            place = path.relative_to(root)
            yield from (f"{place}: {what}" for what in _in_module(path, place))


def _in_module(path: Path, place: Path) -> Iterator[str]:
    text = path.read_text()
    lines = len(text.splitlines())
    if lines > MODULE_LINES:
        yield f"{lines} lines (at most {MODULE_LINES})"
    if banned := BANNED.intersection(place.with_suffix("").parts):
        yield f"a name that says nothing: {', '.join(sorted(banned))}"
    for node in ast.walk(ast.parse(text, path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from _in_function(node)
        elif place.parts[0] not in SQL_FREE or place.as_posix().startswith(DUCKDB):
            continue
        elif isinstance(node, ast.Constant) and _is_sql(node.value):
            yield f"line {node.lineno}: SQL text belongs under sql/"


def _is_sql(value: object) -> bool:
    return isinstance(value, str) and SQL.match(value) is not None


def _in_function(node: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[str]:
    first, last = node.body[0], node.end_lineno or node.lineno
    lines = last - node.lineno + 1
    if ast.get_docstring(node) is not None:
        lines -= (first.end_lineno or first.lineno) - first.lineno + 1
    if lines > FUNCTION_LINES:
        yield f"line {node.lineno}: {node.name} has {lines} lines (at most {FUNCTION_LINES})"


def main() -> int:
    """Print every broken bar; fail when there is one."""
    found = list(broken(Path()))
    print("\n".join(found) or "bars: all kept")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
