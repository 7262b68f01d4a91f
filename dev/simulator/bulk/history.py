"""The columns of `history`: what the packets of some of the alerts told of the 30 days before."""

from __future__ import annotations

from typing import Final

import numpy as np

from dev.simulator.bulk.copying import Column
from dev.simulator.bulk.drawing import normal, uniform
from dev.simulator.bulk.measured import Measured, measure
from dev.simulator.bulk.plan import Plan
from dev.simulator.bulk.values import Columns, candid, real_bogus
from dev.simulator.conditions import MICROJANSKY
from dev.simulator.photometry import MAGNITUDE_OF_SIGMA, PIXEL_ARCSEC
from dev.simulator.survey import HISTORY_NIGHTS

MOST_VISITS: Final = HISTORY_NIGHTS // 2
FAILED: Final = 0.04
"""The share of forced measurements without a flux (procstatus 61), and of those with a warning."""


def chosen(plan: Plan, rows: slice, share: float) -> np.ndarray:
    """Numbers of the alerts whose history is written: of so large a share of the objects, all."""
    numbers = np.arange(rows.start, rows.stop)
    luck = uniform(plan.owner[rows].astype(np.uint64), 400)
    return np.asarray(numbers[luck < share])


def history_columns(plan: Plan, alerts: np.ndarray) -> Columns:
    """The histories of these alerts, oldest first."""
    owner, visit = plan.owner[alerts].astype(np.int64), plan.visit[alerts].astype(np.int64)
    latest = measure(plan, owner, visit)
    visits = visit[:, None] - np.arange(MOST_VISITS, 0, -1)
    there = visits >= 0
    visits = visits.clip(0)
    before = measure(plan, np.repeat(owner, MOST_VISITS), visits.reshape(-1))
    nights = latest.nid[:, None] - before.nid.reshape(there.shape)
    there &= (nights <= HISTORY_NIGHTS) & (before.jd.reshape(there.shape) < latest.jd[:, None])
    alert = plan.is_alert(before.owner, visits.reshape(-1)).reshape(there.shape)
    lists = {
        "limit": (limits(before), ~(there & ~alert)),
        "detection": (detections(plan, before), ~(there & alert)),
        "forced": (forced(before, np.repeat(latest.key, MOST_VISITS)), ~there),
    }
    columns = {"candid": Column(candid(plan, latest))}
    for name, (values, absent) in lists.items():
        columns |= {
            f"{name}_{field}": Column(np.ascontiguousarray(value.reshape(there.shape)), absent)
            for field, value in values.items()
        }
    return columns


def limits(before: Measured) -> dict[str, np.ndarray]:
    """Exposures that saw nothing."""
    return {"jd": before.jd, "pid": before.pid, "fid": before.fid, "diffmaglim": before.limit}


def detections(plan: Plan, before: Measured) -> dict[str, np.ndarray]:
    """Alerts of before, rounded."""
    size = np.abs(before.flux)
    return limits(before) | {
        "candid": candid(plan, before),
        "magpsf": (MICROJANSKY - 2.5 * np.log10(size)).round(4),
        "sigmapsf": (MAGNITUDE_OF_SIGMA * before.error / size).round(4),
        "isdiffpos": before.flux > 0,
        "magnr": before.magnr,
        "sigmagnr": np.where(np.isnan(before.magnr), np.nan, 0.015),
        "distnr": np.where(np.isnan(before.magnr), np.nan, before.apart / PIXEL_ARCSEC).round(4),
        "rb": real_bogus(before).round(4),
    }


def forced(before: Measured, latest: np.ndarray) -> dict[str, np.ndarray]:
    """Flux at the position of the latest alert, in DN: a little different in the next one's."""
    with np.errstate(over="ignore"):
        key = before.key * np.uint64(31) + latest
    counts = 10 ** (0.4 * (before.zero_point - MICROJANSKY))
    flux, error = (
        (before.flux + 0.2 * normal(key, 401) * before.error) * counts,
        before.error * counts,
    )
    luck = uniform(key, 402)
    failed, nothing = luck < FAILED, np.isnan(before.magnr)
    return {
        "jd": before.jd,
        "pid": before.pid,
        "fid": before.fid,
        "forcediffimflux": np.where(failed, np.nan, flux),
        "forcediffimfluxunc": np.where(failed, np.nan, error),
        "magzpsci": before.zero_point,
        "procstatus": np.select([failed, luck < 2 * FAILED], [b"61", b"56"], b"0").astype("S2"),
        "exptime": np.full(len(luck), 30.0),
        "diffmaglim": before.limit,
        "magnr": before.magnr,
        "sigmagnr": np.where(nothing, np.nan, 0.015),
        "distnr": np.where(nothing, np.nan, before.apart),
    }
