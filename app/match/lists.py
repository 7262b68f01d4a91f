"""A list of positions as a person brings it: a file that does not say what it is, pasted lines."""

import re
from collections.abc import AsyncIterator
from typing import Final

from app.incoming import read_in_turn
from app.match.targets import Target, Targets
from app.match.uploads import READERS, VOTABLE, Reader
from app.search.values import read_number

_NAMES: Final = {2: "ra,dec", 3: "id,ra,dec", 4: "id,ra,dec,radius"}
"""What columns of lines without names are, by their number."""
_PARTED: Final = re.compile(r"[,;|\t]")
_BLANKS: Final = re.compile(r"[ \t]+")


async def read_list(data: bytes, targets: Targets) -> AsyncIterator[list[Target]]:
    """The targets of a whole list, as uploads.read_targets has them. Raises as that does."""
    kind = kind_of(data)
    reader: Reader = READERS[kind]()
    whole = name_columns(data) if kind == "text/csv" else data
    yield await read_in_turn(lambda data: targets.take(reader.feed(data)), whole)
    yield targets.take(reader.close())
    targets.check()


def kind_of(data: bytes) -> str:
    """The type of a list, by its first character."""
    first = data.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    return {b"{": "application/json", b"[": "application/json", b"<": VOTABLE}.get(
        first, "text/csv"
    )


def name_columns(data: bytes) -> bytes:
    """Lines of numbers alone, with names above them and commas in place of blanks.

    Three numbers may be a name and a position, or a position and a radius: those stay as they
    are, and whoever reads them asks for names.
    """
    text = data.decode(errors="replace")
    lines = (line.strip() for line in text.splitlines())
    first = next((line for line in lines if line and not line.startswith("#")), "")
    by_blanks = not _PARTED.search(first)
    cells = (_BLANKS if by_blanks else _PARTED).split(first)
    numbers = [_is_number(cell) for cell in cells]
    named = _NAMES.get(len(cells))
    if named is None or not all(numbers[-2:]) or (len(cells) == 3 and all(numbers)):
        return data
    if by_blanks:
        text = "\n".join(_BLANKS.sub(",", line.strip()) for line in text.splitlines())
        return f"{named}\n{text}\n".encode()
    separator = _PARTED.findall(first)[0]
    return f"{named.replace(',', separator)}\n".encode() + data


def _is_number(text: str) -> bool:
    try:
        read_number(text.strip())
    except ValueError:
        return False
    return True
