"""The stamps of several alerts from the object store, in order, a few at once."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Iterable, Mapping
from itertools import islice
from typing import Any, Final

from archive.objects import ObjectStore
from archive.surveys.ztf.tables import STAMPS

AT_ONCE: Final = 8

Stamps = dict[str, bytes]


async def stamps_of(store: ObjectStore, row: Mapping[str, Any]) -> Stamps:
    """The stamps that an alert's packet holds, by kind. Raises as ObjectStore.get does.

    One request fetches all of them: they are close together in the bundle, and a packet has 2 MB at
    most.
    """
    spans = {
        kind: (row[f"{kind}_offset"], row[f"{kind}_length"])
        for kind in STAMPS
        if row["key"] is not None and row[f"{kind}_offset"] is not None and row[f"{kind}_length"]
    }
    if not spans:
        return {}
    begin = min(offset for offset, _ in spans.values())
    end = max(offset + length for offset, length in spans.values())
    data = await store.get(row["key"], begin, end - begin)
    return {
        kind: data[offset - begin : offset - begin + length]
        for kind, (offset, length) in spans.items()
    }


async def fetch_in_order(
    store: ObjectStore, rows: Iterable[Mapping[str, Any]]
) -> AsyncGenerator[tuple[Mapping[str, Any], Stamps], None]:
    """Each row with its stamps; the next AT_ONCE are fetched while one is used."""
    left = iter(rows)
    under_way: deque[tuple[Mapping[str, Any], asyncio.Task[Stamps]]] = deque()

    def begin(count: int) -> None:
        for row in islice(left, count):
            under_way.append((row, asyncio.create_task(stamps_of(store, row))))

    begin(AT_ONCE)
    try:
        while under_way:
            row, task = under_way[0]
            stamps = await task
            under_way.popleft()
            begin(1)
            yield row, stamps
    finally:
        for _, task in under_way:
            task.cancel()
        await asyncio.gather(*(task for _, task in under_way), return_exceptions=True)
