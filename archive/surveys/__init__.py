"""One folder for each survey: its columns, its tables, and how its packets are read."""

from typing import Final

from archive.survey import Survey
from archive.surveys.ztf import ZTF

SURVEYS: Final[tuple[Survey, ...]] = (ZTF,)
"""All whose alerts the archive holds."""
