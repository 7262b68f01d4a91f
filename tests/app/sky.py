"""A hand-made sky: positions that are hard for cones, equal times, one object with a history."""

from functools import cache

import numpy as np

from tests import packets

BASE = 3_300_100_000_000_015_000
OBJECT = "ZTF26lcurve"
WITHHELD = BASE + 500_000_000_000_000
NO_STAMPS = BASE + 501_000_000_000_000
LATE = BASE + 502_000_000_000_000
FIRST, SECOND, THIRD = (3_310_100_000_000_015_000 + n * 10**15 for n in range(3))
BEFORE = 3_305_100_000_000_015_000


@cache
def positions() -> list[tuple[int, float, float]]:
    """(candid, ra, dec): both poles, across RA 0, on the equator and around an ordinary place."""
    rng = np.random.default_rng(7)
    points: list[tuple[float, float]] = [(0.0, 0.0), (0.0, 90.0), (0.0, -90.0), (180.0, 0.0)]
    for dec in (89.3, -89.3):
        sign = 1.0 if dec > 0 else -1.0
        points += [(ra, sign * (90 - r)) for ra, r in _disc(rng, 60, 1.5)]
    for ra0, dec0 in ((0.0, 0.0), (0.0, 45.0), (150.0, 30.0)):
        for _ in range(60):
            ra = ra0 + rng.uniform(-1.3, 1.3) / np.cos(np.radians(dec0))
            points.append((float(ra % 360), dec0 + float(rng.uniform(-1.3, 1.3))))
    # Three alerts an exposure: equal jd, so that pages must break ties.
    return [(BASE + n // 3 * 10_000_000_000 + n % 3, *p) for n, p in enumerate(points)]


def _disc(rng: np.random.Generator, count: int, radius: float) -> list[tuple[float, float]]:
    angles, radii = rng.uniform(0, 360, count), radius * np.sqrt(rng.uniform(0, 1, count))
    return [(float(a), float(r)) for a, r in zip(angles, radii, strict=True)]


def first_batch() -> list[bytes]:
    """The positions, the object's first two alerts, one without stamps, one that is withheld."""
    plain = [
        packets.packet(
            candid=candid,
            ra=ra,
            dec=dec,
            object_id=f"ZTF26aaaa{n:03d}",
            magpsf=15 + n % 40 / 10,
            rb=None if n % 10 == 0 else n % 7 / 10,
            ssnamenr="433" if n % 50 == 0 else "null",
            cutouts=None,
        )
        for n, (candid, ra, dec) in enumerate(positions())
    ]
    secret = packets.limit(pid=WITHHELD // 10**6 - 10**9, programid=2)
    return [
        *plain,
        curve_packet(FIRST),
        curve_packet(SECOND),
        packets.packet(
            candid=NO_STAMPS, ra=200.0, dec=10.0, cutouts=None, object_id="ZTF26nostamp"
        ),
        packets.packet(
            candid=WITHHELD, ra=201.0, dec=10.0, prv_candidates=[secret], object_id="ZTF26withhel"
        ),
    ]


def second_batch() -> list[bytes]:
    """What came in later: the object's third alert, and one more."""
    late = packets.packet(candid=LATE, ra=150.0, dec=30.0, cutouts=None, object_id="ZTF26aaalate")
    return [curve_packet(THIRD), late]


@cache
def curve_packet(candid: int) -> bytes:
    """An alert of OBJECT; later packets carry the earlier ones, rounded, and forced photometry."""
    limit = packets.limit(pid=3_304_100_000_015, diffmaglim=20.25)
    hidden = packets.limit(pid=FIRST // 10**6, diffmaglim=20.5)
    meaningless = packets.limit(pid=3_304_200_000_015, diffmaglim=-1006.9)
    known = [packets.detection(candid=c, magpsf=17.5) for c in (BEFORE, FIRST) if c < candid]
    number = (candid - FIRST) // 10**15
    return packets.packet(
        candid=candid,
        ra=100.0,
        dec=-20.0,
        object_id=OBJECT,
        magpsf=17.123456,
        magnr=18.0,
        sigmagnr=0.05,
        distnr=0.5,
        prv_candidates=[limit, hidden, meaningless, *known],
        fp_hists=[
            packets.forced(pid=3_304_100_000_015, forcediffimflux=1000.0 + number),
            packets.forced(pid=FIRST // 10**6, forcediffimflux=1.0, forcediffimfluxunc=10.0),
        ],
    )
