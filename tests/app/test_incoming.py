"""The thread in which bodies are read: one at a time, while the loop goes on."""

import asyncio
import threading

import pytest

from app import incoming
from app.errors import BodiesWait
from app.incoming import read_in_turn
from tests.app.conftest import Served


async def test_bodies_are_read_one_at_a_time_and_the_loop_goes_on() -> None:
    reading, most, began, go_on = 0, 0, threading.Event(), threading.Event()

    def read(data: bytes) -> int:
        nonlocal reading, most
        reading += 1
        most = max(most, reading)
        began.set()
        assert go_on.wait(60)
        reading -= 1
        return len(data)

    waiting = [asyncio.create_task(read_in_turn(read, b"x" * n)) for n in range(5)]
    await asyncio.to_thread(began.wait, 60)
    go_on.set()
    assert await asyncio.gather(*waiting) == [0, 1, 2, 3, 4]
    assert most == 1


async def test_what_waits_is_bounded_and_what_failed_waits_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(incoming, "MOST_WAITING", 10)
    for _ in range(3):
        with pytest.raises(ValueError, match="invalid literal"):
            await read_in_turn(int, b"nonsense")
        with pytest.raises(BodiesWait):
            await read_in_turn(int, b"0" * 11)
    assert await read_in_turn(int, b"7") == 7


@pytest.mark.parametrize(
    ("path", "kind", "data"),
    [
        ("/api/v1/regions", "text/plain", b"5/100-102"),
        ("/api/v1/match?radius=1", "text/csv", b"ra,dec\n1,2\n"),
    ],
)
async def test_who_finds_no_room_is_told_to_come_again(
    served: Served, monkeypatch: pytest.MonkeyPatch, path: str, kind: str, data: bytes
) -> None:
    monkeypatch.setattr(incoming, "MOST_WAITING", len(data) - 1)
    answer = await served.client.post(path, content=data, headers={"Content-Type": kind})
    assert answer.status_code == 503
    assert answer.headers["Retry-After"]
    assert "busy with what others send" in answer.json()["detail"]
    monkeypatch.undo()
    answer = await served.client.post(path, content=data, headers={"Content-Type": kind})
    assert answer.is_success
