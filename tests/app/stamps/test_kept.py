"""Pictures that are kept: the same bytes and headers as before, without the store, in bounds."""

from typing import NoReturn

import pytest

from app.stamps import kept
from app.stamps.kept import Picture, Pictures
from app.stamps.options import Look
from archive.errors import StoreUnavailable
from archive.objects import ObjectStore
from tests.app import sky
from tests.app.conftest import Served

THUMB = f"/api/v1/alerts/{sky.FIRST}/cutouts/difference.png?size=63"


async def away(*_: object) -> NoReturn:
    raise StoreUnavailable("away")


async def test_a_picture_is_fetched_and_drawn_once(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await served.client.get(THUMB)
    with monkeypatch.context() as context:
        context.setattr(ObjectStore, "get", away)
        again = await served.client.get(THUMB)
        part = await served.client.get(THUMB, headers={"Range": "bytes=1-3"})
        same = await served.client.get(THUMB, headers={"If-None-Match": first.headers["etag"]})
        other = await served.client.get(THUMB + "&cmap=magma")
    assert (again.status_code, again.content) == (200, first.content)
    told = ("etag", "cache-control", "content-type", "content-disposition", "accept-ranges")
    assert [again.headers[n] for n in told] == [first.headers[n] for n in told]
    assert (part.status_code, part.content) == (206, b"PNG")
    assert (same.status_code, same.content) == (304, b"")
    # Another look is another picture.
    assert other.status_code == 503


async def test_an_alert_that_is_not_there_is_not_kept(served: Served) -> None:
    for _ in range(2):
        answer = await served.client.get(THUMB.replace(str(sky.FIRST), "404"))
        assert answer.status_code == 404


def test_they_are_bounded_by_their_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "MOST_BYTES", 1000)
    monkeypatch.setattr(kept, "LARGEST", 400)
    pictures, look = Pictures(), Look(size=63)
    for candid in range(20):
        pictures.keep(candid, "science", look, Picture(str(candid), b"x" * 100))
    pictures.keep(99, "science", look, Picture("99", b"x" * 401))
    found = [n for n in range(100) if pictures.find(n, "science", look)]
    assert found == list(range(10, 20))
    assert pictures.find(19, "template", look) is None
    assert pictures.find(19, "science", Look(size=64)) is None
