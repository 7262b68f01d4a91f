"""Stamps that a packet may hold and nobody would wish for: each named by what is odd."""

import gzip
import io
from typing import Any, Final

import numpy as np
from astropy.io import fits

from tests.app.stamps.stamps import fits_of

SIDE: Final = 63


def _file(*hdus: Any) -> bytes:
    out = io.BytesIO()
    fits.HDUList(list(hdus)).writeto(out, output_verify="ignore")
    return out.getvalue()


def _image(pixels: Any, **cards: Any) -> bytes:
    hdu = fits.PrimaryHDU(pixels)
    hdu.header.update(cards)
    return _file(hdu)


def _header(*cards: str, data: bytes = b"") -> bytes:
    head = "".join(card.ljust(80) for card in ("SIMPLE  =                    T", *cards, "END"))
    return head.ljust(2880).encode() + data.ljust(-(-len(data) // 2880) * 2880, b"\0")


def odd_stamps() -> dict[str, bytes]:
    """Name -> the bytes that a packet holds."""
    rng = np.random.default_rng(1)
    plain = rng.normal(100, 5, (SIDE, SIDE)).astype(np.float32)
    usual = fits_of(plain)
    holed, endless = plain.copy(), plain.copy()
    holed[5:9] = np.nan
    endless[3, 3], endless[4, 4] = np.inf, -np.inf
    table = fits.BinTableHDU.from_columns([fits.Column("a", "E", array=np.arange(5.0))])
    size = [f"NAXIS{n}  =                   63" for n in (1, 2)]
    two, single = "NAXIS   =                    2", "BITPIX  =                  -32"
    images = {
        "usual": usual,
        "holed": fits_of(holed),
        "endless": fits_of(endless),
        "all NaN": fits_of(np.full((SIDE, SIDE), np.nan, np.float32)),
        "all the same": fits_of(np.full((SIDE, SIDE), 7, np.float32)),
        "one pixel": fits_of(plain[:1, :1]),
        "one row": fits_of(plain[:1]),
        "very long": _image(np.zeros((1, 900_000), np.int8)),
        "large": _image(np.zeros((900, 900), np.float32)),
        "extreme": _image(np.array([[1.7e308, -1.7e308], [5e-324, 0]])),
        "bytes": _image(rng.integers(0, 255, (SIDE, SIDE), np.uint8)),
        "16-bit": _image(rng.integers(-9, 9, (SIDE, SIDE)).astype(np.int16)),
        "64-bit": _image(rng.integers(-(2**63), 2**63 - 1, (SIDE, SIDE), np.int64)),
        "scaled": _header("BITPIX  =                   16", two, *size, "BSCALE  =  1E30",
                          "BZERO   = -1E38", data=bytes(range(126)) * 63),
        "scaled by zero": _header("BITPIX  =                   16", two, *size, "BSCALE  =  0.0",
                                  data=bytes(126 * 63)),
        "scaled by a word": _header("BITPIX  =                   16", two, *size,
                                    "BSCALE  = 'many'", data=bytes(126 * 63)),
        "blank": _header("BITPIX  =                   16", two, *size, "BLANK   =  0",
                         data=bytes(126 * 63)),
        "three axes": _image(np.zeros((2, 3, 4), np.float32)),
        "one axis": _image(np.zeros(9, np.float32)),
        "no axis": _image(None),
        "no pixels": _header(single, two, size[0], "NAXIS2  =                    0"),
        "no data": _header(single, two, *size),
        "half its data": usual[: 2880 + 4000],
        "negative size": _header(single, two, "NAXIS1  =  -63", size[1]),
        "huge size": _header(single, two, *[s.replace("  63", "99999999999") for s in size]),
        "sizes of words": _header(single, two, "NAXIS1  = 'wide'", size[1]),
        "no NAXIS2": _header(single, two, size[0]),
        "no BITPIX": _header(two, *size, data=plain.tobytes()),
        "odd BITPIX": _header("BITPIX  =   17", two, *size, data=plain.tobytes()),
        "damaged card": _header(single, two, *size, "=====\x01", data=plain.tobytes()),
        "not ASCII": _header(single, two, *size, "OBJECT  = 'x'", data=plain.tobytes()).replace(
            b"'x'", b"'\xff'"),
        "a table": _file(fits.PrimaryHDU(), table),
        "in an extension": _file(fits.PrimaryHDU(), fits.ImageHDU(plain)),
        "compressed image": _file(fits.PrimaryHDU(), fits.CompImageHDU(plain)),
        "no FITS": b"PNG or what you will",
        "a header without end": b"SIMPLE  =                    T".ljust(2880),
        "a NUL": b"\0",
    }  # fmt: skip
    packed = gzip.compress(usual, mtime=0)
    return {name: gzip.compress(data, 1, mtime=0) for name, data in images.items()} | {
        "plain": usual,
        "plain, half": usual[:4000],
        "truncated": packed[: len(packed) // 2],
        "only magic": packed[:2],
        "broken": packed[:100] + bytes(50) + packed[150:],
        "wrong checksum": packed[:-8] + bytes(8),
        "two members": packed + packed,
        "bomb": gzip.compress(usual[:2880] + bytes(8_000_000), 1, mtime=0),
    }
