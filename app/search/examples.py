"""Values that make sense: openapi.json, the form and the errors show them."""

from typing import Final

from app.surveys.ztf.wording import ZTF_WORDING

POSITION: Final = ("0.8143", "16.1457")
"""RA and Dec of an alert of the object below, in degrees."""
NIGHT: Final = "20261123"
JOB: Final = "id-that-the-answer-of-POST-gives"
"""No job has this id; it only fits the pattern."""
OF_FIELD: Final = ZTF_WORDING.examples
