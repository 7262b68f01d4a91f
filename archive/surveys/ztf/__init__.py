"""The Zwicky Transient Facility, whose alerts are public where their programid is 1."""

from typing import Final

from archive.survey import Survey
from archive.surveys.ztf.columns import CANDIDATE, DERIVED
from archive.surveys.ztf.packet import decode, is_public
from archive.surveys.ztf.tables import FILTER_OF_FID, STAMPS, alert, history

ZTF: Final = Survey(
    name="ztf",
    key="candid",
    sent=CANDIDATE,
    derived=DERIVED,
    bands=tuple(FILTER_OF_FID.values()),
    stamps=STAMPS,
    alert=alert,
    history=history,
    read=decode,
    is_public=is_public,
)
