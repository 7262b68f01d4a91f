"""Stamps for tests: hand-made ones, and those of the real packets as fastavro reads them."""

import gzip
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import fastavro
import numpy as np
import numpy.typing as npt
from astropy.io import fits

Pixels = npt.NDArray[np.float32]


class Alert(NamedTuple):
    """A public alert's candidate, and its stamps' FITS bytes by kind."""

    candid: int
    candidate: dict[str, Any]
    stamps: dict[str, bytes]


def real_alerts(folder: Path) -> Iterator[Alert]:
    """Every public alert with stamps among the files below a folder."""
    for path in sorted(folder.rglob("*.avro")):
        for record in fastavro.reader(io.BytesIO(path.read_bytes())):
            assert isinstance(record, dict)
            stamps = {
                kind.lower(): gzip.decompress(record[f"cutout{kind}"]["stampData"])
                for kind in ("Science", "Template", "Difference")
                if record[f"cutout{kind}"]
            }
            if record["candidate"]["programid"] == 1 and stamps:
                yield Alert(record["candid"], record["candidate"], stamps)


def pixels_of(image: bytes) -> Pixels:
    """The pixels of a stamp's FITS bytes, ZTF's SIMPLE card and all."""
    return np.array(fits.PrimaryHDU.fromstring(image).data, dtype=np.float32)


def fits_of(pixels: Pixels) -> bytes:
    """The plainest FITS image, its SIMPLE card like ZTF's."""
    cards = ["SIMPLE  =  T", "BITPIX  =  -32", "NAXIS   =  2"]
    cards += [f"NAXIS{n}  =  {size}" for n, size in ((1, pixels.shape[1]), (2, pixels.shape[0]))]
    header = "".join(card.ljust(80) for card in [*cards, "END"]).ljust(2880).encode()
    data = pixels.astype(">f4").tobytes()
    return header + data.ljust(-(-len(data) // 2880) * 2880, b"\0")


def brightest(pixels: Pixels) -> tuple[int, int]:
    """(x, y) of the brightest pixel, from 0; ZTF turns differences so that the alert is bright."""
    y, x = np.unravel_index(np.nanargmax(pixels), pixels.shape)
    return int(x), int(y)
