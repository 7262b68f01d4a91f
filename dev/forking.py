"""Programs forked off a process that has imported them: to start one takes no 3 s of imports.

Each is a process of its own all the same, with its arguments, environment and outputs, and is
killed as any other.
"""

import asyncio
import ctypes
import multiprocessing
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from multiprocessing.connection import Connection
from typing import Final

FORKING: Final = multiprocessing.get_context("forkserver")
FORKING.set_forkserver_preload(["app.main", "catalog.__main__", "consumer.__main__"])
_DEATHSIG: Final = 1
"""PR_SET_PDEATHSIG of linux/prctl.h."""


class Forked:
    """A program that was started, as asyncio's Process shows one."""

    def __init__(
        self,
        module: str,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        outputs: tuple[int, int],
    ) -> None:
        """Start the main() of a module; standard output and error go to the two files."""
        # As these a file is handed to another process.
        lent = [Connection(os.dup(file)) for file in outputs]
        run = (module, list(arguments), dict(environment), *lent)
        self._process = FORKING.Process(target=_run, args=run, daemon=True)
        self._process.start()
        for file in lent:
            file.close()
        self._ended = asyncio.Event()
        asyncio.get_running_loop().add_reader(self._process.sentinel, self._end)

    def _end(self) -> None:
        asyncio.get_running_loop().remove_reader(self._process.sentinel)
        self._ended.set()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """The exit status; that of one which a signal ended is the negative number of that."""
        return self._process.exitcode

    def send_signal(self, which: signal.Signals) -> None:
        # It may have ended just now.
        with suppress(ProcessLookupError):
            if self.returncode is None:
                os.kill(self.pid, which)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    async def wait(self) -> int:
        await self._ended.wait()
        assert self.returncode is not None
        return self.returncode


def _run(
    module: str,
    arguments: list[str],
    environment: dict[str, str],
    out: Connection,
    err: Connection,
) -> None:
    """Be the program."""
    # If who started it is killed, what it was forked off ends, and it with that.
    ctypes.CDLL(None).prctl(_DEATHSIG, signal.SIGKILL)
    with out, err:
        os.dup2(out.fileno(), sys.stdout.fileno())
        os.dup2(err.fileno(), sys.stderr.fileno())
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = [module, *arguments]
    sys.exit(import_module(module).main())
