"""A body of positions, read as it arrives: JSON, CSV or VOTable -> targets.

Readers are fed chunk by chunk and hold one position at most: a body of a million positions takes no
more memory than one of ten. Links, entities and DTDs in a body are never fetched.
"""

from collections.abc import AsyncIterator
from typing import Final, Protocol

from fastapi import Request

from app.errors import UnknownMedia
from app.incoming import read_in_turn
from app.match.bodytext import Row
from app.match.csvbody import CsvReader
from app.match.jsonbody import JsonReader
from app.match.targets import Target, Targets
from app.match.votablebody import VotableReader

VOTABLE: Final = "application/x-votable+xml"


class Reader(Protocol):
    """Rows of a body as it arrives. Both methods raise BadBody, which says where."""

    def feed(self, data: bytes) -> list[Row]: ...
    def close(self) -> list[Row]: ...


READERS: Final[dict[str, type[JsonReader] | type[CsvReader] | type[VotableReader]]] = {
    "application/json": JsonReader,
    "text/csv": CsvReader,
    VOTABLE: VotableReader,
    "application/xml": VotableReader,
    "text/xml": VotableReader,
}


async def read_targets(request: Request, targets: Targets) -> AsyncIterator[list[Target]]:
    """The targets of a body as they come: 30 µs each.

    Raises UnknownMedia, BadBody, BodyTooLarge, BodyTooSlow, BodiesWait, or BadParameters from
    `targets`.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in READERS:
        raise UnknownMedia(f"Content-Type must be one of {', '.join(READERS)}")
    reader: Reader = READERS[kind]()
    async for chunk in request.stream():
        yield await read_in_turn(lambda data: targets.take(reader.feed(data)), chunk)
    yield targets.take(reader.close())
    targets.check()
