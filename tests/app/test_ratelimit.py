"""One client's share, over HTTP, with a proxy that is trusted and one that is not."""

from collections.abc import AsyncIterator

import httpx
import pytest

from app import ratelimit
from app.models import Problem
from app.ratelimit import client_of
from tests.app.conftest import Served, serving

ME = {"X-Forwarded-For": "203.0.113.7"}


class Clock:
    """A clock that a test puts on; by itself it stands still."""

    now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The limit's own clock."""
    ours = Clock()
    monkeypatch.setattr(ratelimit, "time", ours)
    return ours


@pytest.fixture
async def limited(served: Served, clock: Clock) -> AsyncIterator[httpx.AsyncClient]:
    """Three at once, then one in two seconds; loopback is a trusted proxy."""
    limits = {"rate_limit_per_s": 0.5, "rate_limit_burst": 3, "trusted_proxies": ["127.0.0.1"]}
    async with serving(served.settings.model_copy(update=limits)) as client:
        yield client


async def test_a_burst_then_a_refusal_then_patience(
    limited: httpx.AsyncClient, clock: Clock
) -> None:
    answers = [await limited.get("/healthz", headers=ME) for _ in range(4)]
    assert [a.status_code for a in answers] == [200, 200, 200, 429]
    assert answers[0].headers["ratelimit-policy"] == '"client";q=3;w=6'
    assert [a.headers["ratelimit"].split(";")[1] for a in answers] == ["r=2", "r=1", "r=0", "r=0"]
    refused = answers[3]
    assert refused.headers["retry-after"] == "2"
    assert Problem.model_validate(refused.json()).status == 429
    assert refused.headers["x-request-id"]
    clock.now += 1.9
    assert (await limited.get("/healthz", headers=ME)).status_code == 429
    clock.now += 0.1
    assert (await limited.get("/healthz", headers=ME)).status_code == 200


async def test_clients_do_not_share_and_loopback_has_no_limit(limited: httpx.AsyncClient) -> None:
    for _ in range(4):
        await limited.get("/healthz", headers={"X-Forwarded-For": "203.0.113.8"})
    other = await limited.get("/healthz", headers={"X-Forwarded-For": "203.0.113.9"})
    assert other.status_code == 200
    free = [await limited.get("/healthz") for _ in range(10)]
    assert {a.status_code for a in free} == {200}
    assert "ratelimit" not in free[0].headers


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("198.51.100.1", "203.0.113.7", "198.51.100.1"),
        ("10.0.0.1", "203.0.113.7", "203.0.113.7"),
        ("10.0.0.1", "127.0.0.1, 203.0.113.7", "203.0.113.7"),
        ("10.0.0.1", "203.0.113.7, 10.0.0.2", "203.0.113.7"),
        ("10.0.0.1", "not an address", "10.0.0.1"),
        ("10.0.0.1", "", "10.0.0.1"),
    ],
)
def test_who_the_client_is(peer: str, forwarded: str, expected: str) -> None:
    scope = {
        "type": "http",
        "client": (peer, 5),
        "headers": [(b"x-forwarded-for", forwarded.encode())],
    }
    assert client_of(scope, frozenset({"10.0.0.1", "10.0.0.2"})) == expected
