"""Costly questions take turns, and keep no other from its answer."""

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import NamedTuple

import asyncpg
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.alerts.access import gate
from app.alerts.access.gate import Gate
from app.errors import Busy
from tests.app import sky
from tests.app.conftest import Served, database_of, serving
from tests.conftest import url_of

WIDE = "/api/v1/alerts?cone=10,20,10"
NO_ENGINE: object = object()


class Visit:
    """A question at the gate, which stays until it is told to go."""

    def __init__(self, ours: Gate, name: str, order: list[str], label: str = "") -> None:
        self.label, self._go = label or name, asyncio.Event()
        self.task = asyncio.create_task(self._stay(ours, name, order))

    async def _stay(self, ours: Gate, name: str, order: list[str]) -> None:
        async with ours.place(name, 60):
            order.append(self.label)
            await self._go.wait()

    async def leave(self) -> None:
        self._go.set()
        await self.task


async def _settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_one_client_leaves_a_place_and_others_have_their_turn() -> None:
    ours, order = Gate(NO_ENGINE, 2), []  # type: ignore[arg-type, var-annotated]
    greedy = [Visit(ours, "a", order, f"a{n}") for n in range(20)]
    await _settled()
    assert (order, ours.free, ours.waiting) == (["a0"], 1, 19)
    modest = [Visit(ours, name, order) for name in "bc"]
    await _settled()
    assert order == ["a0", "b"]
    await modest[0].leave()
    await _settled()
    assert order == ["a0", "b", "c"]
    await greedy[0].leave()
    await _settled()
    assert order == ["a0", "b", "c", "a1"]
    await greedy[1].leave()
    modest += [Visit(ours, name, order) for name in "de"]
    await _settled()
    assert order == ["a0", "b", "c", "a1", "a2"]
    await modest[1].leave()
    await greedy[2].leave()
    await _settled()
    assert order == ["a0", "b", "c", "a1", "a2", "d", "e"]
    for one in (*greedy, *modest):
        one.task.cancel()
    await asyncio.gather(*(one.task for one in (*greedy, *modest)), return_exceptions=True)
    assert (ours.free, ours.waiting) == (2, 0)


async def test_where_none_is_fresh_the_newest_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "FRESH", 0.0)
    ours, order = Gate(NO_ENGINE, 1), []  # type: ignore[arg-type, var-annotated]
    visits = [Visit(ours, "a", order, f"a{n}") for n in range(4)]
    await _settled()
    for served in (0, 3, 2, 1):
        await visits[served].leave()
        await _settled()
    assert order == ["a0", "a3", "a2", "a1"]


async def test_a_single_place_is_for_everybody() -> None:
    ours = Gate(NO_ENGINE, 1)  # type: ignore[arg-type]
    async with ours.place("a", 0):
        assert ours.free == 0


async def test_who_waits_too_long_is_told() -> None:
    ours = Gate(NO_ENGINE, 2)  # type: ignore[arg-type]
    async with ours.place("a", 0):
        with pytest.raises(Busy):
            async with ours.place("a", 0.01):
                pass
        async with ours.place("b", 0):
            pass
    assert (ours.free, ours.waiting, ours.refused) == (2, 0, 1)


async def test_of_too_many_the_oldest_of_the_greediest_goes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(gate, "MOST_WAITING", 3)
    ours, order = Gate(NO_ENGINE, 2), []  # type: ignore[arg-type, var-annotated]
    visits = [Visit(ours, name, order) for name in ("a", "b", "a", "a", "b", "c")]
    await _settled()
    with pytest.raises(Busy):
        await visits[2].task
    assert (order, ours.waiting) == (["a", "b"], 3)
    for one in visits:
        one.task.cancel()
    await asyncio.gather(*(one.task for one in visits), return_exceptions=True)
    assert (ours.free, ours.waiting) == (2, 0)


Steps = list[tuple[str, int]]
STEPS = st.lists(
    st.tuples(st.sampled_from(["come", "go", "vanish", "hurry"]), st.integers(0, 5)), max_size=40
)


@given(STEPS, st.integers(1, 4))
def test_places_are_never_lost_nor_kept_from_who_may_have_them(steps: Steps, places: int) -> None:
    ours = asyncio.run(_tried(steps, places))
    assert (ours.free, ours.waiting) == (places, 0)


async def _tried(steps: Steps, places: int) -> Gate:
    ours, order = Gate(NO_ENGINE, places), []  # type: ignore[arg-type, var-annotated]
    visits: list[Visit] = []
    for step, n in steps:
        if step == "come":
            visits.append(Visit(ours, "abcdef"[n], order))
        elif visits and step == "go":
            visits[n % len(visits)]._go.set()
        elif visits:
            visits[n % len(visits)].task.cancel()
        if step != "hurry":
            await _settled()
            held = Counter(v.label for v in visits if v.label in order and not v.task.done())
            assert ours.free == places - sum(ours._held.values()) >= 0
            assert all(n <= max(1, places - 1) for n in ours._held.values())
            assert held.keys() >= ours._held.keys()
            eligible = [c for c in ours._waiting if ours._held[c] < max(1, places - 1)]
            assert not (ours.free and eligible)
    for one in visits:
        one.task.cancel()
    await asyncio.gather(*(one.task for one in visits), return_exceptions=True)
    return ours


class Blocked(NamedTuple):
    """An archive whose alerts nobody can read, and the app before it."""

    client: httpx.AsyncClient
    running: Callable[[], Awaitable[int]]
    """How many statements wait for alerts."""
    unblock: Callable[[], Awaitable[None]]

    async def costly(self) -> dict[str, int]:
        """What the metrics say of the gate."""
        text = (await self.client.get("/metrics")).text
        return {n: int(float(v)) for n, v in re.findall(r"^mars_costly_(\w+) (\S+)$", text, re.M)}

    async def until(self, free: int, waiting: int) -> None:
        """Wait for the gate to have come to this."""
        async with asyncio.timeout(20):
            while True:
                told = await self.costly()
                if (told["free"], told["waiting"]) == (free, waiting):
                    return
                await asyncio.sleep(0.01)

    async def until_running(self, count: int) -> None:
        """Wait until so many statements wait for alerts."""
        async with asyncio.timeout(20):
            while await self.running() != count:  # noqa: ASYNC110 - PostgreSQL has no event
                await asyncio.sleep(0.01)


@asynccontextmanager
async def _blocked(served: Served, **changes: object) -> AsyncIterator[Blocked]:
    changed = {"database_pool_size": 2, "trusted_proxies": ["127.0.0.1"], **changes}
    settings = served.settings.model_copy(update=changed)
    database = database_of(settings)
    owner = await asyncpg.connect(url_of("owner", database).replace("+asyncpg", ""))
    admin = await asyncpg.connect(url_of("admin", database).replace("+asyncpg", ""))

    async def running() -> int:
        return int(
            await admin.fetchval(
                "SELECT count(*) FROM pg_stat_activity "
                "WHERE datname = $1 AND wait_event_type = 'Lock'",
                database,
            )
        )

    async with serving(settings) as client:
        await client.get("/readyz")
        lock = owner.transaction()
        await lock.start()
        await owner.execute("LOCK TABLE alert IN ACCESS EXCLUSIVE MODE")
        try:
            yield Blocked(client, running, lock.rollback)
        finally:
            await owner.close()
            await admin.close()


def _from(address: str) -> dict[str, str]:
    return {"X-Forwarded-For": address}


async def test_costly_questions_keep_no_other_waiting(served: Served) -> None:
    async with _blocked(served, statement_timeout_s=60, database_timeout_s=61) as blocked:
        many = [asyncio.create_task(blocked.client.get(WIDE)) for _ in range(20)]
        await blocked.until(free=1, waiting=19)
        # What needs none of the locked table has its answer while all of them are still waiting.
        assert (await blocked.client.get("/api/v1/nights")).status_code == 200
        assert not any(task.done() for task in many)
        other = asyncio.create_task(blocked.client.get(WIDE, headers=_from("192.0.2.7")))
        await blocked.until(free=0, waiting=19)
        await blocked.until_running(2)
        await blocked.unblock()
        answers = await asyncio.gather(other, *many)
        assert {answer.status_code for answer in answers} == {200}
        await blocked.until(free=2, waiting=0)


async def test_who_goes_away_leaves_the_place_to_others(served: Served) -> None:
    async with _blocked(served, statement_timeout_s=60, database_timeout_s=61) as blocked:
        many = [asyncio.create_task(blocked.client.get(WIDE)) for _ in range(3)]
        await blocked.until(free=1, waiting=2)
        for task in many:
            task.cancel()
        await asyncio.gather(*many, return_exceptions=True)
        await blocked.until(free=2, waiting=0)
        await blocked.until_running(0)
        await blocked.unblock()
        assert (await blocked.client.get(WIDE)).status_code == 200


async def test_who_has_no_turn_in_time_is_told_what_would_help(served: Served) -> None:
    # It waits for a second less than the whole.
    async with _blocked(served, statement_timeout_s=60, database_timeout_s=1.5) as blocked:
        first, second = (asyncio.create_task(blocked.client.get(WIDE)) for _ in range(2))
        answers = await asyncio.gather(first, second)
        assert [answer.status_code for answer in answers] == [503, 503]
        assert all(answer.headers["retry-after"] for answer in answers)
        details = [answer.json()["detail"] for answer in answers]
        assert sum("busy" in detail and "cone" in detail for detail in details) == 1
        assert (await blocked.costly())["refused"] == 1
        assert str(sky.FIRST) not in "".join(details)


async def test_a_main_page_does_not_wait_to_count(served: Served) -> None:
    async with _blocked(served, statement_timeout_s=60, database_timeout_s=61) as blocked:
        waiting = asyncio.create_task(blocked.client.get(WIDE))
        await blocked.until(free=1, waiting=0)
        page = asyncio.create_task(blocked.client.get("/?format=json&rb__gte=0.1"))
        await blocked.unblock()
        assert (await page).status_code == (await waiting).status_code == 200
