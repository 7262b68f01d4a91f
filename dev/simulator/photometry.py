"""The records of an alert: the candidate, and its history: detections, limits, forced fluxes."""

from __future__ import annotations

from math import log10
from typing import Any, Final, NamedTuple

from numpy.random import Generator

from dev.simulator.catalogues import NO_VALUE
from dev.simulator.conditions import MICROJANSKY
from dev.simulator.encoding import Entry, encoder
from dev.simulator.ocf import encoded_detection
from dev.simulator.schema import history_fields
from dev.simulator.sources import Source, arcseconds, offset
from dev.simulator.survey import JD_OF_FIRST_NIGHT, QUADRANT_PIXELS, Exposure, Place

Record = dict[str, Any]

NO_FORCED_VALUE: Final = -99999.0
POSITION_ERROR_ARCSEC: Final = 0.1
PIXEL_ARCSEC: Final = 1.01
MAGNITUDE_OF_SIGMA: Final = 1.0857
PUBLIC: Final = 1
INVESTIGATOR: Final = "Kulkarni"
RB_VERSION: Final = "t17_f5_c3"
DRB_VERSION: Final = "d6_m7"
# procstatus of a forced measurement: clean, with a warning, without a flux.
STATUSES: Final = ("0",) * 92 + ("56",) * 4 + ("61",) * 4
HISTORY_NAMES: Final = tuple(field["name"] for field in history_fields())
EMPTY: Final[Record] = dict.fromkeys(HISTORY_NAMES)
# Values of a history are rounded to four decimals: single precision, but for two tiny ones.
ROUNDED: Final = frozenset(
    field["name"] for field in history_fields() if field["type"] in ("float", ["null", "float"])
) - {"magzpsciunc", "clrcounc"}


class Detection(NamedTuple):
    """What one exposure measured of a source: signed flux and its error, in microjansky."""

    exposure: Exposure
    candid: int
    flux: float
    error: float
    nights: tuple[int, int, float]
    """Detections so far, exposures so far, and jd of the first detection."""
    real: bool = True
    """False: what was detected is an artefact."""


def candid_of(pid: int, positive: bool, number: int) -> int:
    """Six digits more than the exposure's: sign of the difference, number within the image."""
    return pid * 1_000_000 + (15_000 if positive else 10_000) + number


def of_exposure(exposure: Exposure, place: Place, pid: int) -> Record:
    """The fields that say when, where and under which sky an exposure was taken."""
    return {
        "jd": exposure.jd, "fid": exposure.fid, "pid": pid, "nid": exposure.nid,
        "field": place.field, "rcid": place.rcid, "diffmaglim": exposure.limit,
        "programid": PUBLIC, "programpi": INVESTIGATOR, "rbversion": RB_VERSION,
        "pdiffimfilename": f"{exposure.stem(place.rcid)}_scimrefdiffimg.fits",
        "magzpsci": exposure.zero_point, "clrcoeff": exposure.colour_term,
        "magzpsciunc": exposure.zero_point_error, "magzpscirms": exposure.zero_point_scatter,
        "clrcounc": exposure.colour_error,
    }  # fmt: skip


def candidate(source: Source, seen: Detection, pid: int, rng: Generator) -> Record:
    """The alert itself, in full precision."""
    noise = rng.standard_normal(8).tolist()
    chance = rng.random(12).tolist()
    measured = where(source, noise)
    return (
        of_exposure(seen.exposure, source.place, pid)
        | {"candid": seen.candid, "tblid": seen.candid % 5_000}
        | brightness(seen, noise, chance)
        | shape(seen.exposure, chance)
        | measured
        | reference(source, seen.exposure, (measured["ra"], measured["dec"]))
        | calibration(seen, source.place.rcid, chance)
        | source.neighbours
        | dict(zip(("ndethist", "ncovhist", "jdstarthist"), seen.nights, strict=True))
    )


def brightness(seen: Detection, noise: list[float], chance: list[float]) -> Record:
    """PSF and aperture magnitudes of a difference, whatever its sign, and marks of its quality."""
    magpsf = MICROJANSKY - 2.5 * log10(abs(seen.flux))
    sigmapsf = MAGNITUDE_OF_SIGMA * seen.error / abs(seen.flux)
    magdiff = 0.05 * noise[0]
    magap = magpsf + magdiff
    ratio = abs(seen.flux) / seen.error
    rb, drb = 1 - 0.6 * chance[3] ** 2, 1 - 0.7 * chance[4] ** 4
    if not seen.real:
        rb, drb = 0.05 + 0.5 * chance[3], 0.6 * chance[4] ** 2
    return {
        "isdiffpos": "t" if seen.flux > 0 else "f",
        "magpsf": magpsf, "sigmapsf": sigmapsf, "chipsf": 1 + 20 * chance[0] ** 3,
        "magap": round(magap, 4), "sigmagap": round(sigmapsf * 1.2, 4), "magdiff": magdiff,
        "magapbig": round(magap - 0.05 * chance[1], 4), "sigmagapbig": round(sigmapsf * 1.5, 4),
        "magfromlim": seen.exposure.limit - magap, "scorr": ratio * (0.9 + 0.2 * chance[2]),
        "rb": rb, "drb": drb, "drbversion": DRB_VERSION, "sky": 2 * chance[5] - 1,
    }  # fmt: skip


def shape(exposure: Exposure, chance: list[float]) -> Record:
    """Size and form of the difference's image, in pixels."""
    fwhm = exposure.seeing * (0.8 + 0.4 * chance[6])
    major = 0.3 * exposure.seeing * (1 + 0.3 * chance[7])
    minor = 0.3 * exposure.seeing * (1 - 0.2 * chance[8])
    return {
        "fwhm": fwhm, "aimage": major, "bimage": minor, "elong": major / minor,
        "aimagerat": major / fwhm, "bimagerat": minor / fwhm, "seeratio": fwhm / exposure.seeing,
        "classtar": round(chance[9], 3), "nneg": int(chance[6] * 8), "nbad": 0,
        "sumrat": 1 - 0.4 * chance[7] ** 3,
    }  # fmt: skip


def where(source: Source, noise: list[float]) -> Record:
    """Measured position: the true one within a tenth of an arcsecond, on the sky and in pixels."""
    east, north = POSITION_ERROR_ARCSEC * noise[1], POSITION_ERROR_ARCSEC * noise[2]
    ra, dec = offset(source.ra, source.dec, east, north)
    xpos, ypos = (
        min(max(centre + 15 * drift, 0.0), float(QUADRANT_PIXELS))
        for centre, drift in zip(source.place[2:], noise[3:5], strict=True)
    )
    edge = min(xpos, ypos, QUADRANT_PIXELS - xpos, QUADRANT_PIXELS - ypos)
    return {"ra": ra, "dec": dec, "xpos": xpos, "ypos": ypos, "mindtoedge": edge}


def reference(source: Source, exposure: Exposure, measured: tuple[float, float]) -> Record:
    """The nearest source of the reference image; without one, -999 stands in each field."""
    found: Record = {"ranr": source.ranr, "decnr": source.decnr}
    if source.references is None:
        names = ("distnr", "magnr", "sigmagnr", "chinr", "sharpnr")
        return found | dict.fromkeys(names, NO_VALUE)
    near = source.references[exposure.fid - 1]
    apart = arcseconds(*measured, source.ranr, source.decnr)
    return found | {"distnr": apart / PIXEL_ARCSEC} | near._asdict()


def calibration(seen: Detection, rcid: int, chance: list[float]) -> Record:
    """Reference image and photometric calibration of the exposure."""
    exposure = seen.exposure
    signal = 300 * chance[10]
    sign = 1 if seen.flux > 0 else -1
    return {
        "rfid": rfid(exposure, rcid), "jdstartref": JD_OF_FIRST_NIGHT + 492.456111,
        "jdendref": JD_OF_FIRST_NIGHT + 676.078206, "nframesref": 15 + exposure.field % 25,
        "dsnrms": signal, "ssnrms": signal + 20 * chance[11], "dsdiff": -sign * 20 * chance[11],
        "nmatches": 400 + int(2000 * chance[10]), "zpclrcov": -4.6e-6 * exposure.seeing,
        "zpmed": round(exposure.zero_point + 0.06, 3), "clrmed": 0.62, "clrrms": 0.15,
        "exptime": 30.0, "tooflag": 0, "jdendhist": exposure.jd,
    }  # fmt: skip


def rfid(exposure: Exposure, rcid: int) -> int:
    """The reference image of a field, filter and quadrant."""
    return exposure.field * 1_000_000 + 120_000 + exposure.fid * 100 + rcid


def detection(latest: Record) -> Entry:
    """An alert as later alerts list it: fewer fields, rounded, nothing where no body was near."""
    kept = {name: latest[name] for name in HISTORY_NAMES}
    for name in ROUNDED:
        kept[name] = round(kept[name], 4)
    if kept["ssnamenr"] == "null":
        kept |= {"ssdistnr": None, "ssmagnr": None, "ssnamenr": None}
    kept["scorr"] = float(f"{kept['scorr']:.6g}")
    kept["pdiffimfilename"] = archived(kept["pdiffimfilename"])
    return Entry(kept, encoded_detection(kept))


def limit(exposure: Exposure, place: Place, pid: int) -> Entry:
    """An exposure that saw nothing: all it has is its limit."""
    known = of_exposure(exposure, place, pid)
    known["pdiffimfilename"] = archived(known["pdiffimfilename"])
    return Entry(EMPTY | known, encoded_limit(known))


# What an upper limit has: `of_exposure`, and nothing else.
IN_LIMITS: Final = frozenset(
    "jd fid pid nid field rcid diffmaglim programid programpi rbversion pdiffimfilename magzpsci "
    "clrcoeff magzpsciunc magzpscirms clrcounc".split()
)
encoded_limit: Final = encoder(history_fields(), frozenset(HISTORY_NAMES) - IN_LIMITS)


def archived(name: str) -> str:
    """Where the survey's archive keeps a difference image (ztf_YYYYMMDDffffff_...)."""
    day, part = name[4:12], name[12:18]
    return f"/ztf/archive/sci/{day[:4]}/{day[4:]}/{part}/{name}.fz"
