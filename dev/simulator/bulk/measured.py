"""What each visit measures of an object: exposure, signed flux and its error."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from dev.simulator.bulk.drawing import normal, uniform
from dev.simulator.bulk.plan import BODY, STAR, TRANSIENT, VISITS, Plan, slot
from dev.simulator.conditions import LIMIT, MOON, ZERO_POINT, microjansky
from dev.simulator.ephemeris import moonlight
from dev.simulator.lights import HOT
from dev.simulator.survey import JD_OF_FIRST_NIGHT

SECONDS_OF_A_SLOT: Final = 40
FIRST_SECOND: Final = 10_000
PERSISTENT: Final = 10


class Measured(NamedTuple):
    """Columns of measurements, one an object and visit. Microjansky, magnitudes, pixels."""

    owner: np.ndarray
    key: np.ndarray
    """A number of the measurement's own, to draw by."""
    nid: np.ndarray
    seconds: np.ndarray
    jd: np.ndarray
    fid: np.ndarray
    pid: np.ndarray
    limit: np.ndarray
    seeing: np.ndarray
    zero_point: np.ndarray
    flux: np.ndarray
    error: np.ndarray
    magnr: np.ndarray
    """The nearest reference source; NaN: there is none."""
    apart: np.ndarray
    """How far away that is [arcsec]."""


def object_key(plan: Plan, owner: np.ndarray) -> np.ndarray:
    """A number of the object's own, to draw by."""
    part = plan.part
    return np.asarray(owner.astype(np.uint64) + np.uint64((part.seed * 64 + part.number) << 36))


def measure(plan: Plan, owner: np.ndarray, visit: np.ndarray) -> Measured:
    """Measure objects in visits; above 5 sigma in those with an alert, below in the others."""
    part, objects = plan.part, plan.objects
    field = objects.field[owner]
    nid = plan.nids[field, visit]
    exposure = (nid * 10_000 + field).astype(np.uint64) + np.uint64(part.seed << 36)
    seconds = FIRST_SECOND + slot(field, nid) * SECONDS_OF_A_SLOT
    jd = np.round(JD_OF_FIRST_NIGHT + nid + seconds / 86_400, 7)
    fid = np.where(uniform(exposure, 1) < 0.1, 3, 1 + visit % 2)
    tail = (65 + part.seed) % 100
    pid = (nid * 100_000 + seconds * 100_000 // 86_400) * 10_000 + objects.rcid[owner] * 100 + tail
    seeing = np.clip(2.1 * np.exp(0.15 * normal(exposure, 2)), 1.2, 5)
    limit = LIMIT[fid] - MOON[fid] * moonlight(jd) - 2.5 * np.log10(seeing / 2)
    limit = np.round(limit + 0.1 * normal(exposure, 3), 4)
    zero_point = np.round(ZERO_POINT[fid] + 0.05 * normal(exposure, 4), 4)
    error = microjansky(limit) / 5
    key = object_key(plan, owner) * np.uint64(VISITS) + visit.astype(np.uint64)
    magnr, apart = reference(plan, owner, fid)
    flux = light(plan, owner, jd, fid, magnr) + error * normal(key, 5)
    alert = plan.is_alert(owner, visit)
    sign = np.where(flux < 0, -1, 1)
    least = error * (5.1 + uniform(key, 6))
    flux = np.where(alert, sign * np.maximum(np.abs(flux), least),
                    sign * np.minimum(np.abs(flux), 4.9 * error))  # fmt: skip
    return Measured(owner, key, nid, seconds, jd, fid, pid, limit, seeing, zero_point, flux, error,
                    magnr, apart)  # fmt: skip


def reference(plan: Plan, owner: np.ndarray, fid: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Magnitude and distance of the nearest reference source: a star's is the star itself."""
    key, star = object_key(plan, owner), plan.objects.kind[owner] == STAR
    red = uniform(key, 10, 14.5, 19.5) + np.where(star, 0, 1.5)
    magnr = np.round(red + np.array([np.nan, 0.5, 0, -0.2])[fid], 3)
    lonely = ~star & (uniform(key, 11) < 0.5)
    apart = np.where(star, np.abs(0.15 * normal(key, 12)), uniform(key, 12, 0.2, 5))
    return np.where(lonely, np.nan, magnr), apart


def light(
    plan: Plan, owner: np.ndarray, jd: np.ndarray, fid: np.ndarray, magnr: np.ndarray
) -> np.ndarray:
    """Flux above the reference's: a sinusoid in magnitude, an outburst, a body in its passage."""
    key, kind = object_key(plan, owner), plan.objects.kind[owner]
    phase = jd / 10 ** uniform(key, 13, -0.5, 2) + uniform(key, 14)
    change = 10 ** uniform(key, 15, -1.3, -0.2) * HOT[fid - 1] * np.sin(2 * np.pi * phase)
    star = microjansky(magnr) * (10 ** (-0.4 * change) - 1)
    first = plan.nids[plan.objects.field[owner], plan.objects.first[owner]]
    days = jd - (JD_OF_FIRST_NIGHT + first + PERSISTENT)
    burst = np.exp(-days.clip(-300, 300) / 25) / (1 + np.exp(-days.clip(-300, 300) / 3.5))
    outburst = 1.5 * microjansky(uniform(key, 16, 16, 19)) * burst
    passing = microjansky(plan.objects.magnitude[owner])
    at_home = np.floor(jd - JD_OF_FIRST_NIGHT) == first
    chosen: np.ndarray = np.select(
        [kind == STAR, kind == TRANSIENT, (kind == BODY) & at_home], [star, outburst, passing], 0.0
    )
    return chosen
