"""Palettes of pictures: colours for the levels, one for missing pixels, two for text.

viridis, magma and inferno are by Nathaniel Smith and Stéfan van der Walt (CC0); each is held as 33
colours at equal steps, with straight lines between them: within 2 of 255 of the original.
"""

from functools import cache
from typing import Final

import numpy as np

from app.stamps.options import ColorMap

MISSING: Final = 0
"""The index of pixels without a value; its colour, blue or grey, is not in the map."""
FIRST: Final = 1
LAST: Final = 253
INK: Final = 254
PAPER: Final = 255

_STEPS: Final = {
    ColorMap.GREY: "000000 ffffff",
    ColorMap.VIRIDIS: (
        "440154 470d60 48186a 482374 472d7b 453681 424086 3f4989 3b528b 375a8d 33638d "
        "2f6a8e 2c728e 297a8e 26818e 23898e 21908c 1f988b 1f9f88 21a685 28ae80 31b57b "
        "3ebc74 4cc26c 5dc963 6ece58 82d34c 96d83f abdc32 c0df24 d5e21a eae51a fde725"
    ),
    ColorMap.MAGMA: (
        "000004 030311 0a0822 130d33 1d1146 28115a 36106a 430f76 50127c 5d177f 691c81 "
        "762181 822681 8f2a81 9c2e7f a9327d b63779 c33b75 cf4170 db486a e65163 ee5c5e "
        "f5695c f9785d fb8761 fd9668 fea571 feb47b fec387 fed194 fde0a2 fceeb0 fcfdbf"
    ),
    ColorMap.INFERNO: (
        "000004 040312 0b0724 150b37 210c4a 2e0a5a 3c0965 4a0c6b 57106d 63146e 70196e "
        "7d1e6d 89226a 962766 a32b61 af315c bb3755 c63e4d d14644 db4f3b e35932 eb6528 "
        "f1711e f67f14 f98d0a fb9c06 fcab0f fbba1f f9ca32 f5d949 f2e865 f3f586 fcffa4"
    ),
}


@cache
def palette(cmap: ColorMap) -> bytes:
    """256 colours of three bytes each: MISSING, FIRST to LAST of the map, INK, PAPER."""
    steps = np.array([list(bytes.fromhex(step)) for step in _STEPS[cmap].split()])
    places = np.linspace(0, len(steps) - 1, LAST - FIRST + 1)
    colours = [np.interp(places, np.arange(len(steps)), channel) for channel in steps.T]
    levels: bytes = np.rint(np.transpose(colours)).astype(np.uint8).tobytes()
    missing = bytes.fromhex("3f74b5" if cmap is ColorMap.GREY else "808080")
    return missing + levels + bytes(3) + b"\xff" * 3
