"""Programs whose outputs a test reads."""

import asyncio
import os
from collections.abc import Mapping, Sequence

from dev.forking import Forked


class Piped(Forked):
    """A program, and what it writes."""

    stdout: asyncio.StreamReader
    stderr: asyncio.StreamReader

    @classmethod
    async def start(
        cls, module: str, arguments: Sequence[str], environment: Mapping[str, str]
    ) -> "Piped":
        pipes = [os.pipe() for _ in range(2)]
        program = cls(module, arguments, environment, (pipes[0][1], pipes[1][1]))
        for _, theirs in pipes:
            os.close(theirs)
        program.stdout, program.stderr = [await _reader(ours) for ours, _ in pipes]
        return program

    async def communicate(self) -> tuple[bytes, bytes]:
        """All that it writes, until it has ended."""
        out, err = await asyncio.gather(self.stdout.read(), self.stderr.read())
        await self.wait()
        return out, err


async def _reader(file: int) -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(file, "rb", 0)
    )
    return reader
