"""The three stamps of an alert: 63 x 63 pixels of float32 as gzipped FITS, without a WCS.

A stamp is sky noise from a store of tiles, drawn once, plus a Gaussian source at its middle.
To deflate three stamps would take longer than all the rest of a packet. The rows above and below
the source are pieces of a deflate stream compressed with the tile, each ended by a full flush, so
that they can be joined to anything (zlib's manual, "Z_FULL_FLUSH"); between them the rows that the
source reaches are a stored block (RFC 1951, 3.2.4): noise hardly shrinks anyway.
"""

from __future__ import annotations

import struct
import zlib
from functools import cache
from typing import Final, NamedTuple

import numpy as np
from numpy.random import Generator

from dev.simulator.conditions import FULL_WIDTH_OF_SIGMA

SIZE: Final = 63
MIDDLE: Final = slice(23, 40)
TILES: Final = 24
NOISE_LEVELS: Final = (6, 8, 10, 13, 17, 22, 30, 40)
GAIN: Final = 1.6
BLOCK: Final = 2880
SHARE_WITH_NAN: Final = 0.13
SHARE_NOT_SQUARE: Final = 0.01
# A gzip header without name or time: the same pixels are the same bytes.
GZIP_HEADER: Final = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x04\xff"


class Brightness(NamedTuple):
    """What stamps show, in DN: the source in the reference and above it, the noise of a pixel."""

    reference: float
    change: float
    noise: float


class Stamps(NamedTuple):
    """Gzipped FITS: the new exposure, the reference, and the one minus the other."""

    science: bytes
    template: bytes
    difference: bytes


class Tile(NamedTuple):
    """A stamp without a source, and its rows above and below the middle, compressed."""

    pixels: np.ndarray
    above: bytes
    below: bytes


def stamps(light: Brightness, seeing: float, rng: Generator) -> Stamps:
    """The three stamps of one alert; seeing is the full width at half maximum in pixels."""
    draws = rng.random(2)
    numbers = rng.integers(0, TILES, 3).tolist()
    source = point_source(round(seeing * 5))
    noise = min(NOISE_LEVELS, key=lambda level: abs(level - light.noise))
    sky = round(GAIN * noise**2)
    shown = (
        (light.reference + light.change, sky, noise),
        (light.reference, 0, NOISE_LEVELS[0]),
        (light.change, 0, noise),
    )
    if draws[0] < SHARE_WITH_NAN or draws[1] < SHARE_NOT_SQUARE:
        short, cut = draws[1] < SHARE_NOT_SQUARE, int(rng.integers(2, 20))
        return Stamps(*(
            at_the_edge(flux * source, tile(n, sky, noise), cut, short)
            for n, (flux, sky, noise) in zip(numbers, shown, strict=True)
        ))  # fmt: skip
    return Stamps(*(
        stamp(flux * source[MIDDLE], tile(n, sky, noise))
        for n, (flux, sky, noise) in zip(numbers, shown, strict=True)
    ))  # fmt: skip


@cache
def header(width: int, height: int) -> bytes:
    """The primary header of an image of float32, as ZTF writes it: size and unit, no more."""
    cards = (
        f"SIMPLE  = {'T':>20}", f"BITPIX  = {-32:>20}", f"NAXIS   = {2:>20}",
        f"NAXIS1  = {width:>20}", f"NAXIS2  = {height:>20}", "BUNIT   = 'DN      '", "END",
    )  # fmt: skip
    return "".join(f"{card:80}" for card in cards).ljust(BLOCK).encode()


@cache
def point_source(seeing_in_fifths: int) -> np.ndarray:
    """A Gaussian of unit sum at the middle; its full width is so many fifths of a pixel."""
    sigma = seeing_in_fifths / 5 / FULL_WIDTH_OF_SIGMA
    squares = (np.arange(SIZE) - SIZE // 2) ** 2
    profile = np.exp(-squares / (2 * sigma**2))
    profile[squares > (SIZE // 2 - MIDDLE.start) ** 2] = 0
    unit: np.ndarray = np.outer(profile, profile) / profile.sum() ** 2
    return unit


@cache
def unit_noise(number: int) -> np.ndarray:
    """Normal noise of unit variance."""
    return np.random.default_rng([number, 63]).standard_normal((SIZE, SIZE))


@cache
def tile(number: int, sky: int, noise: int) -> Tile:
    """A tile of noise upon sky, with its outer rows compressed."""
    pixels = (sky + noise * unit_noise(number)).astype(">f4")
    before = header(SIZE, SIZE) + pixels[: MIDDLE.start].tobytes()
    after = pixels[MIDDLE.stop :].tobytes()
    return Tile(
        pixels,
        deflated(before),
        deflated(after + bytes(-pixels.nbytes % BLOCK), last=True),
    )


def deflated(content: bytes, last: bool = False) -> bytes:
    """A piece of a raw deflate stream that ends at a byte and refers to nothing before it."""
    press = zlib.compressobj(1, zlib.DEFLATED, -15, 8, zlib.Z_HUFFMAN_ONLY)
    return press.compress(content) + press.flush(zlib.Z_FINISH if last else zlib.Z_FULL_FLUSH)


def stamp(source: np.ndarray, noise: Tile) -> bytes:
    """Gzipped FITS of a source in the middle rows of a tile."""
    pixels = noise.pixels.copy()
    pixels[MIDDLE] += source
    content = fits(pixels)
    middle = pixels[MIDDLE].tobytes()
    stored = struct.pack("<BHH", 0, len(middle), len(middle) ^ 0xFFFF)
    end = struct.pack("<II", zlib.crc32(content), len(content))
    return b"".join((GZIP_HEADER, noise.above, stored, middle, noise.below, end))


def at_the_edge(source: np.ndarray, noise: Tile, cut: int, short: bool) -> bytes:
    """The same by the edge of a quadrant: rows are missing, or there but not a number."""
    pixels = (noise.pixels + source).astype(">f4")
    if short:
        pixels = pixels[cut:]
    else:
        pixels[:cut] = np.nan
    press = zlib.compressobj(1, zlib.DEFLATED, 31, 8, zlib.Z_RLE)
    return press.compress(fits(pixels)) + press.flush()


def fits(pixels: np.ndarray) -> bytes:
    """A FITS file of one image."""
    height, width = pixels.shape
    content = header(width, height) + pixels.tobytes()
    return content + bytes(-len(content) % BLOCK)
