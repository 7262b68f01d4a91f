"""Forced photometry: the flux at an alert's position in every exposure of the days before."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.random import Generator

from dev.simulator.encoding import Entry, Piece, encoder, text
from dev.simulator.photometry import PUBLIC, rfid
from dev.simulator.schema import FORCED, fields
from dev.simulator.sources import Source, arcseconds
from dev.simulator.survey import Exposure

Record = dict[str, Any]

NO_VALUE: Final = -99999.0
# procstatus of a forced measurement: clean, with a warning, without a flux.
STATUSES: Final = ("0",) * 92 + ("56",) * 4 + ("61",) * 4
# An alert's position differs a little from the next one's, and so does the flux: in errors.
SHIFT: Final = 0.2

# What is measured anew for each alert stands together in the schema, between what is not.
_FIELDS: Final = fields(FORCED)
_FIRST: Final = [field["name"] for field in _FIELDS].index("forcediffimflux")
_HEAD: Final[Piece] = encoder(_FIELDS[:_FIRST])
_TAIL: Final[Piece] = encoder(_FIELDS[_FIRST + 3 :])
_STATUS: Final = {status: b"\x02" + text(status) for status in STATUSES}
_FLUXES: Final = np.dtype([("a", "u1"), ("flux", "<f4"), ("b", "u1"), ("error", "<f4")])
_WIDTH: Final = _FLUXES.itemsize


class Exposed:
    """One exposure of one source: the fields that all its forced measurements have in common.

    Two thirds of the time of a packet went into these entries, most of which come thirty times.
    """

    __slots__ = ("counts", "head", "record", "tail")

    def __init__(self, source: Source, exposure: Exposure, pid: int) -> None:
        self.counts = exposure.counts
        self.record = of_exposure(source, exposure, pid) | of_reference(source, exposure)
        self.head, self.tail = _HEAD(self.record), _TAIL(self.record)


def forced(
    exposed: list[Exposed], flux: np.ndarray, error: np.ndarray, rng: Generator
) -> list[Entry]:
    """Measurements at one alert's position; flux and error come in microjansky, and leave in DN."""
    counts = np.array([one.counts for one in exposed])
    measured = (flux + rng.normal(0, SHIFT, len(flux)) * error) * counts
    errors = error * counts
    statuses = [STATUSES[n] for n in rng.integers(0, len(STATUSES), len(flux)).tolist()]
    failed = np.array([status == "61" for status in statuses], bool)
    measured[failed] = errors[failed] = NO_VALUE
    wire = np.full(len(flux), 2, _FLUXES)
    wire["flux"], wire["error"] = measured, errors
    octets = wire.tobytes()
    return [
        Entry(
            one.record | {"forcediffimflux": f, "forcediffimfluxunc": e, "procstatus": status},
            b"".join((one.head, octets[at : at + _WIDTH], _STATUS[status], one.tail)),
        )
        for one, f, e, status, at in zip(
            exposed, measured.tolist(), errors.tolist(), statuses,
            range(0, len(octets), _WIDTH), strict=True,
        )
    ]  # fmt: skip


def of_exposure(source: Source, exposure: Exposure, pid: int) -> Record:
    """Quadrant, sky and calibration of an exposure."""
    noise, rcid = exposure.pixel_noise, source.place.rcid
    apart = pid // 10_000 % 97 / 97
    return {
        "field": exposure.field, "rcid": rcid, "fid": exposure.fid, "pid": pid,
        "rfid": rfid(exposure, rcid), "sciinpseeing": exposure.seeing,
        "scibckgnd": 1.6 * noise**2, "scisigpix": noise,
        "magzpsci": exposure.zero_point, "magzpsciunc": exposure.zero_point_error,
        "magzpscirms": exposure.zero_point_scatter, "clrcoeff": exposure.colour_term,
        "clrcounc": exposure.colour_error, "exptime": 30.0,
        "adpctdif1": 0.1 + 0.1 * apart, "adpctdif2": 0.05 + 0.05 * apart,
        "diffmaglim": exposure.limit, "programid": PUBLIC, "jd": exposure.jd,
        "forcediffimflux": None, "forcediffimfluxunc": None, "procstatus": None,
    }  # fmt: skip


def of_reference(source: Source, exposure: Exposure) -> Record:
    """The nearest reference source, in arcseconds; -99999 where there is none."""
    names = ("distnr", "ranr", "decnr", "magnr", "sigmagnr", "chinr", "sharpnr")
    if source.references is None:
        return dict.fromkeys(names, NO_VALUE)
    near = source.references[exposure.fid - 1]
    apart = arcseconds(source.ra, source.dec, source.ranr, source.decnr)
    return {"distnr": apart, "ranr": source.ranr, "decnr": source.decnr, **near._asdict()}
