"""Names of files, members and paths, in a form that can be stored, put into a key and printed."""

import os
import re
from typing import Final
from urllib.parse import quote, unquote

LONGEST: Final = 200
"""Characters of a name once it is quoted for a key: a server may keep that part of it as a folder,
whose name has 255 at most."""


def printable(text: str) -> str:
    """A text with what PostgreSQL or a terminal cannot take written as Python escapes it.

    That is bytes that are not UTF-8, control characters, and the like.
    """
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def plain(name: str) -> str:
    """A printable name that fits into a key: of a long one the middle is left out.

    It is never empty, "." or "..", which would name another folder in a key.
    """
    if len(name) > LONGEST:
        name = f"{name[: LONGEST // 2]}…{name[-LONGEST // 2 :]}"
    text = printable(name)
    if not text.strip("."):
        return f"({text})"
    kept, short = len(text) // 2, text
    while len(quote(short, safe="")) > LONGEST:
        kept -= 1
        short = f"{text[:kept]}…{text[-kept:]}"
    return short


def is_address(path: str) -> bool:
    """Whether a path is an http(s) address."""
    return path.startswith(("http://", "https://"))


def name_of(path: str) -> str:
    """The name of a path's content: of a tarball or folder; of the folder that an .avro lies in."""
    if is_address(path):
        return unquote(re.split("[?#]", path)[0].rstrip("/").rpartition("/")[2])
    real = os.path.realpath(path)
    if real.endswith(".avro") and not os.path.isdir(real):
        real = os.path.dirname(real)
    return os.path.basename(real) or "/"
