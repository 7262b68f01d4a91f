"""The formats of a result of TAP: those of a list that are tables, and TSV."""

from typing import Final

from app.answers.formats import FORMATS
from app.answers.tabular import Format, Tsv

_TSV: Final = "text/tab-separated-values"
RESULTS: Final[dict[str, Format]] = {
    **{name: FORMATS[name] for name in ("votable", "csv", "parquet")},
    "tsv": Format(_TSV, (_TSV,), "tsv", Tsv),
}
