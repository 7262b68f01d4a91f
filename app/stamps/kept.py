"""Pictures of stamps that were asked for lately: a page of 100 rows shows 100 of them."""

from typing import Final, NamedTuple

from cachetools import TTLCache

from app.stamps.options import Look

MOST_BYTES: Final = 16_000_000
"""Some 5,000 pictures of the size that the main page shows."""
LARGEST: Final = 100_000
"""A larger picture would push out too many others."""
KEPT_S: Final = 3600.0


class Picture(NamedTuple):
    """A PNG, and its ETag."""

    etag: str
    png: bytes


class Pictures:
    """Pictures by alert, stamp and look. An alert's packet never changes, so none becomes wrong."""

    def __init__(self) -> None:
        self._kept: TTLCache[tuple[int, str, str], Picture] = TTLCache(
            MOST_BYTES, KEPT_S, getsizeof=lambda picture: len(picture.png)
        )

    def find(self, candid: int, kind: str, look: Look) -> Picture | None:
        """The picture, if it is kept."""
        return self._kept.get((candid, kind, look.tag))

    def keep(self, candid: int, kind: str, look: Look, picture: Picture) -> None:
        """Keep a picture, unless it is large."""
        if len(picture.png) <= LARGEST:
            self._kept[candid, kind, look.tag] = picture
