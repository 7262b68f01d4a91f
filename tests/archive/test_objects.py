"""Streams from the real object store, through a proxy that closes connections."""

import random
from collections.abc import AsyncIterator

import pytest

from archive import objects
from archive.errors import ObjectMissing, StoreUnavailable
from archive.objects import ObjectStore, open_store
from archive.settings import ArchiveSettings
from tests.conftest import Place, opened
from tests.proxies import cutting, thinking

KEY = "ztf/20260131/long"
DATA = random.Random(3).randbytes(2_000_000)


async def read(store: ObjectStore, offset: int, length: int) -> bytes:
    return b"".join([chunk async for chunk in store.stream(KEY, offset, length)])


def behind(place: Place, address: str) -> ArchiveSettings:
    """The settings of a client of the store at this address."""
    return place.settings("reader").model_copy(update={"s3_endpoint_url": address})


async def test_a_stream_goes_on_where_its_connection_was_closed(place: Place) -> None:
    endpoint = place.settings("reader").s3_endpoint_url
    async with opened(place) as archive, cutting(endpoint, 300_000) as proxy:
        await archive.store.put(KEY, DATA)
        async with open_store(behind(place, proxy.address)) as store:
            for offset, length in ((0, len(DATA)), (777, 1_500_000), (1_999_999, 1)):
                assert await read(store, offset, length) == DATA[offset : offset + length]
            assert proxy.cut >= 10
            assert await store.get(KEY, 5, 1_000_000) == DATA[5:1_000_005]
            with pytest.raises(ObjectMissing):
                await store.get("ztf/none", 0, 10)


async def test_a_stream_never_goes_on_with_another_object(place: Place) -> None:
    endpoint = place.settings("reader").s3_endpoint_url
    async with opened(place) as archive, cutting(endpoint, 300_000) as proxy:
        await archive.store.put(KEY, DATA)
        async with open_store(behind(place, proxy.address)) as store:
            chunks = store.stream(KEY, 0, len(DATA))
            assert DATA.startswith(await anext(chunks))
            await archive.store.put(KEY, DATA[::-1])
            with pytest.raises(StoreUnavailable, match="PreconditionFailed"):
                async for _ in chunks:
                    pass


async def test_a_stream_is_not_taken_up_without_end(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(objects, "RESUMES", 3)
    endpoint = place.settings("reader").s3_endpoint_url
    async with opened(place) as archive, cutting(endpoint, 100_000) as proxy:
        await archive.store.put(KEY, DATA)
        async with open_store(behind(place, proxy.address)) as store:
            with pytest.raises(StoreUnavailable):
                await read(store, 0, len(DATA))
    assert 3 <= proxy.cut <= 5


async def test_a_store_that_breaks_everything_off_is_soon_given_up(place: Place) -> None:
    endpoint = place.settings("reader").s3_endpoint_url
    async with opened(place) as archive, cutting(endpoint, 1_000) as proxy:
        await archive.store.put(KEY, DATA)
        async with open_store(behind(place, proxy.address)) as store:
            with pytest.raises(StoreUnavailable):
                await store.get(KEY, 0, 60_000)
    assert 2 <= proxy.cut <= 5


async def test_a_store_may_take_its_time_to_put_a_large_object_together(place: Place) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for n in range(10):
            yield bytes([n]) * 1_000_000

    endpoint, patience = place.settings("reader").s3_endpoint_url, 1.0
    async with thinking(endpoint, b"<CompleteMultipartUpload", 3 * patience) as address:
        settings = behind(place, address).model_copy(update={"s3_timeout_s": patience})
        async with open_store(settings) as store:
            assert await store.put_stream(KEY, pieces()) == 10_000_000
            assert await store.get(KEY, 8_999_999, 2) == b"\x08\x09"
