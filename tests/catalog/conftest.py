"""An archive of 40 batches of 250 alerts, copied for each test, which says how many are there."""

from collections.abc import AsyncIterator

import pytest

from tests.catalog.catalogs import add_alerts
from tests.conftest import Place, new_place

BATCHES = 40


@pytest.fixture(scope="session")
async def filled(template: str) -> AsyncIterator[str]:
    """The database that is copied."""
    async with new_place(template) as place:
        await add_alerts(place, 250 * BATCHES)
        yield place.database


@pytest.fixture
async def sky(filled: str) -> AsyncIterator[Place]:
    """The archive of this test's own."""
    async with new_place(filled) as place:
        yield place
