"""A region as a MOC in each of its spellings (IVOA MOC 2.0)."""

import io
from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple

import orjson

if TYPE_CHECKING:
    from mocpy import MOC


class MocSuffix(StrEnum):
    """How the file of a MOC ends."""

    FITS = "fits"
    JSON = "json"
    TEXT = "txt"


class Spelling(NamedTuple):
    """A spelling of a MOC: its media type, and how it is written."""

    media_type: str
    write: "Callable[[MOC], bytes]"


def _write_fits(moc: "MOC") -> bytes:
    file = io.BytesIO()
    moc.serialize("fits").writeto(file)
    return file.getvalue()


SPELLINGS: Final = {
    MocSuffix.FITS: Spelling("application/fits", _write_fits),
    MocSuffix.JSON: Spelling("application/json", lambda moc: orjson.dumps(moc.serialize("json"))),
    MocSuffix.TEXT: Spelling(
        "text/plain; charset=utf-8", lambda moc: f"{moc.serialize('str').strip()}\n".encode()
    ),
}
