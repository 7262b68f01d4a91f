"""Which columns an alert's answer has: those of every answer, those on request, what each needs."""

from collections.abc import Iterable, Sequence
from typing import Final

from app.search.values import read_text
from app.spelling import Unknown
from archive.columns import CANDIDATE, COMPUTED, DERIVED, TEXT, Column
from archive.tables import STAMPS

_HEAD: Final = (
    *("candid", "object_id", "batch", "jd", "mjd", "time", "filter", "ra", "dec", "l", "b"),
    *("isdiffpos", "deltamaglatest", "deltamagref"),
)
ALERT_KEYS: Final = (*_HEAD, *(c.name for c in CANDIDATE if c.name not in _HEAD), "links")
"""The keys of an alert in the typed API, in order."""

ON_REQUEST: Final = ("lco_id", "schemavsn", "publisher")
"""Keys that an answer has only where `fields` names them."""

SELECTABLE: Final = (*ALERT_KEYS, *ON_REQUEST)
"""What `fields` may name."""

ALERT_LINKS: Final = tuple(f"links_{part}" for part in ("self", "object", "avro", *STAMPS))
"""What `links` becomes in a table, where a cell holds one value."""

_LINK_WORDS: Final = ("the alert", "its object", "original packet", *(f"{s} stamp" for s in STAMPS))
ALERT_COLUMNS: Final[dict[str, Column]] = {c.name: c for c in (*DERIVED, *CANDIDATE, *COMPUTED)} | {
    name: Column(name, TEXT, "", "meta.ref.url", f"address of {words}", since="", is_ascii=True)
    for name, words in zip(ALERT_LINKS, _LINK_WORDS, strict=True)
}
"""What is known of each column of a table of alerts."""

HAS: Final = ("has_packet", *(f"has_{stamp}" for stamp in STAMPS))
"""Whether the bytes of a part can be had; not answered, but what links are made from."""
_NEEDS: Final[dict[str, tuple[str, ...]]] = {
    "mjd": ("jd",),
    "time": ("jd",),
    **dict.fromkeys(("links", *ALERT_LINKS), ("candid", "object_id", *HAS)),
}


def fields_named(text: str, known: Sequence[str] = SELECTABLE) -> tuple[str, ...]:
    """What `fields=` names, in its order. Raises ValueError."""
    names = tuple(name for part in text.split(",") if (name := part.strip()))
    for name in names:
        if name not in known:
            raise Unknown(f"unknown field {read_text(name)!r}", name, known)
        if names.count(name) > 1:
            raise ValueError(f"{name} is named more than once")
    if not names:
        raise ValueError("must be a comma-separated list of fields")
    return names


def columns_of(names: Iterable[str]) -> tuple[str, ...]:
    """The columns to read for these answered ones."""
    return tuple(dict.fromkeys(n for name in names for n in _NEEDS.get(name, (name,))))


def flatten_links(names: Sequence[str]) -> tuple[str, ...]:
    """The columns of a table: `links` taken apart."""
    return tuple(n for name in names for n in (ALERT_LINKS if name == "links" else (name,)))


def default_fields(as_table: bool) -> tuple[str, ...]:
    """What an answer without `fields` holds; tables leave out addresses, half of their bytes."""
    return ALERT_KEYS[:-1] if as_table else ALERT_KEYS
