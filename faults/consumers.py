"""Consumers as processes: started, killed, stopped, and what they logged."""

import asyncio
import json
import signal
import sys
import time
from asyncio.subprocess import Process
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from dev.forking import Forked
from dev.processes import tail
from dev.state import CHECKOUT
from faults.consumer_dying_at import MARK

EXIT_S: Final = 60.0
"""The longest that a consumer may take to end after SIGTERM."""
LEASH: Final = ("setpriv", "--pdeathsig", "KILL")
"""Should this suite be killed, its programs go with it."""


class Fault(Exception):
    """What must not happen did, or a fault that was to be injected did not take place."""


class Consumer:
    """One process, its standard error in a log of its own."""

    def __init__(self, process: Process | Forked, log: Path) -> None:
        self._process = process
        self.log = log

    @classmethod
    async def start(
        cls, program: Sequence[str], environment: Mapping[str, str], log: Path, forked: bool
    ) -> "Consumer":
        """`python -m consumer.__main__ stream`, or a program that is more than that.

        One that is forked begins without imports, which are a part of how long recovery takes.
        """
        with log.open("wb") as output:
            if forked:
                module, *arguments = program
                files = (output.fileno(), output.fileno())
                return cls(Forked(module, [*arguments, "stream"], environment, files), log)
            process = await asyncio.create_subprocess_exec(
                *(*LEASH, sys.executable, "-m", *program, "stream"),
                env=environment,
                cwd=CHECKOUT,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        return cls(process, log)

    @property
    def runs(self) -> bool:
        return self._process.returncode is None

    def check(self) -> None:
        """Raise where it ended of itself."""
        if not self.runs:
            raise Fault(f"a consumer ended with {self._process.returncode}; {tail(self.log)}")

    async def kill(self) -> None:
        """SIGKILL; it must have been running."""
        self.check()
        self._process.kill()
        if await self._process.wait() != -signal.SIGKILL:
            raise Fault(f"not killed, but ended with {self._process.returncode}; {tail(self.log)}")

    async def dies(self, point: str, seconds: float) -> None:
        """Wait until it reaches the point and kills itself there."""
        async with asyncio.timeout(seconds):
            code = await self._process.wait()
        if code != -signal.SIGKILL or MARK + point not in self.log.read_text():
            raise Fault(f"did not die at its point, but ended with {code}; {tail(self.log)}")

    async def terminate(self) -> float:
        """SIGTERM; returns after how many seconds it ended, which must be with 0 and in time."""
        await self._follows()
        began = time.monotonic()
        self._process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(EXIT_S):
                code = await self._process.wait()
        except TimeoutError:
            raise Fault(f"SIGTERM did not end it in {EXIT_S:.0f} s; {tail(self.log)}") from None
        if code != 0:
            raise Fault(f"SIGTERM ended it with {code}; {tail(self.log)}")
        return time.monotonic() - began

    async def _follows(self) -> None:
        """Wait until it is past its imports, during which SIGTERM simply kills it."""
        async with asyncio.timeout(EXIT_S):
            while not self.events()["following"]:
                self.check()
                await asyncio.sleep(0.02)
        self.check()

    def freeze(self) -> None:
        self.check()
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    async def end(self) -> None:
        """Whatever state it is in."""
        if self.runs:
            self._process.kill()
        await self._process.wait()

    def events(self) -> Counter[str]:
        """How often it logged each message; what aiokafka says counts as `aiokafka`."""
        return Counter(map(_named, filter(None, map(_event, self.log.read_text().splitlines()))))


def _event(line: str) -> dict[str, Any] | None:
    try:
        event = json.loads(line)
    except ValueError:
        return None  # what is no line of ours, or cut off by a kill
    return event if isinstance(event, dict) else None


def _named(event: dict[str, Any]) -> str:
    if str(event.get("logger", "")).startswith("aiokafka"):
        return "aiokafka"
    return str(event.get("message"))
