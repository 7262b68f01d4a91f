"""Files of alerts opened with the programs that astronomers open them with."""

import subprocess
from collections.abc import Callable, Iterable
from io import BytesIO
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd
from astropy.io.votable import parse_single_table
from pyarrow import parquet


class Sums(NamedTuple):
    """What a file holds: rows, and two of its columns added up."""

    rows: int
    candid: int
    magpsf: float
    """Of the singles that the archive has."""


def sums(candids: Iterable[Any], magnitudes: Any) -> Sums:
    """Of two columns in hand."""
    numbers = list(map(int, candids))
    singles = np.asarray(magnitudes, dtype=np.float32)
    return Sums(len(numbers), sum(numbers), float(singles.sum(dtype=np.float64)))


def by_astropy(file: Path) -> Sums:
    """A VOTable."""
    rows = parse_single_table(file).array
    return sums(rows["candid"].tolist(), rows["magpsf"])


def by_pandas(file: Path) -> Sums:
    """CSV."""
    frame = pd.read_csv(file, dtype={"candid": "int64", "magpsf": "float32"})
    return sums(frame["candid"].tolist(), frame["magpsf"])


def by_pandas_in_parts(file: Path) -> Sums:
    """JSON Lines, a hundred thousand at a time: ids are text, as JavaScript needs them."""
    parts = pd.read_json(
        file, lines=True, chunksize=100_000, dtype={"candid": "string"}, precise_float=True
    )
    read = [sums(part["candid"], part["magpsf"]) for part in parts]
    return Sums(*map(sum, zip(*read, strict=True)))


def by_pyarrow(file: Path) -> Sums:
    """Parquet."""
    table = parquet.read_table(file)
    return sums(table["candid"].to_pylist(), table["magpsf"].to_numpy())


def by_stilts(kind: str) -> Callable[[Path], Sums]:
    """What stilts, and TOPCAT with it, makes of a file of this kind, as CSV."""

    def read(file: Path) -> Sums:
        command = ["stilts", "tpipe", f"in={file}", f"ifmt={kind}", "ofmt=csv"]
        run = subprocess.run(
            [*command, "cmd=keepcols 'candid magpsf'"], capture_output=True, check=True
        )
        frame = pd.read_csv(BytesIO(run.stdout), dtype={"candid": "int64", "magpsf": "float32"})
        return sums(frame["candid"].tolist(), frame["magpsf"])

    return read


READERS: Final[dict[str, dict[str, Callable[[Path], Sums]]]] = {
    "jsonl": {"pandas": by_pandas_in_parts},
    "csv": {"pandas": by_pandas, "stilts": by_stilts("csv")},
    "votable": {"astropy": by_astropy, "stilts": by_stilts("votable")},
    "parquet": {"pyarrow": by_pyarrow},
}
"""Format -> its readers. Debian's stilts reads no Parquet."""
