"""Libraries that are imported when they are first used: they take long, and few requests need them.

`late.mocpy` is mocpy, and so on. With astropy, which it needs, it is half a second and 60 MB. They
are used in threads, so that no other request waits meanwhile.
"""

import sys
from importlib import import_module
from threading import RLock
from types import ModuleType
from typing import Final

MODULES: Final = {
    "arrow": "pyarrow",
    "compute": "pyarrow.compute",
    "coordinates": "astropy.coordinates",
    "fits": "astropy.io.fits",
    "healpix": "cdshealpix.nested",
    "image": "PIL.Image",
    "image_draw": "PIL.ImageDraw",
    "image_font": "PIL.ImageFont",
    "mocpy": "mocpy",
    "parquet": "pyarrow.parquet",
    "timeseries": "astropy.timeseries",
    "units": "astropy.units",
    "visualization": "astropy.visualization",
    "votable": "astropy.io.votable",
}
_ONE_AT_A_TIME: Final = RLock()
"""Two threads in different parts of astropy can wait for each other's, which ends one of them."""


def __getattr__(name: str) -> ModuleType:
    if name not in MODULES:
        raise AttributeError(f"module {__name__} has no attribute {name}")
    with _ONE_AT_A_TIME:
        module = import_module(MODULES[name])
    setattr(sys.modules[__name__], name, module)
    return module
