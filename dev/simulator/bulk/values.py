"""The columns of `alert`, for a stretch of the plan."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from archive.surveys.ztf.columns import CANDIDATE, SENTINELS
from dev.simulator import schema
from dev.simulator.bulk.copying import Column
from dev.simulator.bulk.drawing import digits, mixed, normal, uniform, whole
from dev.simulator.bulk.measured import Measured, measure, object_key
from dev.simulator.bulk.plan import BODY, NUMBERS_IN_IMAGE, Plan
from dev.simulator.conditions import MICROJANSKY
from dev.simulator.ephemeris import direction, position
from dev.simulator.photometry import (
    DRB_VERSION,
    INVESTIGATOR,
    MAGNITUDE_OF_SIGMA,
    PIXEL_ARCSEC,
    PUBLIC,
    RB_VERSION,
)
from dev.simulator.survey import (
    FIRST_FIELD,
    FIRST_NIGHT,
    HISTORY_NIGHTS,
    JD_OF_FIRST_NIGHT,
    QUADRANT_PIXELS,
)

Columns = dict[str, Column]
# Rows: the directions of the galactic frame's axes (ESA 1997, The Hipparcos Catalogue, vol. 1,
# equation 1.5.11).
GALACTIC: Final = np.array([
    [-0.0548755604, -0.8734370902, -0.4838350155],
    [0.4941094279, -0.4448296300, 0.7469822445],
    [-0.8676661490, -0.1980763734, 0.4559837762],
])  # fmt: skip
CONSTANT: Final[dict[str, Any]] = {
    "programpi": INVESTIGATOR, "programid": PUBLIC, "nbad": 0, "tooflag": 0, "exptime": 30.0,
    "rbversion": RB_VERSION, "drbversion": DRB_VERSION, "schemavsn": schema.VERSION,
    "publisher": schema.PUBLISHER, "jdstartref": JD_OF_FIRST_NIGHT + 492.456111,
    "jdendref": JD_OF_FIRST_NIGHT + 676.078206, "clrmed": 0.62, "clrrms": 0.15,
}  # fmt: skip
# Uniform between two values: shape, quality and calibration, of which nothing else depends.
DRAWN: Final = {
    "chipsf": (0.5, 5), "sky": (-1, 1), "classtar": (0, 1), "sumrat": (0.5, 1), "elong": (1, 2),
    "seeratio": (0.8, 1.2), "magzpsciunc": (1e-6, 3e-5), "magzpscirms": (0.02, 0.06),
    "clrcoeff": (-0.1, 0.1), "clrcounc": (1e-6, 4e-5), "zpclrcov": (-3e-5, -1e-6),
    "dsnrms": (0, 300), "dsdiff": (-20, 20),
}  # fmt: skip


def alert_columns(plan: Plan, rows: slice) -> Columns:
    """All but what the taking-in adds: number, batch, and where the bytes lie."""
    owner, visit = plan.owner[rows].astype(np.int64), plan.visit[rows].astype(np.int64)
    seen = measure(plan, owner, visit)
    count = len(owner)
    values: dict[str, Any] = {name: np.full(count, value) for name, value in CONSTANT.items()}
    values |= {
        name: uniform(seen.key, 100 + n, *bounds) for n, (name, bounds) in enumerate(DRAWN.items())
    }
    values |= of_exposure(plan, seen) | brightness(seen) | shape(plan, seen) | where(plan, seen)
    found: Columns = {name: Column(np.asarray(value)) for name, value in as_texts(values).items()}
    found |= reference(plan, seen, values) | neighbours(plan, seen) | solar_system(plan, seen)
    found["deltamaglatest"] = since_latest(plan, seen, plan.before[rows].astype(np.int64))
    found["sentinels"] = Column(sentinels(found, count))
    missing = {column.name for column in CANDIDATE} - found.keys()
    if missing:
        raise LookupError(f"no values for {sorted(missing)}")
    return found


def as_texts(values: dict[str, Any]) -> dict[str, Any]:
    """Texts as bytes, as they are sent."""
    return {
        name: value.astype("S") if value.dtype.kind == "U" else value
        for name, value in values.items()
    }


def candid(plan: Plan, seen: Measured) -> np.ndarray:
    """Exposure, sign, and the object's number in its quadrant."""
    number = plan.part.number * NUMBERS_IN_IMAGE + plan.objects.in_image[seen.owner]
    return np.asarray(seen.pid * 1_000_000 + np.where(seen.flux > 0, 15_000, 10_000) + number)


def of_exposure(plan: Plan, seen: Measured) -> dict[str, Any]:
    """When, where and under which sky."""
    objects, owner = plan.objects, seen.owner
    field, rcid = objects.field[owner] + FIRST_FIELD, objects.rcid[owner]
    earlier = np.maximum(seen.nid - plan.nids[objects.field[owner], objects.first[owner]], 0)
    return {
        "candid": candid(plan, seen), "pid": seen.pid, "nid": seen.nid, "jd": seen.jd,
        "fid": seen.fid, "field": field, "rcid": rcid, "tblid": whole(seen.key, 20, 1, 5000),
        "diffmaglim": seen.limit, "magzpsci": seen.zero_point, "zpmed": seen.zero_point + 0.06,
        "rfid": field * 1_000_000 + 120_000 + seen.fid * 100 + rcid,
        "nframesref": 15 + field % 25, "nmatches": whole(seen.key, 21, 400, 2400),
        "ndethist": 1 + earlier // 20, "ncovhist": 1 + earlier,
        "jdstarthist": seen.jd - earlier, "jdendhist": seen.jd,
        "pdiffimfilename": file_names(seen, field, rcid), "object_id": names(plan, owner),
        "payload_hash": np.stack([mixed(seen.key, 30 + n) for n in range(4)], axis=1)
        .view("V32").reshape(-1),
    }  # fmt: skip


def file_names(seen: Measured, field: np.ndarray, rcid: np.ndarray) -> np.ndarray:
    """ztf_YYYYMMDDffffff_FFFFFF_zX_cCC_o_qQ_scimrefdiffimg.fits."""
    pattern = b"ztf_00000000000000_000000_zg_c00_o_q0_scimrefdiffimg.fits"
    out = np.tile(np.frombuffer(pattern, np.uint8), (len(field), 1))
    days = np.datetime64(FIRST_NIGHT) + seen.nid
    months = days.astype("datetime64[M]")
    year, month = np.divmod(months.astype(int), 12)
    day = (days - months.astype("datetime64[D]")).astype(int) + 1
    at = digits(out, 4, (year + 1970) * 10_000 + (month + 1) * 100 + day, 8)
    digits(out, at, seen.seconds * 1_000_000 // 86_400, 6)
    digits(out, 19, field, 6)
    out[:, 27] = np.frombuffer(b"gri", np.uint8)[seen.fid - 1]
    digits(out, 30, rcid // 4 + 1, 2)
    digits(out, 36, rcid % 4 + 1, 1)
    return np.asarray(out.view(f"S{len(pattern)}").reshape(-1))


def names(plan: Plan, owner: np.ndarray) -> np.ndarray:
    """ZTF, the year of the first visit, and seven letters; for the row of numbers see `name_of`."""
    part = plan.part
    nid = plan.nids[plan.objects.field[owner], plan.objects.first[owner]]
    year = (np.datetime64(FIRST_NIGHT) + nid).astype("datetime64[Y]").astype(int) + 1970
    in_row = 4 * 10**9 + (part.seed * 16 + part.number) * 20_000_003 + owner
    out = np.tile(np.frombuffer(b"ZTF00aaaaaaa", np.uint8), (len(owner), 1))
    at = digits(out, 3, year % 100, 2)
    digits(out, at, in_row * 1_000_000_007 % 26**7, 7, first="a", of=26)
    return np.asarray(out.view("S12").reshape(-1))


def brightness(seen: Measured) -> dict[str, Any]:
    """Magnitudes of the difference, whatever its sign, and marks of its quality."""
    size = np.abs(seen.flux)
    magpsf = MICROJANSKY - 2.5 * np.log10(size)
    sigmapsf = MAGNITUDE_OF_SIGMA * seen.error / size
    magdiff = 0.05 * normal(seen.key, 40)
    return {
        "isdiffpos": seen.flux > 0, "magpsf": magpsf, "sigmapsf": sigmapsf, "magdiff": magdiff,
        "magap": magpsf + magdiff, "sigmagap": 1.2 * sigmapsf, "magapbig": magpsf + magdiff - 0.02,
        "sigmagapbig": 1.5 * sigmapsf, "magfromlim": seen.limit - magpsf - magdiff,
        "scorr": size / seen.error * uniform(seen.key, 41, 0.9, 1.1),
        "rb": real_bogus(seen), "drb": 1 - 0.7 * uniform(seen.key, 43) ** 4,
    }  # fmt: skip


def real_bogus(seen: Measured) -> np.ndarray:
    """Real (1) or bogus (0)."""
    return np.asarray(1 - 0.6 * uniform(seen.key, 42) ** 2)


def shape(plan: Plan, seen: Measured) -> dict[str, Any]:
    """Size and form of the difference's image, in pixels."""
    fwhm = seen.seeing * uniform(seen.key, 50, 0.8, 1.2)
    major = 0.3 * seen.seeing * uniform(seen.key, 51, 1, 1.3)
    minor = 0.3 * seen.seeing * uniform(seen.key, 52, 0.8, 1)
    x, y = (
        (centre[seen.owner] + 15 * normal(seen.key, 53 + n)).clip(0, QUADRANT_PIXELS)
        for n, centre in enumerate((plan.objects.xpos, plan.objects.ypos))
    )
    edge = np.minimum(np.minimum(x, y), np.minimum(QUADRANT_PIXELS - x, QUADRANT_PIXELS - y))
    return {
        "xpos": x, "ypos": y, "mindtoedge": edge, "fwhm": fwhm, "aimage": major, "bimage": minor,
        "elong": major / minor, "aimagerat": major / fwhm, "bimagerat": minor / fwhm,
        "nneg": whole(seen.key, 56, 0, 8), "ssnrms": uniform(seen.key, 57, 0, 320),
        "nmtchps": whole(object_key(plan, seen.owner), 58, 1, 24),
    }  # fmt: skip


def where(plan: Plan, seen: Measured) -> dict[str, Any]:
    """The object's place, a tenth of an arcsecond off, also in galactic coordinates. Degrees."""
    ra, dec = plan.objects.ra[seen.owner], plan.objects.dec[seen.owner]
    vector = moved(ra, dec, 0.1 * normal(seen.key, 60), 0.1 * normal(seen.key, 61))
    (ra, dec), (length, latitude) = position(vector), position(vector @ GALACTIC.T)
    return {"ra": np.where(ra >= 360, 0, ra), "dec": dec, "l": length, "b": latitude}


def moved(ra: np.ndarray, dec: np.ndarray, east: np.ndarray, north: np.ndarray) -> np.ndarray:
    """The vector of a position moved by so many arcseconds, in the plane tangent to the sphere."""
    a = np.radians(ra)
    towards_east = np.stack((-np.sin(a), np.cos(a), np.zeros(len(a))), axis=-1)
    towards_north = direction(ra, dec + 90)
    e, n = (np.radians(arcsec / 3600)[:, None] for arcsec in (east, north))
    return np.asarray(direction(ra, dec) + e * towards_east + n * towards_north)


def reference(plan: Plan, seen: Measured, values: dict[str, Any]) -> Columns:
    """The nearest source of the reference image, where there is one."""
    key = object_key(plan, seen.owner)
    none, angle = np.isnan(seen.magnr), uniform(key, 70, 0, 2 * np.pi)
    ra, dec = plan.objects.ra[seen.owner], plan.objects.dec[seen.owner]
    ranr, decnr = position(moved(ra, dec, seen.apart * np.sin(angle), seen.apart * np.cos(angle)))
    distnr = seen.apart / PIXEL_ARCSEC
    found = {
        "distnr": distnr, "magnr": seen.magnr, "sigmagnr": uniform(key, 71, 0.012, 0.022),
        "chinr": uniform(key, 72, 0.6, 1.5), "sharpnr": uniform(key, 73, -0.05, 0.05),
        "ranr": ranr, "decnr": decnr,
    }  # fmt: skip
    columns = {name: Column(value, none) for name, value in found.items()}
    delta = Column(seen.magnr - values["magpsf"], none | (distnr >= 2))
    return columns | {"deltamagref": delta}


def neighbours(plan: Plan, seen: Measured) -> Columns:
    """Pan-STARRS and Gaia: the same for all alerts of an object; some values are missing."""
    key = object_key(plan, seen.owner)
    red = np.where(np.isnan(seen.magnr), 20.5, uniform(key, 10, 14.5, 19.5))
    found: Columns = {}
    distance: Any = 0.0
    for n in (1, 2, 3):
        missing = uniform(key, 80 + n) < (0.2 if n > 1 else 0)
        distance = distance + uniform(key, 84 + n, 0, 0.4 if n == 1 else 8)
        for k, (band, redder) in enumerate((("g", 0.5), ("r", 0.0), ("i", -0.2), ("z", -0.3))):
            at = 200 + 8 * n + k
            gone = missing | (uniform(key, at) < 0.1)
            found[f"s{band}mag{n}"] = Column(red + redder + uniform(key, at + 4, 0, n - 1), gone)
        found[f"sgscore{n}"] = Column(uniform(key, 88 + n), missing)
        found[f"distpsnr{n}"] = Column(distance, missing)
        found[f"objectidps{n}"] = Column(whole(key, 92 + n, 7 * 10**16, 2 * 10**17), missing)
    near, bright = uniform(key, 96) < 0.1, uniform(key, 97) < 0.5
    return found | {
        "neargaia": Column(uniform(key, 98, 0, 9), near),
        "maggaia": Column(red, near),
        "neargaiabright": Column(uniform(key, 99, 5, 90), bright),
        "maggaiabright": Column(uniform(key, 300, 9, 14), bright),
    }


def solar_system(plan: Plan, seen: Measured) -> Columns:
    """The body that passes; names of six digits."""
    none = plan.objects.kind[seen.owner] != BODY
    text = np.zeros((len(seen.owner), 6), np.uint8)
    # Other seeds and parts have bodies of their own.
    row = plan.objects.body[seen.owner] + (plan.part.seed * 16 + plan.part.number) * 130_003
    digits(text, 0, 100_000 + row % 900_000, 6)
    magnitude = np.where(none, 0, plan.objects.magnitude[seen.owner])
    return {
        "ssnamenr": Column(text.view("S6").reshape(-1), none),
        "ssdistnr": Column(uniform(seen.key, 301, 0, 1.5), none),
        "ssmagnr": Column(magnitude.round(1), none),
    }


def since_latest(plan: Plan, seen: Measured, before: np.ndarray) -> Column:
    """magpsf minus that of the object's alert before, if that is in the packet's history."""
    old = measure(plan, seen.owner, np.maximum(before, 0))
    comparable = (before >= 0) & (old.fid == seen.fid) & (old.jd >= seen.jd - HISTORY_NIGHTS)
    comparable &= (old.flux > 0) == (seen.flux > 0)
    return Column(-2.5 * np.log10(np.abs(seen.flux / old.flux)), ~comparable)


def sentinels(found: Columns, count: int) -> np.ndarray:
    """A bit for each field that ZTF would have sent as -999, or as "null"."""
    bits = np.zeros(count, np.int64)
    for bit, column in enumerate(SENTINELS):
        nulls = found[column.name].nulls
        if nulls is not None:
            bits |= nulls.astype(np.int64) << bit
    return bits
