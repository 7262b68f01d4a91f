"""What nobody reads any more: roots from before a compaction, and what a crash left of a new one.

In the root that is the catalog nothing is ever deleted.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import orjson

from catalog.layout import INDEX, MAIN, MARGIN
from catalog.published import Catalog, Shelf


async def sweep(shelf: Shelf, catalog: Catalog, keep_days: float) -> Catalog:
    """Delete roots that ceased to be the catalog long ago, and what a crash left of a new one."""
    begun = await shelf.data(shelf.place.compacting)
    if begun is not None:
        root = orjson.loads(begun)["root"]
        if root != catalog.root and root not in catalog.retired:
            await _delete(shelf, root)
        await shelf.store.delete(shelf.place.compacting)
    oldest = datetime.now(UTC) - timedelta(days=keep_days)
    old = [r for r, time in catalog.retired.items() if datetime.fromisoformat(time) < oldest]
    for root in old:
        await _delete(shelf, root)
    if old:
        kept = {root: time for root, time in catalog.retired.items() if root not in old}
        catalog = replace(catalog, retired=kept)
        await shelf.name(catalog)
    return catalog


async def _delete(shelf: Shelf, root: str) -> None:
    for part in (MAIN, MARGIN, INDEX):
        for key, _ in await shelf.store.keys(shelf.place.key(root, "", part)):
            await shelf.store.delete(key)
