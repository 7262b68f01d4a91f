"""Models of statistics: each number of one copy of the archive."""

from typing import Final

from pydantic import Field

from app.answers.models import Model
from app.search.models import Band, Instant

MAP_ORDER: Final = 4
"""Of the HEALPix map: 3,072 pixels of 3.7°."""
PIXELS: Final = 12 * 4**MAP_ORDER
_BAND: Final = "band of the exposures; null for any other"


class Totals(Model):
    """How much the archive holds."""

    alerts: int
    objects: int = Field(description="different object_id")
    nights: int = Field(description="UTC days with an alert")
    exposures: int = Field(description="exposures with an alert, by jd")
    undated: int = Field(description="alerts whose jd is not in the years 1 to 9999: in no night")
    bodies: int = Field(description="solar-system bodies that are the nearest to an alert")
    body_alerts: int = Field(description="alerts with such a body (ssnamenr)")
    first_jd: float | None = Field(description="first exposure, Julian date, UTC [d]")
    first_time: Instant | None = Field(description="the same, RFC 3339")
    last_jd: float | None = Field(description="last exposure, Julian date, UTC [d]")
    last_time: Instant | None = Field(description="the same, RFC 3339")


class NightBand(Model):
    """The alerts of one night in one filter."""

    night: str = Field(description="UTC day of exposure, 0h to 0h", examples=["2026-11-23"])
    filter: Band | None = Field(description=_BAND)
    alerts: int


class Histogram(Model):
    """Numbers of alerts by the value of a field.

    Each bin has its lower edge in it and not its upper one; the last has both.
    """

    begin: float = Field(description="lower edge of the first bin")
    width: float = Field(description="width of every bin")
    counts: list[int] = Field(description="alerts in each bin")
    below: int = Field(description="alerts outside, with a smaller value; with -infinity too")
    above: int = Field(description="alerts outside, with a greater value; with infinity too")
    missing: int = Field(description="alerts without a value, or with NaN")


class MagnitudeHistogram(Histogram):
    """The magnitudes (magpsf) in one filter."""

    filter: Band | None = Field(description=_BAND)


class SkyMap(Model):
    """Alerts by HEALPix pixel (Górski et al. 2005), nested numbering, equatorial J2000."""

    order: int = Field(description="HEALPix order: 12 · 4^order pixels of the same area")
    counts: list[int] = Field(description="alerts in each pixel, by its number")


class ObjectsByAlerts(Model):
    """How many objects have so many alerts."""

    least: int = Field(description="alerts of such an object, at least")
    most: int = Field(description="alerts of such an object, at most")
    objects: int


class BodyAlerts(Model):
    """A solar-system body, and the alerts to which it is the nearest."""

    ssnamenr: str = Field(description="its name as ZTF writes it")
    alerts: int


class Growth(Model):
    """What was taken in on one day."""

    day: str = Field(description="UTC day of ingest", examples=["2026-11-23"])
    alerts: int = Field(description="alerts stored on that day, by the ledger")
    total: int = Field(description="alerts stored until its end")


class Statistics(Model):
    """The whole archive up to one batch, counted exactly."""

    as_of: int = Field(description="number of the batch up to which everything was counted")
    totals: Totals
    nights: list[NightBand] = Field(description="in order of night, then of g, r, i, null")
    magpsf: list[MagnitudeHistogram] = Field(description="one for each filter that occurs")
    rb: Histogram = Field(description="real-bogus score")
    drb: Histogram = Field(description="real-bogus score by deep learning; packets since 2019")
    sky: SkyMap
    objects: list[ObjectsByAlerts] = Field(description="1, 2, 3 to 4, 5 to 8, and so on")
    bodies: list[BodyAlerts] = Field(description="the 20 bodies with the most alerts")
    growth: list[Growth] = Field(description="days on which something was stored")
