"""The help page, made from the same tables as the form, the searches and the archive."""

from typing import Final, NamedTuple
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Request, Response

from app import bounds
from app.alerts.asking.counting import COUNTED
from app.mars import bulk
from app.mars.form import FORM, GROUPS, SORTS, Entry
from app.pages.html import render
from app.pages.links import SYMBOLS
from app.pages.lists.listing import meaning
from app.routes.dependencies import SettingsDependency
from app.search.vocabulary import FILTERS
from archive.columns import Column, Kind
from archive.surveys.ztf.columns import CANDIDATE, DERIVED

router = APIRouter(include_in_schema=False)


class Explained(NamedTuple):
    """A filter of the form as the help page shows it."""

    name: str
    condition: str
    meaning: str
    typed: str
    example: str
    query: str


_CONDITIONS: Final = {
    "cone": "closer than radius to ra, dec",
    "objectcone": "closer than radius to the named object",
    "time__since": "time ≥ now − value [s]",
    "objectidps": "objectidps1, 2 or 3 = value",
}
_MEANINGS: Final = {
    "cone": "all in degrees; the radius up to 180",
    "objectcone": "a name that the search box knows, and a radius in degrees",
    "ssnamenr": "the nearest known solar-system body, by number, designation or name",
}


def _explained(entry: Entry) -> Explained:
    stem, _, operator = entry.name.partition("__")
    condition = _CONDITIONS.get(entry.name) or f"{stem} {SYMBOLS[operator]} value"
    typed = "" if entry.filter is None or entry.name == "time__since" else entry.filter.name
    return Explained(
        entry.name,
        condition,
        _MEANINGS.get(entry.name) or meaning(entry),
        "cone" if entry.name == "cone" else typed,
        entry.example,
        urlencode({entry.name: entry.example}, safe=",:"),
    )


FILTERS_EXPLAINED: Final = [
    (group, [_explained(entry) for entry in FORM.values() if entry.group == group])
    for group in GROUPS
]

# What an alert's JSON has around the columns.
_AROUND: Final = (
    Column("lco_id", Kind.BIGINT, "", "", "number of the alert in this archive, used in addresses"),
    Column("objectId", Kind.TEXT, "", "", "object_id, by its name in the JSON of the first MARS"),
    Column("avro", Kind.TEXT, "", "", "address of the original packet"),
    Column("wall_time", Kind.TEXT, "", "", "start of exposure as an HTTP date, in whole seconds"),
)
COLUMNS_EXPLAINED: Final = (
    ("What MARS adds", (*DERIVED, *_AROUND)),
    ("The candidate, as ZTF sends it", CANDIDATE),
)

# What the search box takes, and where it leads.
_BOX: Final = (
    ("ZTF21abiuvdk", "the object and its light curve"),
    (
        "1707409520815015012",
        "the alert with this candid; a short number is an lco_id, else a minor planet's",
    ),
    ("10.6847 41.2691", "alerts within 2″ of a position in degrees"),
    ("00:42:44.3 +41:16:09", "the same, sexagesimal"),
    ("J004244.3+411609", "the same, as a name"),
    ("M31 r=0.5", "alerts within half a degree of M31"),
    ("433 Eros", "alerts of a solar-system body"),
)
BOX_EXPLAINED: Final = [(text, f"/search?q={quote(text)}", found) for text, found in _BOX]

OWN_SORTS: Final = tuple(name for name in SORTS if name not in {c.name for c in CANDIDATE})


@router.get("/help/")
async def get_help(request: Request, settings: SettingsDependency) -> Response:
    """The page."""
    return render(
        request,
        "help.html",
        box=BOX_EXPLAINED,
        filters=FILTERS_EXPLAINED,
        columns=COLUMNS_EXPLAINED,
        sort_names=OWN_SORTS,
        fields=len(FILTERS),
        settings=settings,
        url=settings.public_url,
        counted=COUNTED,
        bulk=bulk,
        most_bytes=bounds.ANY_BODY.max_bytes,
        token_bytes=bounds.WITH_TOKEN.max_bytes,
    )
