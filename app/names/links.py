"""Addresses of pages about one alert or object, of brokers and our own, as people paste them."""

import re
from typing import Final
from urllib.parse import unquote

_ADDRESS: Final = re.compile(
    r"(?P<scheme>https?://)?(?:[\w-]+(?:\.[\w-]+)*(?::\d+)?)?[/?#]\S*", re.ASCII | re.IGNORECASE
)
_OBJECT: Final = re.compile(r"(?<![a-z0-9])ztf\d\d[a-z]{4,12}(?![a-z0-9])", re.ASCII)
_CANDID: Final = re.compile(r"(?<!\d)\d{15,19}(?!\d)", re.ASCII)


def find_in_link(text: str) -> str | None:
    """The one object id or candid in an address; None for what is no address.

    Raises ValueError for an address with none, or with several.
    """
    if not (address := _ADDRESS.fullmatch(text)):
        return None
    plain = unquote(text).lower()
    found: set[str] = {*_OBJECT.findall(plain)} or {*_CANDID.findall(plain)}
    if len(found) == 1:
        return found.pop()
    if not address["scheme"]:
        return None
    many = "several object ids or candids" if found else "no object id and no candid"
    raise ValueError(f"the link holds {many} of ZTF; one is needed, as in .../ZTF18abcdxyz")
