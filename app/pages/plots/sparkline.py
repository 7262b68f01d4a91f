"""A light curve as small as a word: time to the right, bright up, a dot for each alert."""

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

from markupsafe import Markup

from archive import times

WIDTH, HEIGHT = 96, 26
_EDGE: Final = 3
DRAWN: Final = 60
"""Newest points of a sparkline; more would run together."""
_MOST_MAG: Final = 100.0
Curve = Sequence[tuple[float, float | None, str | None]]
"""Times [JD], magnitudes and bands, the newest first."""


class Dot(NamedTuple):
    """A point of a sparkline, in its own pixels."""

    x: float
    y: float
    band: str


def write_spark(curve: Curve) -> Markup:
    """A curve as SVG."""
    dots = "".join(
        f'<circle class="band-{dot.band}" cx="{dot.x}" cy="{dot.y}" r="2"/>'
        for dot in draw_dots(curve)
    )
    # What stands in it is written here: numbers, and the names of bands.
    return Markup(  # noqa: S704
        f'<svg class="spark" width="{WIDTH}" height="{HEIGHT}" aria-hidden="true">{dots}</svg>'
    )


def draw_dots(curve: Curve) -> list[Dot]:
    """Times and magnitudes, the newest first, as a sparkline; bright is up."""
    seen = [
        (jd, magnitude, band or "none")
        for jd, magnitude, band in curve[:DRAWN]
        if magnitude is not None and abs(magnitude) < _MOST_MAG and times.is_exposure(jd)
    ]
    if not seen:
        return []
    days, magnitudes, bands = zip(*seen, strict=True)
    across, down = _scale(days, WIDTH), _scale(magnitudes, HEIGHT)
    return [Dot(x, y, band) for x, y, band in zip(across, down, bands, strict=True)]


def _scale(values: Sequence[float], size: int) -> list[float]:
    """Values from edge to edge; in the middle where they are all the same."""
    low, high = min(values), max(values)
    if math.isclose(low, high):
        return [size / 2] * len(values)
    return [round(_EDGE + (v - low) / (high - low) * (size - 2 * _EDGE), 1) for v in values]
