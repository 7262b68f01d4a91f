"""Connections to one of several servers."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest
from sqlalchemy.engine import make_url

from archive.database import CONNECT_TIMEOUT_S, Hosts, connect, connection_settings, is_passing
from tests.conftest import Place

NOBODY = ("127.0.0.1", 9)


@pytest.fixture
async def silent() -> AsyncIterator[tuple[str, int]]:
    """A server that accepts and never answers."""
    held = []
    server = await asyncio.start_server(lambda *pair: held.append(pair), "127.0.0.1", 0)
    yield server.sockets[0].getsockname()
    for _, writer in held:
        writer.close()
    server.close()


def several(place: Place, wanted: str, *others: tuple[str, int]) -> dict[str, object]:
    """Arguments for the server at a place, with others beside it."""
    named = connection_settings(place.settings("reader"))
    hosts, ports = zip((named["host"], named["port"]), *others, strict=True)
    more = {"target_session_attrs": wanted, "timeout": CONNECT_TIMEOUT_S}
    return named | more | {"host": list(hosts), "port": list(ports)}


@pytest.mark.parametrize("wanted", ["any", "primary", "prefer-standby"])
async def test_one_that_answers_is_found(
    place: Place, silent: tuple[str, int], wanted: str
) -> None:
    """Whichever comes first: it is tried eight times, and chance alone would fail once in 256."""
    own = make_url(place.settings("reader").database_url.get_secret_value()).port
    for _ in range(2):
        hosts = Hosts()
        for _ in range(4):
            driver = await connect(hosts, **several(place, wanted, silent, NOBODY))
            assert await driver.fetchval("SHOW port") == str(own)
            await driver.close()


async def test_what_nobody_is_can_pass(place: Place) -> None:
    """A standby, where there is none: asyncpg's own error is of no kind that is waited for."""
    (one,) = {(c["host"], c["port"]) for c in [connection_settings(place.settings("reader"))]}
    with pytest.raises(ConnectionError, match="standby") as failed:
        await connect(Hosts(), **several(place, "standby", one))
    assert is_passing(failed.value)
    with pytest.raises(OSError, match="9"):
        await connect(Hosts(), **several(place, "standby", NOBODY))


async def test_a_wrong_password_is_told_at_once(place: Place) -> None:
    named = several(place, "any", ("localhost", 9)) | {"password": "wrong"}
    with pytest.raises(asyncpg.InvalidPasswordError):
        await connect(Hosts(), **named)


async def test_shunned_servers_are_tried_last(place: Place) -> None:
    named = connection_settings(place.settings("reader"))
    one, other = (named["host"], named["port"]), ("localhost", named["port"])
    hosts = Hosts()
    hosts.shunned = frozenset([one])
    drivers = [await connect(hosts, **several(place, "any", other)) for _ in range(8)]
    assert not any(map(hosts.shuns, drivers))
    hosts.shunned = frozenset([other])
    assert all(map(hosts.shuns, drivers))
    hosts.drop(other)
    assert all(driver.is_closed() for driver in drivers)
