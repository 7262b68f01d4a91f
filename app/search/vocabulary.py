"""What can be asked of a survey's alerts, and what an answer can hold of them."""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

from app.search.filters import Field, Filter, make_fields, make_filters
from app.surveys.wording import Wording
from app.surveys.ztf.wording import ZTF_WORDING
from archive.columns import TEXT, Column
from archive.survey import Survey

_FIRST: Final = ("object_id", "batch", "jd", "mjd", "time", "filter", "ra", "dec", "l", "b")
"""Keys, behind the id, with which every survey's alerts begin."""


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """All that is made of a survey's columns and wording."""

    wording: Wording

    @property
    def survey(self) -> Survey:
        return self.wording.survey

    @cached_property
    def fields(self) -> dict[str, Field]:
        """What can be searched by, by name."""
        return make_fields(self.wording)

    @cached_property
    def filters(self) -> dict[str, Filter]:
        """Fields with operators, by name."""
        return make_filters(self.fields)

    @cached_property
    def sorted_anywhere(self) -> tuple[str, ...]:
        """Columns with an index: by these the whole archive can be sorted."""
        return "jd", self.survey.key, "object_id", "lco_id"

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """The keys of an alert in the typed API, in order."""
        first = (self.survey.key, *_FIRST, *self.wording.first)
        return (*first, *(c.name for c in self.survey.sent if c.name not in first), "links")

    @cached_property
    def selectable(self) -> tuple[str, ...]:
        """What `fields` may name."""
        return (*self.keys, *self.wording.on_request)

    @cached_property
    def links(self) -> tuple[str, ...]:
        """What `links` becomes in a table, where a cell holds one value."""
        return tuple(f"links_{part}" for part in ("self", "object", "avro", *self.survey.stamps))

    @cached_property
    def columns(self) -> dict[str, Column]:
        """What is known of each column of a table of alerts."""
        stamps = (f"{stamp} stamp" for stamp in self.survey.stamps)
        words = ("the alert", "its object", "original packet", *stamps)
        return self.survey.columns | {
            name: Column(
                name, TEXT, "", "meta.ref.url", f"address of {told}", since="", is_ascii=True
            )
            for name, told in zip(self.links, words, strict=True)
        }

    @cached_property
    def held(self) -> tuple[str, ...]:
        """Whether the bytes of a part can be had; not answered, but what links are made from."""
        return ("has_packet", *(f"has_{stamp}" for stamp in self.survey.stamps))


ZTF: Final = Vocabulary(ZTF_WORDING)
VOCABULARIES: Final = {known.survey.name: known for known in (ZTF,)}
FIELDS: Final = ZTF.fields
FILTERS: Final = ZTF.filters
NAMED: Final = ZTF_WORDING.named
