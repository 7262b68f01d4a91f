"""Answers in each format, read by the programs that astronomers read them with."""

import csv
import io
import json
import math
import re
import subprocess
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow.parquet
from astropy.io.votable import parse_single_table

from app.search.selection import ALERT_COLUMNS
from archive.columns import REAL, TEXT, TIME, Column, Kind

Rows = list[dict[str, Any]]
Columns = Mapping[str, Column]
"""What is known of the columns of a table; those of alerts where a reader is told nothing."""
# It never runs long enough for the second compiler to pay.
STILTS: Final = ("stilts", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
TYPES: Final = {
    Kind.INTEGER: "Int32",
    Kind.BIGINT: "Int64",
    Kind.REAL: "Float32",
    Kind.DOUBLE: "Float64",
    Kind.BOOLEAN: "boolean",
    Kind.TEXT: "object",
    Kind.TIME: "object",
}


def plain(value: Any) -> Any:
    """A value as Python has it; None for any kind of missing one."""
    if value is None or value is np.ma.masked or value is pd.NA or value is pd.NaT:
        return None
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and math.isnan(value):
        return None
    if isinstance(value, pd.Timestamp | datetime):
        moment = value.to_pydatetime() if isinstance(value, pd.Timestamp) else value
        return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return value


def stored(item: dict[str, Any], columns: Columns = ALERT_COLUMNS) -> dict[str, Any]:
    """A JSON item's values as the archive holds them: singles widened, ids as integers."""
    values = {name: value for name, value in item.items() if name != "links"}
    for name, value in values.items():
        if value is not None and columns[name].kind is REAL:
            values[name] = float(np.float32(value))
        elif value is not None and columns[name].kind is Kind.BIGINT:
            values[name] = int(value)
    return values


def expected(items: Rows, reader: str, columns: Columns = ALERT_COLUMNS) -> Rows:
    """What a reader must read of JSON items.

    XML has no U+0001, TABLEDATA and pandas no empty string; astropy strips what a cell holds.
    """
    rows = [stored(item, columns) for item in items]
    for row in rows:
        for name, value in row.items():
            if isinstance(value, str) and reader == "astropy":
                row[name] = value.replace("\x01", "\ufffd").strip()
            if value == "" and reader in ("astropy", "pandas, csv"):
                row[name] = None
    return rows


def _rows(frame: pd.DataFrame) -> Rows:
    records = frame.astype(object).to_dict("records")
    return [{str(name): plain(value) for name, value in row.items()} for row in records]


def by_pandas_csv(body: bytes, columns: Columns = ALERT_COLUMNS) -> Rows:
    names = body.split(b"\r\n", 1)[0].decode().split(",")
    types = {name: TYPES[columns[name].kind] for name in names}
    # Without float32 in between: pandas reads digits as double and rounds them once.
    types |= {name: "Float64" for name in names if columns[name].kind is REAL}
    frame = pd.read_csv(
        io.BytesIO(body),
        dtype=types,
        keep_default_na=False,
        na_values=[""],
    )
    for name in names:
        if columns[name].kind is REAL:
            frame[name] = frame[name].astype("Float32")
    return _rows(frame)


def by_pandas_jsonl(body: bytes, columns: Columns = ALERT_COLUMNS) -> Rows:
    """What pandas reads as lines, then as the JSON that it is: pandas guesses types."""
    assert len(pd.read_json(io.BytesIO(body), lines=True, dtype=False)) == body.count(b"\n")
    return [stored(json.loads(line), columns) for line in body.splitlines()]


def by_astropy(body: bytes, columns: Columns = ALERT_COLUMNS) -> Rows:
    table = parse_single_table(io.BytesIO(body), verify="exception")
    held = {f.name: table.array[f.name] for f in table.fields}
    rows = [dict(zip(held, cells, strict=True)) for cells in zip(*held.values(), strict=True)]
    return [
        {
            # TABLEDATA knows no difference between an empty string and none.
            name: (plain(value) or None) if columns[name].kind in (TEXT, TIME) else plain(value)
            for name, value in row.items()
        }
        for row in rows
    ]


def by_pyarrow(body: bytes, _: Columns = ALERT_COLUMNS) -> Rows:
    table = pyarrow.parquet.read_table(io.BytesIO(body))
    return [{name: plain(v) for name, v in row.items()} for row in table.to_pylist()]


def by_pandas_parquet(body: bytes, _: Columns = ALERT_COLUMNS) -> Rows:
    frame = pd.read_parquet(io.BytesIO(body), dtype_backend="numpy_nullable")
    return _rows(frame)


READERS: Final[dict[str, tuple[str, Callable[..., Rows]]]] = {
    "pandas, csv": ("csv", by_pandas_csv),
    "pandas, jsonl": ("jsonl", by_pandas_jsonl),
    "astropy": ("votable", by_astropy),
    "pyarrow": ("parquet", by_pyarrow),
    "pandas, parquet": ("parquet", by_pandas_parquet),
}


def without_request(body: bytes) -> bytes:
    """A table, which is the same whatever the words of its request."""
    return re.sub(b'<INFO name="request" [^>]*>', b"", body)


def printed(body: bytes) -> list[dict[str, str]]:
    """The cells of a CSV as they are written."""
    return list(csv.DictReader(io.StringIO(body.decode(), newline="")))


def numbers_as_text(body: bytes) -> Any:
    """JSON whose numbers are left as they are written."""
    return json.loads(body, parse_float=str, parse_int=str)


def linted(folder: Path, body: bytes) -> Path:
    """The file of a VOTable in which stilts finds no fault."""
    table = folder / "table.vot"
    table.write_bytes(body)
    lint = [*STILTS, "votlint", str(table)]
    assert subprocess.run(lint, capture_output=True, text=True, check=True).stdout == ""
    return table


def by_stilts(folder: Path, body: bytes) -> list[dict[str, str]]:
    """A VOTable that stilts finds without fault, as the CSV that it makes of it."""
    table = linted(folder, body)
    copying = [*STILTS, "tcopy", "ifmt=votable", "ofmt=csv", str(table), "-"]
    made = subprocess.run(copying, capture_output=True, check=True)
    return printed(made.stdout)
