"""The formats of an answer, by name: `format=` names one, else Accept chooses."""

from functools import lru_cache
from typing import Final

from app.answers.accept import MAX_LENGTH, read_weights, weight_of
from app.answers.parquet import Parquet
from app.answers.tabular import Csv, Format, JsonLines
from app.answers.votable import VOTable
from app.spelling import Unknown

JSON: Final = "json"
FORMATS: Final[dict[str, Format]] = {
    JSON: Format("application/json", ("application/json",), "json", None, nested=True),
    "jsonl": Format(
        "application/x-ndjson",
        ("application/x-ndjson", "application/jsonl"),
        "jsonl",
        JsonLines,
        nested=True,
    ),
    "csv": Format("text/csv; charset=utf-8; header=present", ("text/csv",), "csv", Csv),
    # Not for application/xml: browsers prefer it to anything but HTML.
    "votable": Format("application/x-votable+xml", ("application/x-votable+xml",), "vot", VOTable),
    "parquet": Format(
        "application/vnd.apache.parquet",
        ("application/vnd.apache.parquet",),
        "parquet",
        Parquet,
        squeezed=True,
    ),
}


def read_format(text: str) -> str:
    """The name of a format, as `format=` gives it. Raises ValueError."""
    if (name := text.strip()) not in FORMATS:
        raise Unknown(f"must be one of {', '.join(FORMATS)}", name.lower(), FORMATS)
    return name


def negotiate_format(accept: str) -> str:
    """The name of the format that Accept prefers; JSON among equals and if it names none."""
    return _best(accept[:MAX_LENGTH])


@lru_cache(maxsize=64)
def _best(accept: str) -> str:
    given = read_weights(accept)
    liked = {
        name: max(weight_of(given, kind) for kind in known.accepted)
        for name, known in FORMATS.items()
    }
    return max(liked, key=lambda name: liked[name])
