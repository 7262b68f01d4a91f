"""Every address of the app, as its routes have them: a new route is in here by itself."""

import re
from collections.abc import Mapping
from functools import cache
from typing import Final, NamedTuple

from fastapi.routing import iter_route_contexts

from app.main import create_app
from app.settings import Settings
from tests.app import sky

PARTS: Final = {
    "candid": str(sky.FIRST),
    "object_id": sky.OBJECT,
    "night": "20260131",
    "job": "A" * 32,
    "watch": "A" * 32,
    "suffix": "parquet",
    "region": "A" * 32,
    "ending": "fits",
    "number": str(sky.FIRST),
    "path": "pages.css",
    "name": "mars.alert",
    "key": "A" * 32,
}
"""Path parameter -> a value that leads somewhere; jobs, watches and regions have none before."""

ENDLESS: Final = ("/api/v1/alerts/stream",)
"""Streams, whose answers have no end: tests/app/live asks them."""


class Address(NamedTuple):
    """One route under one method, its path filled in."""

    method: str
    path: str
    pattern: str
    """The path as the route has it."""


@cache
def addresses(*methods: str) -> list[Address]:
    """The addresses that answer to one of these methods, and have an end."""
    found = []
    for route in iter_route_contexts(create_app(Settings()).routes):
        assert route.path is not None
        assert route.methods is not None
        if route.path in ENDLESS:
            continue
        path = fill(route.path, PARTS)
        found += [Address(m, path, route.path) for m in sorted(route.methods) if m in methods]
    return found


def fill(pattern: str, parts: Mapping[str, str]) -> str:
    """A route's path with values for its parameters."""
    own = {**parts, "kind": "Science" if pattern.startswith("/{number") else "science"}
    # A converter (`:digits`) is no part of the name.
    return re.sub(r":\w+}", "}", pattern).format(**own)
