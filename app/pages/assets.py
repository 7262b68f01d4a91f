"""Static files under addresses that carry a hash of their content: clients keep them for ever.

`vendor/` holds what dev/assets/install.sh laid out. A folder in it, such as JS9's, whose files name
one another by relative addresses, has one hash for all.
"""

import gzip
import hashlib
import mimetypes
import re
from functools import cache
from pathlib import Path
from typing import Final

STATIC: Final = Path(__file__).parents[1] / "static"
_DIGEST: Final = re.compile(r"[0-9a-f]{16}", re.ASCII)
_TEXT: Final = ("text/", "application/javascript", "application/wasm", "image/svg+xml")
"""Media types that gzip shrinks; all other files are compressed already."""


@cache
def _files() -> dict[str, Path]:
    """Every file by its name below `static`; nothing else is served."""
    return {p.relative_to(STATIC).as_posix(): p for p in STATIC.rglob("*") if p.is_file()}


def _unit(name: str) -> str:
    """The files that share the file's hash: itself, or its folder in `vendor`."""
    parts = name.split("/")
    return "/".join(parts[:2]) if parts[0] == "vendor" else name


@cache
def _digest(unit: str) -> str:
    total = hashlib.sha256()
    for name in sorted(name for name in _files() if _unit(name) == unit):
        total.update(name.encode() + b"\0" + _files()[name].read_bytes())
    return total.hexdigest()[:16]


def asset_address(name: str) -> str:
    """Where a file below `static` is served, for as long as its content stays.

    A file that set-up did not bring has an address too, where nothing is: the page works without.
    """
    if name not in _files():
        return f"/static/{name}"
    return f"/static/{_digest(_unit(name))}/{name}"


def find_asset(path: str) -> tuple[str, bool] | None:
    """The file that the rest of an address names, and whether with the right hash; None: no file.

    The hash may be left out. A wrong one, from a page of an older release, still finds the file as
    it is now; no client should keep that for long.
    """
    first, _, rest = path.partition("/")
    name = rest if _DIGEST.fullmatch(first) else path
    if name not in _files():
        return None
    return name, name != path and first == _digest(_unit(name))


@cache
def read_asset(name: str, compressed: bool) -> tuple[bytes, str]:
    """A file's bytes, gzipped if they are to be, and their strong ETag. They stay in memory."""
    data = _files()[name].read_bytes()
    etag = hashlib.sha256(data).hexdigest()[:24]
    return (
        (gzip.compress(data, 9, mtime=0), f'"{etag}-gzip"') if compressed else (data, f'"{etag}"')
    )


def media_type(name: str) -> str:
    """A file's media type, by its ending."""
    kind = mimetypes.guess_type(name)[0] or "text/plain"
    return f"{kind}; charset=utf-8" if kind.startswith("text/") else kind


def shrinks(name: str) -> bool:
    """Whether gzip makes the file smaller."""
    return media_type(name).startswith(_TEXT)
