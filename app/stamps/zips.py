"""An object's stamps as a zip file, made while it is sent."""

import csv
import io
import zipfile
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from datetime import datetime
from typing import Any, Final

from app.stamps.fetching import Stamps
from archive import times
from archive.surveys.ztf.tables import STAMPS

ZIP: Final = "1"
"""Part of a file's ETag: to be raised when the same stamps give another file."""
MANIFEST: Final = "manifest.csv"
_DATED: Final = (2444239.5, 2490989.5)
"""Julian dates of 1980-01-01 and 2107-12-31, between which a zip file can date its members."""
_COLUMNS: Final = ("candid", "object_id", "jd", "filter", "ra", "dec", "kind", "present", "file")


class _Window(io.BytesIO):
    """A file that keeps only its end in memory: bytes that were taken are gone.

    zipfile goes back within the member it writes, to put size and checksum into its local header;
    on a plain stream it would put them behind the data, where some readers do not find them.
    """

    _gone = 0

    def tell(self) -> int:
        return self._gone + super().tell()

    def seek(self, position: int, whence: int = io.SEEK_SET, /) -> int:
        assert whence == io.SEEK_SET
        return self._gone + super().seek(position - self._gone)

    def take(self) -> bytes:
        """The bytes written since the last call."""
        data = self.getvalue()
        self._gone += len(data)
        super().seek(0)
        self.truncate(0)
        return data


def write_manifest(rows: Sequence[Mapping[str, Any]]) -> str:
    """Which stamps the zip file holds: a line of CSV for each stamp of each alert."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for row in rows:
        for kind in STAMPS:
            held = row[f"{kind}_offset"] is not None
            own = [row[name] for name in _COLUMNS[:6]]
            writer.writerow([*own, kind, str(held).lower(), _name(row, kind) if held else ""])
    return text.getvalue()


async def zip_stamps(
    index: str, alerts: AsyncGenerator[tuple[Mapping[str, Any], Stamps], None]
) -> AsyncGenerator[bytes, None]:
    """The file, a piece for each alert; nothing is sent before the first alert's stamps are there.

    Members are stored without compression: they are gzip already. The table of contents comes last,
    so a file that broke off cannot be opened.
    """
    window = _Window()
    members = [(MANIFEST, index.encode())]
    async with aclosing(alerts):
        with zipfile.ZipFile(window, "w", zipfile.ZIP_STORED) as archive:
            async for row, stamps in alerts:
                moment = _dated(row["jd"])
                members += [(_name(row, kind), data) for kind, data in stamps.items()]
                for name, data in members:
                    archive.writestr(_member(name, moment), data)
                members = []
                yield window.take()
        yield window.take()


def _dated(jd: float) -> datetime:
    """The start of an exposure, or the nearest time that a zip file can hold."""
    if not times.is_date(jd):
        jd = _DATED[0]
    return times.datetime_of(min(max(jd, _DATED[0]), _DATED[1]))


def _name(row: Mapping[str, Any], kind: str) -> str:
    return f"{row['candid']}_{kind}.fits.gz"


def _member(name: str, moment: datetime) -> zipfile.ZipInfo:
    """Dated by the exposure: the same stamps give the same file."""
    member = zipfile.ZipInfo(name, moment.timetuple()[:6])
    member.create_system, member.external_attr = 3, 0o644 << 16
    return member
