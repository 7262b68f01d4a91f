"""A light curve as SVG, which shows the series of curveplot.py where no script runs."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from app.pages.plots.curveplot import Series
from app.pages.plots.curveview import View

WIDTH, HEIGHT = 900, 380
_LEFT, _RIGHT, _TOP, _BOTTOM = 60, 12, 12, 40


class Mark(NamedTuple):
    """A point in the SVG's own pixels, y and its error bar's ends; an alert's has its candid."""

    x: float
    y: float
    ends: tuple[float, float] | None
    glyph: str
    radius: float
    style: str
    title: str
    candid: str | None


class Chart(NamedTuple):
    """The content of the SVG."""

    marks: list[Mark]
    ticks_x: list[tuple[float, str]]
    ticks_y: list[tuple[float, str]]


class Frame(NamedTuple):
    """Which values the SVG's edges are, and whether they grow upwards, as magnitudes do not."""

    x: tuple[float, float]
    y: tuple[float, float]
    grows_up: bool

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Where the SVG has a point."""
        across = (x - self.x[0]) / (self.x[1] - self.x[0])
        down = (y - self.y[0]) / (self.y[1] - self.y[0])
        return (
            round(_LEFT + across * (WIDTH - _LEFT - _RIGHT), 1),
            round(_TOP + (1 - down if self.grows_up else down) * (HEIGHT - _TOP - _BOTTOM), 1),
        )

    def ends(self, y: float, error: float | None) -> tuple[float, float] | None:
        """Where an error bar ends, at the edge if it is longer than the picture is high."""
        if not error:
            return None
        low, high = self.y
        one, other = (self.at(0, min(max(y + e, low), high))[1] for e in (-error, error))
        return min(one, other), max(one, other)


def chart(
    series: Sequence[Series], view: View = View.DIFFERENCE, *, folded: bool = False
) -> Chart | None:
    """The SVG of a view; None if there is nothing to draw."""
    if not series:
        return None
    xs, ys = ([value for one in series for value in one[axis]] for axis in "xy")
    grows_up = view is View.FLUX
    across = (0.0, 2.0) if folded else _range(xs, 1.0)
    frame = Frame(across, _range([*ys, 0.0] if grows_up else ys, 0.2), grows_up)
    marks = [
        Mark(
            *frame.at(x, y),
            frame.ends(y, error),
            one["symbol"].replace("-open", ""),
            one["size"] / 2,
            f"band-{one['filter'] or 'none'} {one['kind']}"
            + (" open" if one["negative"] or one["limit"] else ""),
            text.replace("<br>", ", "),
            candid,
        )
        for one in series
        for x, y, error, text, candid in zip(
            *(one[name] for name in ("x", "y", "error", "text", "candid")), strict=True
        )
    ]
    ticks_x = [(frame.at(x, frame.y[0])[0], f"{x:g}") for x in ticks(*frame.x)]
    ticks_y = [(frame.at(frame.x[0], y)[1], f"{y:g}") for y in ticks(*frame.y)]
    return Chart(marks, ticks_x, ticks_y)


def _range(values: Sequence[float], least: float) -> tuple[float, float]:
    """From below the lowest to above the highest, and no narrower than `least`."""
    low, high = min(values), max(values)
    margin = max((high - low) * 0.06, (least - (high - low)) / 2)
    return low - margin, high + margin


def ticks(low: float, high: float) -> list[float]:
    """About five round numbers within the range."""
    rough = (high - low) / 5
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * n for n in (1, 2, 5, 10) if power * n >= rough)
    return [round(n * step, 6) for n in range(math.ceil(low / step), math.floor(high / step) + 1)]
