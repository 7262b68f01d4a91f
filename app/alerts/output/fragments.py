"""The JSON of alerts, kept: lists of the newest alerts show the same rows again and again.

To make 100 alerts from their rows takes 1.6 ms and to print them 0.3 ms, twice what PostgreSQL
takes to find them (measured); to look them up takes 0.03 ms.
"""

from collections.abc import Callable, Sequence
from threading import Lock
from typing import Any, Final

import asyncpg
import orjson
from cachetools import LRUCache

from app.answers.bodies import print_to_keep

MOST: Final = 3000
"""Alerts kept: at 2.7 kB each 8 MB, thirty pages. The typed API and the first MARS's addresses
each have as many."""
AT_ONCE: Final = 200
"""New alerts of one page that are kept. A page with more of them walks through the archive: to keep
what is not shown again took 200 MB, as the texts lie scattered between what is freed."""


Items = Callable[[Sequence[asyncpg.Record], str], list[Any]]


class Fragments:
    """JSON texts of the alerts that were asked for last.

    A row never changes, so its text never does. The key holds the batch beside the candid: after
    the restore of a backup the same alert comes again under another batch.
    """

    def __init__(self, items: Items, api: str, key: str = "candid") -> None:
        """`items` makes alerts, `key` their id, from rows, with links that begin with `api`."""
        self._items, self._api, self._key = items, api, key
        # Long pages are made in the thread of exports, short ones in the loop.
        self._lock = Lock()
        self._texts: LRUCache[tuple[int, int], orjson.Fragment] = LRUCache(MOST)

    def of(self, rows: Sequence[asyncpg.Record]) -> list[Any]:
        """Each row's alert, ready to stand in a body."""
        keys = [(row[self._key], row["batch"]) for row in rows]
        with self._lock:
            # Read before the new ones come in, which may push out what this page shows.
            texts = {key: self._texts[key] for key in keys if key in self._texts}
        new = [n for n, key in enumerate(keys) if key not in texts]
        if len(new) > AT_ONCE:
            return self._items(rows, self._api)
        made = self._items([rows[n] for n in new], self._api)
        fresh = {keys[n]: orjson.Fragment(print_to_keep(i)) for n, i in zip(new, made, strict=True)}
        with self._lock:
            self._texts.update(fresh)
        texts |= fresh
        return [texts[key] for key in keys]
