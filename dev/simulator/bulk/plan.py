"""Which alerts there will be: objects over the whole sky, and the visits in which each is seen."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from dev.simulator.bulk.drawing import mixed
from dev.simulator.ephemeris import Orbit, orbits
from dev.simulator.sources import SOUTHERNMOST
from dev.simulator.survey import FIELDS, FIRST_FIELD, JD_OF_FIRST_NIGHT, observed, places

NIGHTS: Final = 1096
FEWEST_NIGHTS: Final = 120
STAR, TRANSIENT, BODY = range(3)
SHARES: Final = (0.70, 0.15, 0.15)
STAR_ALERTS, MOST_ALERTS = 10, 50
TRANSIENT_VISITS: Final = 30
PASSAGES_OF_A_BODY: Final = 8
VISITS: Final = 4096
"""More than a field has; object * VISITS + visit is a number of its own for each alert."""
NUMBERS_IN_IMAGE: Final = 500
MOST_PARTS: Final = 10


class Part(NamedTuple):
    """What a part of an archive is made from: rows that were asked for at one time."""

    seed: int
    number: int
    alerts: int
    last_nid: int
    nights: int = NIGHTS


class Objects(NamedTuple):
    """Columns of all objects. Degrees, pixels, Julian dates."""

    ra: np.ndarray
    dec: np.ndarray
    kind: np.ndarray
    field: np.ndarray
    """Number in `FIELDS`."""
    rcid: np.ndarray
    xpos: np.ndarray
    ypos: np.ndarray
    in_image: np.ndarray
    """The object's number among those of its quadrant."""
    body: np.ndarray
    """The number of the body that passes; of the others -1."""
    magnitude: np.ndarray
    """A body's own; of the others not a number."""
    first: np.ndarray
    """The first visit in which it may be seen, and how many there are."""
    visits: np.ndarray


class Plan(NamedTuple):
    """Objects, and the alerts in order of time."""

    part: Part
    objects: Objects
    nids: np.ndarray
    """The nights in which each field is visited, a row a field; where there are no more, 0."""
    owner: np.ndarray
    visit: np.ndarray
    before: np.ndarray
    """The visit of the object's alert before this one, or -1."""
    keys: np.ndarray
    """object * VISITS + visit of every alert, sorted."""

    def is_alert(self, owner: np.ndarray, visit: np.ndarray) -> np.ndarray:
        """Whether an object has an alert in a visit."""
        wanted = owner.astype(np.int64) * VISITS + visit
        at = np.searchsorted(self.keys, wanted).clip(max=len(self.keys) - 1)
        return np.asarray(self.keys[at] == wanted)


def plan(part: Part) -> Plan:
    """The same part, the same plan."""
    if part.nights < FEWEST_NIGHTS:
        raise SystemExit(f"objects need room for their alerts: at least {FEWEST_NIGHTS} nights")
    rng = np.random.default_rng([part.seed, part.number, part.alerts, part.last_nid, part.nights])
    nids, counts = calendar(part)
    objects = draw(part, nids, counts, rng)
    alerts = alerts_of(objects, rng)
    ends = np.cumsum(alerts)
    kept = int(np.searchsorted(ends, part.alerts)) + 1
    alerts = alerts[:kept]
    alerts[-1] -= ends[kept - 1] - part.alerts
    owner = np.repeat(np.arange(kept, dtype=np.int32), alerts)
    nth = np.arange(part.alerts) - np.repeat(np.cumsum(alerts) - alerts, alerts)
    low = objects.visits[owner] * nth // alerts[owner]
    high = objects.visits[owner] * (nth + 1) // alerts[owner]
    visit = objects.first[owner] + low + (rng.random(part.alerts) * (high - low)).astype(np.int64)
    before = np.where(nth > 0, np.roll(visit, 1), -1)
    field = objects.field[owner]
    order = np.argsort(nids[field, visit] * 1000 + slot(field, nids[field, visit]), kind="stable")
    keys = owner.astype(np.int64) * VISITS + visit
    return Plan(part, objects, nids, owner[order], visit.astype(np.int16)[order],
                before.astype(np.int16)[order], keys)  # fmt: skip


def calendar(part: Part) -> tuple[np.ndarray, np.ndarray]:
    """The nights in which each field is visited, and how many they are."""
    all_nids = np.arange(part.last_nid - part.nights + 1, part.last_nid + 1)
    visited = np.stack([observed(nid) for nid in all_nids.tolist()], axis=1)
    counts = visited.sum(axis=1)
    nids = np.zeros((len(FIELDS), counts.max()), np.int64)
    field, night = np.nonzero(visited)
    nids[field, np.concatenate([np.arange(count) for count in counts])] = all_nids[night]
    return nids, counts


def slot(field: np.ndarray, nid: np.ndarray) -> np.ndarray:
    """Which exposure of the night a field gets: another field, another one."""
    return np.asarray(
        (field + mixed(nid.astype(np.uint64), 1).astype(np.int64) % 997) % len(FIELDS)
    )


def alerts_of(objects: Objects, rng: np.random.Generator) -> np.ndarray:
    """How many alerts each object has."""
    drawn = rng.geometric(1 / STAR_ALERTS, len(objects.ra))
    drawn = np.where(objects.kind == BODY, 1, drawn)
    most = np.minimum(objects.visits, MOST_ALERTS)
    return np.asarray(np.minimum(drawn, np.where(objects.kind == TRANSIENT, most // 2, most)))


def draw(part: Part, nids: np.ndarray, counts: np.ndarray, rng: np.random.Generator) -> Objects:
    """As many objects as the alerts need, and some more."""
    number = part.alerts // 5 + 50
    kind = rng.choice(3, number, p=SHARES).astype(np.int8)
    ra = rng.uniform(0, 360, number)
    dec = np.degrees(np.arcsin(rng.uniform(np.sin(np.radians(SOUTHERNMOST)), 1, number)))
    body, magnitude = np.full(number, -1), np.full(number, np.nan)
    passing = np.flatnonzero(kind == BODY)
    night = np.zeros(number, np.int64)
    if len(passing):
        passage = passages(part, nids, counts, len(passing), rng)
        ra[passing], dec[passing], magnitude[passing], body[passing], night[passing] = passage
    field, rcid, xpos, ypos = places(ra, dec)
    field -= FIRST_FIELD
    window = np.minimum(counts[field], np.where(kind == TRANSIENT, TRANSIENT_VISITS, VISITS))
    first = (rng.random(number) * (counts[field] - window + 1)).astype(np.int64)
    there = kind == BODY
    first[there] = nearest_visit(nids, counts, field[there], night[there])
    window[there] = 1
    return Objects(ra, dec, kind, field, rcid, xpos, ypos, ranks(field * 64 + rcid), body,
                   magnitude, first, window)  # fmt: skip


def ranks(group: np.ndarray) -> np.ndarray:
    """The number of each among those of its group."""
    order = np.argsort(group, kind="stable")
    ordered = group[order]
    starts = np.flatnonzero(np.diff(ordered, prepend=-1))
    rank = np.empty(len(group), np.int64)
    rank[order] = np.arange(len(group)) - np.repeat(starts, np.diff(starts, append=len(group)))
    if rank.max(initial=0) >= NUMBERS_IN_IMAGE:
        raise SystemExit("more objects in one quadrant than it has numbers: ask for fewer alerts")
    return rank


def passages(
    part: Part, nids: np.ndarray, counts: np.ndarray, number: int, rng: np.random.Generator
) -> tuple[np.ndarray, ...]:
    """Position, magnitude, body and night of each passage; a body passes some eight times."""
    bodies = number // PASSAGES_OF_A_BODY + 1
    start = JD_OF_FIRST_NIGHT + part.last_nid - part.nights
    epochs = start + rng.uniform(30, part.nights - 30, bodies)
    drawn = orbits(rng, epochs, bodies)
    body = rng.integers(0, bodies, number)
    orbit = Orbit(*(element[body] for element in drawn))
    jd = orbit.epoch + rng.uniform(-30, 30, number)
    ra, dec, _ = orbit.seen(jd)
    field = places(ra, dec.clip(SOUTHERNMOST))[0] - FIRST_FIELD
    nid = (jd - JD_OF_FIRST_NIGHT).astype(np.int64)
    nid = nids[field, nearest_visit(nids, counts, field, nid)]
    ra, dec, magnitude = orbit.seen(JD_OF_FIRST_NIGHT + nid + 0.3)
    return ra, dec.clip(SOUTHERNMOST), magnitude, body, nid


def nearest_visit(
    nids: np.ndarray, counts: np.ndarray, field: np.ndarray, nid: np.ndarray
) -> np.ndarray:
    """The first visit of a field in this night or later, else the last one."""
    # All fields' nights in one row, each field's beyond those of the one before.
    offset = int(nids.max()) + 1
    row = np.concatenate([nids[n, :count] + n * offset for n, count in enumerate(counts)])
    starts = np.cumsum(counts) - counts
    found = np.searchsorted(row, nid + field * offset) - starts[field]
    return np.asarray(np.minimum(found, counts[field] - 1))
