"""One client's share, over HTTP, with a proxy that is trusted and one that is not."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from app import ratelimit
from app.answers.models import Problem
from app.ratelimit import MAX_CLIENTS, RateLimit
from app.settings import Settings
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


async def test_the_clients_that_are_remembered_are_bounded() -> None:
    async def nothing(*_: Any) -> Any: ...

    limit = RateLimit(nothing, Settings(trusted_proxies=[]))
    for n in range(MAX_CLIENTS + 100):
        client = f"2001:db8:{n // 65536:x}:{n % 65536:x}::1"
        scope = {"type": "http", "headers": [], "client": (client, 1)}
        await limit(scope, nothing, nothing)
    assert len(limit._due) == MAX_CLIENTS
