"""A proxy before several apps that cuts connections when it is told to."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Final

_PIECE: Final = 65_536


class Relay:
    """Passes each connection on to one of some ports of this machine, in turn."""

    def __init__(self, ports: Sequence[int], rng: random.Random) -> None:
        self._ports, self._rng = list(ports), rng
        self._open: set[asyncio.StreamWriter] = set()
        self._doomed: set[asyncio.StreamWriter] = set()
        self.taken = 0
        """Connections so far."""
        self.refused: Counter[str] = Counter()
        """Those whose first answer had another status than 200."""

    def cut(self, share: float) -> int:
        """End a share of the connections in the midst of what comes next; how many those are."""
        held = self._open - self._doomed
        chosen = self._rng.sample(sorted(held, key=id), round(share * len(held)))
        self._doomed.update(chosen)
        return len(chosen)

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection of a client until either side ends it."""
        self.taken += 1
        self._open.add(writer)
        try:
            with suppress(OSError):
                answers, questions = await self._reach_app()
                asking = asyncio.create_task(_pass_on(reader, questions))
                try:
                    await self._answer(answers, writer)
                finally:
                    asking.cancel()
                    questions.close()
        finally:
            self._open.discard(writer)
            self._doomed.discard(writer)
            writer.close()

    async def _reach_app(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """The next app that takes a connection. Raises OSError if none does."""
        for _ in self._ports:
            self._ports.append(port := self._ports.pop(0))
            with suppress(OSError):
                return await asyncio.open_connection("127.0.0.1", port)
        raise OSError("no app takes a connection")

    async def _answer(self, answers: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        begun = False
        while data := await answers.read(_PIECE):
            if not begun and (status := data[9:12].decode(errors="replace")) != "200":
                self.refused[status] += 1
            begun = True
            if writer in self._doomed:
                writer.write(data[: self._rng.randrange(len(data))])
                await writer.drain()
                return
            writer.write(data)
            await writer.drain()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(_PIECE):
            writer.write(data)
            await writer.drain()


@asynccontextmanager
async def relaying(port: int, ports: Sequence[int], rng: random.Random) -> AsyncIterator[Relay]:
    """A relay that listens on a port."""
    relay = Relay(ports, rng)
    async with await asyncio.start_server(relay.take, "127.0.0.1", port):
        yield relay
