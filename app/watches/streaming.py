"""The hits of a watch, read as a stream reads a search."""

from app.alerts.access.archive import Archive
from app.alerts.asking.numbers import Newest, Stretch, read_numbered
from app.live.events import Read
from app.search.search import MAX_LIMIT
from app.watches.watches import Watches


def hits_reader(watches: Watches, watch: str, archive: Archive, fields: tuple[str, ...]) -> Read:
    """What reads the next hits of a watch, as far as it has been matched."""

    async def read(since: int, newest: Newest) -> Stretch:
        upto, found = await watches.hits_after(watch, since, MAX_LIMIT)
        # Who matched may have seen more of the archive than this process has.
        upto = min(upto, newest.number)
        numbers = [number for number in found if number <= upto]
        if not numbers:
            return Stretch([], max(since, upto))
        rows = await read_numbered(archive.unhurried(), fields, numbers, newest)
        return Stretch(rows, numbers[-1] if len(numbers) == MAX_LIMIT else upto)

    return read
