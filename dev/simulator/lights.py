"""Light curves: what a difference image shows of stars, galactic nuclei, supernovae and bodies.

Magnitudes in the AB system, fluxes in microjansky, times as Julian dates or in days. What is in the
reference image is subtracted: a star that fades below its reference has a negative flux.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from dev.simulator.conditions import microjansky

Magnitudes = tuple[float, float, float]
"""In g, r and i."""

# How much of a star's change in g, as a hot spot makes it, is left in each filter.
HOT: Final = np.array([1, 0.75, 0.6])
# An eclipse is as deep in every filter.
GREY: Final = np.ones(3)
# A nucleus varies more in the blue (Vanden Berk et al. 2004, ApJ 601, 692).
BLUE: Final = np.array([1.1, 1, 0.9])


class Light(Protocol):
    """A light curve of a difference image."""

    @property
    def kind(self) -> str:
        """What it is, in a word or two."""

    @property
    def steady(self) -> Magnitudes | None:
        """What the reference image shows of the object itself; None: nothing."""

    def flux(self, jd: np.ndarray, fid: np.ndarray) -> np.ndarray:
        """Signed flux above the reference's at these exposures of one field, in order of time."""


def changed(steady: Magnitudes, fid: np.ndarray, change: np.ndarray) -> np.ndarray:
    """Reference flux times (10^(-0.4 change of magnitude) - 1)."""
    reference: np.ndarray = microjansky(np.array(steady)[fid - 1])
    difference: np.ndarray = reference * (10 ** (-0.4 * change) - 1)
    return difference


@dataclass(frozen=True, slots=True)
class ConstantStar:
    """Nothing changes: whatever is detected there is an artefact."""

    steady: Magnitudes
    kind = "constant star"

    def flux(self, jd: np.ndarray, fid: np.ndarray) -> np.ndarray:
        """None."""
        return np.zeros(len(jd))


@dataclass(frozen=True, slots=True)
class PeriodicStar:
    """A pulsating star (sinusoid, or sawtooth with a steep rise) or an eclipsing binary."""

    steady: Magnitudes
    period: float
    phase: float
    amplitude: float
    shape: str
    """sinusoid, sawtooth or eclipses."""
    kind = "periodic star"

    def flux(self, jd: np.ndarray, fid: np.ndarray) -> np.ndarray:
        """The phase of each exposure, and what the shape makes of it."""
        phase = (jd / self.period + self.phase) % 1
        colour = GREY if self.shape == "eclipses" else HOT
        swing = self.amplitude * colour[fid - 1] * SHAPES[self.shape](phase)
        return changed(self.steady, fid, swing)


def _sinusoid(phase: np.ndarray) -> np.ndarray:
    return np.sin(2 * np.pi * phase)


def _sawtooth(phase: np.ndarray) -> np.ndarray:
    """Rises for an eighth of the period, fades for the rest, as RR Lyrae stars of type ab do."""
    rise = 0.125
    return np.where(phase < rise, 1 - 2 * phase / rise, 2 * (phase - rise) / (1 - rise) - 1)


def _eclipses(phase: np.ndarray) -> np.ndarray:
    """A deep one at phase 0 and a shallow one half a period later, each a tenth of it long."""
    depth = np.zeros(len(phase))
    for middle, part in ((0.0, 1.0), (0.5, 0.4)):
        away = np.abs((phase - middle + 0.5) % 1 - 0.5)
        depth += part * np.clip(1 - away / 0.05, 0, 1)
    return depth


SHAPES: Final = {"sinusoid": _sinusoid, "sawtooth": _sawtooth, "eclipses": _eclipses}


@dataclass(frozen=True, slots=True)
class IrregularStar:
    """A red giant without a period of its own: several long ones beat against each other."""

    steady: Magnitudes
    amplitude: float
    periods: tuple[float, ...]
    phases: tuple[float, ...]
    kind = "irregular star"

    def flux(self, jd: np.ndarray, fid: np.ndarray) -> np.ndarray:
        """The mean of the sinusoids, in magnitudes."""
        phase = jd[:, None] / np.array(self.periods) + np.array(self.phases)
        change = self.amplitude * np.sin(2 * np.pi * phase).mean(axis=1)
        return changed(self.steady, fid, change * HOT[fid - 1])


@dataclass(frozen=True, slots=True)
class ActiveNucleus:
    """A damped random walk in magnitude (Kelly et al. 2009, ApJ 698, 895)."""

    steady: Magnitudes
    timescale: float
    """Days in which it forgets where it was."""
    scatter: float
    """Standard deviation over a time much longer [mag]."""
    seed: int
    kind = "active nucleus"

    def flux(self, jd: np.ndarray, fid: np.ndarray) -> np.ndarray:
        """From exposure to exposure: what is remembered, and what is new (equations 1 and 6)."""
        if not len(jd):
            return np.zeros(0)
        remembered = np.exp(-np.diff(jd, prepend=-np.inf) / self.timescale)
        new = self.scatter * np.sqrt(1 - remembered**2)
        shocks = np.random.default_rng(self.seed).standard_normal(len(jd))
        level, walk = 0.0, []
        for keep, shock in zip(remembered.tolist(), (new * shocks).tolist(), strict=True):
            level = keep * level + shock
            walk.append(level)
        return changed(self.steady, fid, np.array(walk) * BLUE[fid - 1])


@dataclass(frozen=True, slots=True)
class Supernova:
    """Rise and decline as in Bazin et al. 2009 (A&A 499, 653), equation 1; slower in the red."""

    epoch: float
    rise: float
    decline: float
    magnitude: float
    """At its peak in g."""
    steady = None
    kind = "supernova"

    def flux(self, jd: np.ndarray, fid: np.ndarray) -> np.ndarray:
        """exp(-t / decline) / (1 + exp(-t / rise)), by its value at the peak."""
        days = np.clip(jd - self.epoch, -300, 300)
        decline = self.decline * np.array([1, 1.3, 1.6])[fid - 1]
        summit = self.rise * np.log(decline / self.rise - 1)
        dimmer = np.array([0, 0.05, 0.25])[fid - 1]
        shape = self._shape(days, decline) / self._shape(summit, decline)
        return np.asarray(microjansky(self.magnitude + dimmer) * shape)

    def _shape(self, days: np.ndarray, decline: np.ndarray) -> np.ndarray:
        shape: np.ndarray = np.exp(-days / decline) / (1 + np.exp(-days / self.rise))
        return shape


@dataclass(frozen=True, slots=True)
class Recurrent:
    """The same supernova again and again: whatever the night, one rises or fades."""

    first: Supernova
    every: float
    """Days."""
    lead = 15.0
    """Days before an epoch at which its rise is still too faint to be seen."""
    steady = None
    kind = "supernova"

    def flux(self, jd: np.ndarray, fid: np.ndarray) -> np.ndarray:
        """That of the latest one, and what is left of the one before."""
        start = self.first.epoch - self.lead
        since = start + (jd - start) % self.every
        both: np.ndarray = self.first.flux(since, fid) + self.first.flux(since + self.every, fid)
        return both


@dataclass(frozen=True, slots=True)
class Passage:
    """A body of the solar system: at this position in one exposure only."""

    jd: float
    magnitude: float
    name: str
    """The body's, the same wherever it is seen."""
    distance: float
    """From where its orbit puts it [arcsec]."""
    predicted: float
    """The magnitude that its orbit tells."""
    steady = None
    kind = "moving body"

    def flux(self, jd: np.ndarray, fid: np.ndarray) -> np.ndarray:
        """Its flux in that exposure, else none."""
        return np.where(jd == self.jd, microjansky(self.magnitude), 0.0)
