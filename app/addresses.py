"""Where alerts and objects have their pages: what they are called, as a part of an address."""

import re
from typing import Final
from urllib.parse import quote

CANDID_DIGITS: Final = 15
"""A number so long in an address is a candid; a shorter one is an lco_id."""
_CODE: Final = "~"
_CODED: Final = re.compile(f"{_CODE}((?:[0-9a-f]{{2}})*)")


def alert_address(candid: int | str) -> str:
    """The page of an alert; a candid of few digits gets zeros in front, or it were an lco_id."""
    text = str(candid)
    return f"/{text.zfill(CANDID_DIGITS + text.startswith('-'))}/"


def object_address(object_id: str) -> str:
    """The page of an object."""
    return f"/objects/{quote_object_id(object_id)}/"


def quote_object_id(object_id: str) -> str:
    """An object id as one part of a path.

    Browsers, clients and proxies take dots and slashes for steps from folder to folder even where
    they are quoted: an id of such is written as `~` and its UTF-8 in hexadecimal digits.
    """
    # ZTF's own need nothing: quote() of 100 would take a twentieth of a page.
    if object_id.isascii() and object_id.isalnum():
        return object_id
    if object_id in ("", ".", "..") or "/" in object_id or object_id.startswith(_CODE):
        return _CODE + object_id.encode().hex()
    return quote(object_id, safe="")


def unquote_object_id(part: str) -> str:
    """The object id that a part of a path names, its percent signs already read."""
    if match := _CODED.fullmatch(part):
        try:
            return bytes.fromhex(match[1]).decode()
        except UnicodeDecodeError:
            # No code of ours: an id of this spelling is itself.
            return part
    return part
