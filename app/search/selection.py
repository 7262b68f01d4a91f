"""Which columns an alert's answer has: those of every answer, those on request, what each needs."""

from collections.abc import Iterable, Sequence
from typing import Final

from app.search.values import read_text
from app.search.vocabulary import ZTF, Vocabulary
from app.spelling import Unknown

ALERT_KEYS: Final = ZTF.keys
ON_REQUEST: Final = ZTF.wording.on_request
SELECTABLE: Final = ZTF.selectable
ALERT_LINKS: Final = ZTF.links
ALERT_COLUMNS: Final = ZTF.columns
HAS: Final = ZTF.held


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


def columns_of(names: Iterable[str], vocabulary: Vocabulary = ZTF) -> tuple[str, ...]:
    """The columns to read for these answered ones."""
    linked = (vocabulary.survey.key, "object_id", *vocabulary.held)
    needs = {"mjd": ("jd",), "time": ("jd",), **dict.fromkeys(("links", *vocabulary.links), linked)}
    return tuple(dict.fromkeys(n for name in names for n in needs.get(name, (name,))))


def flatten_links(names: Sequence[str], vocabulary: Vocabulary = ZTF) -> tuple[str, ...]:
    """The columns of a table: `links` taken apart."""
    return tuple(n for name in names for n in (vocabulary.links if name == "links" else (name,)))


def default_fields(as_table: bool, vocabulary: Vocabulary = ZTF) -> tuple[str, ...]:
    """What an answer without `fields` holds; tables leave out addresses, half of their bytes."""
    return vocabulary.keys[:-1] if as_table else vocabulary.keys
