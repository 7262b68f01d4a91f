"""Processes that do orders: whatever becomes of one, an answer is that of its order."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import uvloop

from app.columns.hands import Hands
from app.errors import ColumnsUnavailable
from tests.app.columns.hand import Told

PID = Told("tell")


async def until(true: Callable[[], bool]) -> None:
    """Wait for another process, which tells nobody."""
    while not true():  # noqa: ASYNC110
        await asyncio.sleep(0.01)


def is_gone(pid: int) -> bool:
    return not Path(f"/proc/{pid}").exists()


@pytest.fixture
async def hands() -> AsyncIterator[Hands]:
    made = Hands("tests.app.columns.hand", 1)
    yield made
    await made.close()


async def test_one_process_does_order_after_order(hands: Hands) -> None:
    first = await hands.do(PID)
    assert first != os.getpid()
    assert [await hands.do(one) for one in (PID, Told("print"), PID)] == [first] * 3


async def test_several_work_at_once_and_end_with_the_app() -> None:
    two = Hands("tests.app.columns.hand", 2)
    pids = set(await asyncio.gather(*(two.do(PID) for _ in range(8))))
    assert len(pids) == 2
    await two.close()
    assert all(map(is_gone, pids))


async def test_what_is_done_as_the_app_ends_is_not_begun_again(tmp_path: Path) -> None:
    ending, begun = Hands("tests.app.columns.hand", 1), tmp_path / "begun"
    last = asyncio.ensure_future(ending.do(Told("die slowly", begun)))
    await until(begun.exists)
    await ending.close()
    with pytest.raises(ColumnsUnavailable, match="the app ends"):
        await last


async def test_an_order_is_done_again_where_its_process_ended(hands: Hands, tmp_path: Path) -> None:
    before = await hands.do(PID)
    assert await hands.do(Told("die once", tmp_path / "begun")) != before


async def test_an_order_that_ends_each_process_is_refused_and_others_are_done(hands: Hands) -> None:
    with pytest.raises(ColumnsUnavailable, match="has ended"):
        await hands.do(Told("die"))
    assert await hands.do(PID)


async def test_a_failure_is_told_and_harms_no_other(hands: Hands) -> None:
    before = await hands.do(PID)
    with pytest.raises(ColumnsUnavailable, match="ValueError: so it was meant"):
        await hands.do(Told("fail"))
    assert await hands.do(PID) == before


async def test_the_answer_nobody_waits_for_is_given_to_nobody(hands: Hands, tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    leaving = asyncio.ensure_future(hands.do(Told("take long", begun)))
    await until(begun.exists)
    leaving.cancel()
    with pytest.raises(ColumnsUnavailable):
        await hands.do(Told("fail"))
    assert leaving.cancelled()


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_a_process_without_orders_ends_and_another_begins(
    loop: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    """With the loop of the app, too, which has errors of its own for a pipe that has ended."""

    async def begin_again() -> None:
        hands = Hands("tests.app.columns.hand", 1)
        idle = await hands.do(Told("soon be idle"))
        await until(lambda: is_gone(idle))
        await asyncio.sleep(0.1)  # The loop hears of it, as it does within a minute.
        assert await hands.do(PID) != idle
        await hands.close()

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(begin_again())
