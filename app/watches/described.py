"""A watch as its JSON."""

from typing import Any
from urllib.parse import urlencode

from sqlalchemy import Row

from app.watches.hits import MAX_HITS
from archive import times


def watch_address(public_url: str, watch: str) -> str:
    """Where a watch is read, and deleted."""
    return f"{public_url}/api/v1/watches/{watch}"


def describe_watch(row: Row[Any], public_url: str) -> dict[str, Any]:
    """The JSON of a watch, from its row."""
    own = watch_address(public_url, row.id)
    return {
        "id": row.id,
        "query": urlencode([(name, value) for name, value in row.filters], safe=",:"),
        "positions": row.positions,
        "upto": row.upto,
        "hits": min(row.found, MAX_HITS),
        "created": times.write_utc(row.created),
        "expires": times.write_utc(row.expires),
        "links": {
            "self": own,
            "page": f"{public_url}/watches/{row.id}/",
            **{name: f"{own}/{name}" for name in ("alerts", "stream", "atom")},
        },
    }
