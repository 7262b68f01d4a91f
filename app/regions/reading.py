"""Bytes -> a region: a MOC as text, JSON or FITS, or a skymap cut at a credible level.

MOC: IVOA Recommendation 2.0. A skymap is LIGO/Virgo's multi-order map: cells by UNIQ, each with its
PROBDENSITY per steradian.
"""

import io
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import orjson
from numpy.typing import NDArray

from app import late
from app.errors import BadBody

if TYPE_CHECKING:
    from mocpy import MOC

MAX_BYTES: Final = 5_000_000
MAX_RANGES: Final = 20_000
MAX_CELLS: Final = 100_000
"""Cells and ranges in a text: mocpy reads so many in 0.1 s, in which nobody else is served."""
DEFAULT_LEVEL: Final = 0.9
SKY_DEG2: Final = 360**2 / np.pi
DEEPEST: Final = 29
_ORDERS: Final = frozenset(map(str, range(DEEPEST + 1)))
_LEAST_UNIQ, _MOST_UNIQ = 4, 4 ** (DEEPEST + 2)
_PIXELS: Final = 12 * 4**DEEPEST
_ROUNDING: Final = 0.01
"""How much more than 1 the probabilities of a map may add up to."""
_SPELLINGS: Final = (
    "the body must be a MOC as text (5/100-102 6/413), as JSON or as FITS, or a multi-order "
    "skymap as FITS (columns UNIQ and PROBDENSITY)"
)


class Footprint(NamedTuple):
    """A region as it was sent."""

    moc: "MOC"
    credible_level: float | None
    """Probability within it; None for a MOC."""

    @property
    def area(self) -> float:
        """Square degrees."""
        return float(self.moc.sky_fraction) * SKY_DEG2


def read_region(data: bytes, level: float | None = None) -> Footprint:
    """The region in some bytes; a skymap's is the smallest with this much of the probability.

    A MOC has no level: one beside it has nothing to cut. Raises BadBody.
    """
    if not data.strip():
        raise BadBody(f"the body is empty: {_SPELLINGS}")
    sky = _read_skymap(data) if data.startswith(b"SIMPLE") else None
    if sky is not None:
        level = DEFAULT_LEVEL if level is None else level
        found = Footprint(_cut(*sky, level), level)
    else:
        found = Footprint(_read_moc(data), None)
    _check(found.moc.to_depth29_ranges)
    return found


def _check(ranges: NDArray[Any]) -> None:
    """Raise BadBody unless there are ranges of pixels, not too many, all of them of the sky."""
    if not len(ranges):
        raise BadBody("the region is empty: it has no cell")
    if ranges.max() > _PIXELS:
        # mocpy takes numbers of cells that there are not.
        raise BadBody("the region has a cell that does not exist: order 5 has those up to 12287")
    if len(ranges) > MAX_RANGES:
        raise BadBody(
            f"the region has {len(ranges):,} ranges of cells; at most {MAX_RANGES:,} are allowed: "
            "degrade it to a lower order"
        )


def _read_moc(data: bytes) -> "MOC":
    try:
        if not data.startswith(b"SIMPLE"):
            _count_cells(data)
            text = data.decode("ascii").strip()
            if text.startswith("{"):
                _check_orders(orjson.loads(text))
                return late.mocpy.MOC.from_string(text, "json")
            # Commas as in MOC 1.1, which mocpy does not take.
            return late.mocpy.MOC.from_string(text.replace(",", " "), "ascii")
        # Only this reads what is no file of the disk, and would fetch what looks like an address.
        with NamedTemporaryFile(suffix=".fits") as file:
            file.write(data)
            file.flush()
            return late.mocpy.MOC.load(file.name)
    except (ValueError, OSError) as error:
        said = " ".join(str(error).split())[:100]
        raise BadBody(f"this is no MOC ({said}): {_SPELLINGS}") from None


def _count_cells(data: bytes) -> None:
    """Raise BadBody for a text of too many cells: what stands between two of them is counted."""
    cells = max(data.count(b","), sum(map(data.count, (b" ", b"\n", b"\t", b"\r"))))
    if cells > MAX_CELLS:
        raise BadBody(
            f"the text lists {cells:,} cells; at most {MAX_CELLS:,} are allowed: degrade the MOC "
            "to a lower order, or send it as FITS"
        )


def _check_orders(cells: dict[str, Any]) -> None:
    """Raise ValueError for a key that is no order: mocpy would leave out its cells in silence."""
    if wrong := [key for key in cells if key not in _ORDERS]:
        raise ValueError(f"{wrong[0]!r} is no order: 0 to {DEEPEST} are")


def _read_skymap(data: bytes) -> tuple[NDArray[Any], NDArray[Any]] | None:
    """Cells by UNIQ and their probabilities per steradian; None if it is no skymap."""
    try:
        with late.fits.open(io.BytesIO(data), memmap=False) as file:
            table = file[1]
            names = {name.upper() for name in table.columns.names}
            if not {"UNIQ", "PROBDENSITY"} <= names:
                if {"PROB", "PROBABILITY"} & names:
                    raise BadBody(
                        "this skymap has cells of one order only: send the multi-order file, "
                        "whose name ends in .multiorder.fits"
                    )
                return None
            uniq = np.array(table.data["UNIQ"], np.int64)
            density = np.array(table.data["PROBDENSITY"], np.float64)
    except BadBody:
        raise
    except Exception as error:
        # A damaged file leads astropy into errors of any kind.
        raise BadBody(f"this FITS file cannot be read ({str(error)[:100]})") from None
    if uniq.ndim != 1 or uniq.shape != density.shape or not uniq.size:
        raise BadBody("UNIQ and PROBDENSITY must be columns of numbers, one a row")
    return uniq, density


def _cut(uniq: NDArray[Any], density: NDArray[Any], level: float) -> "MOC":
    """The cells of the highest density that hold this much probability.

    The last of them is whole: so they hold at least as much. Raises BadBody.
    """
    if uniq.min() < _LEAST_UNIQ or uniq.max() >= _MOST_UNIQ:
        raise BadBody("UNIQ must be between 4 and 4^31 - 1")
    if not np.isfinite(density).all() or density.min() < 0:
        raise BadBody("PROBDENSITY must be 0 or more, and finite")
    orders = (np.frexp(uniq.astype(np.float64))[1] - 1) // 2 - 1
    probability = density * (4 * np.pi / 12) / 4.0**orders
    whole = float(probability.sum())
    if not level <= whole <= 1 + _ROUNDING:
        raise BadBody(
            f"the probabilities add up to {whole:.4g}: between the credible level, {level:g}, "
            "and 1 was expected"
        )
    return late.mocpy.MOC.from_valued_healpix_cells(
        uniq.astype(np.uint64),
        probability,
        max_depth=int(orders.max()),
        cumul_to=level,
        strict=False,
    )
