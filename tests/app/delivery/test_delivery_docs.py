"""The receivers of docs/delivery.md take what is sent, and each alert once."""

import asyncio
import os
import re
import sys
from pathlib import Path

from app.settings import Settings
from tests.app.conftest import fresh_archive, serving
from tests.app.delivery.killing import sending_apart
from tests.app.delivery.test_webhooks import OBJECT, SENDING, hook_of, hooked, state
from tests.app.jobs.running import free_port
from tests.app.live.streams import HANGS_S, grow
from tests.app.watches.test_watches import Watching

PAGE = Path("docs/delivery.md").read_text()


def program(language: str) -> str:
    (found,) = re.findall(rf"```{language}\n(.*?)```", PAGE, re.S)
    return str(found)


async def lines_of(settings: Settings, command: list[str], most: int) -> list[str]:
    """What a receiver prints of so many alerts."""
    quiet = settings.model_copy(update=SENDING | {"jobs_run": False})
    async with serving(quiet) as client:
        watch, port = await Watching(client, quiet).made({"object_id": OBJECT}), free_port()
        made = await hooked(client, watch, url=f"http://127.0.0.1:{port}/")
        told = {**os.environ, "PORT": str(port), "MARS_SECRET": made["secret"]}
        receiver = await asyncio.create_subprocess_exec(
            *command, env=told, stdout=asyncio.subprocess.PIPE
        )
        try:
            assert receiver.stdout is not None
            async with asyncio.timeout(HANGS_S):
                await until_listening(port)
                with sending_apart(settings.model_copy(update=SENDING)):
                    await grow(settings, 0, most, object_id=OBJECT)
                    lines = [(await receiver.stdout.readline()).decode() for _ in range(most)]
                    await state(client, watch, cursor=most)
        finally:
            receiver.kill()
            await receiver.wait()
    assert hook_of(watch).removeprefix("/api/v1") in PAGE.replace("$WATCH", watch["id"])
    return lines


async def until_listening(port: int) -> None:
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.05)
        else:
            writer.close()
            return


async def test_the_receiver_prints_each_alert(tmp_path: Path) -> None:
    receiver = tmp_path / "receiver.py"
    receiver.write_text(program("python"))
    async with fresh_archive() as settings:
        lines = await lines_of(settings, [sys.executable, str(receiver)], 3)
    assert [line.split()[0] for line in lines] == [OBJECT] * 3
    assert len(set(lines)) == 3
