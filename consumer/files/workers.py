"""Batches taken in by several processes, so that a backfill uses more than one core.

This process reads and unpacks, in one order, whatever the paths are: of one huge tarball all
workers have as much as of a thousand. A batch is kept until its outcome is told; what a worker had
when it died is given to another. If it had been written by then it is counted as duplicates, as
when any backfill is run again.
"""

import asyncio
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, suppress
from itertools import count
from multiprocessing.connection import Connection
from typing import Final

from consumer import metrics
from consumer.batches.ingest import Batch, Outcome

log = logging.getLogger(__name__)

AHEAD: Final = 2
"""Batches that a worker has at once: while one waits for database and store one is decoded."""
TRIES: Final = 2
"""Workers that may die of one batch, before it is given to no other."""

Tell = Callable[[Batch, Outcome | None], None]
"""Takes what came of a batch; None: no worker lived to take it in."""


class WorkerDied(Exception):
    """It will not answer any more."""


async def ingest_by(workers: int, batches: AsyncIterator[Batch], tell: Tell) -> None:
    """Take in batches by so many processes, in no order; returns when none is under way.

    A worker that dies is logged and not replaced. If none is left the rest is not read.
    """
    share = _Share(batches, tell)
    async with AsyncExitStack() as stack:
        threads = stack.enter_context(ThreadPoolExecutor(2 * workers))
        crew = [Worker.start(threads) for _ in range(workers)]
        for worker in crew:
            stack.push_async_callback(worker.end)
        async with asyncio.TaskGroup() as group:
            for worker in crew * AHEAD:
                group.create_task(_lane(worker, share))
    share.give_up()


async def _lane(worker: "Worker", share: "_Share") -> None:
    """Give a worker one batch after the other, while there are any and it lives."""
    while (batch := await share.take()) is not None:
        began = time.monotonic()
        try:
            outcome = await worker.ask(batch)
        except WorkerDied:
            await share.put_back(batch)
            return
        # Its own metrics nobody asks for.
        metrics.count_packets("backfill", outcome.counts)
        metrics.count_batch("backfill", time.monotonic() - began)
        await share.settle(batch, outcome)


class _Share:
    """The batches, of which each worker takes the next."""

    def __init__(self, batches: AsyncIterator[Batch], tell: Tell) -> None:
        self._batches = batches
        self._tell = tell
        self._again: deque[Batch] = deque()
        self._deaths: Counter[int] = Counter()
        """By id of a batch that is kept here."""
        self._given = 0
        self._read = False
        self._changed = asyncio.Condition()

    async def take(self) -> Batch | None:
        """The next batch; None when all are settled. Waits while one may still come back."""
        async with self._changed:
            while not self._again:
                batch = None if self._read else await anext(self._batches, None)
                self._read = batch is None
                if batch is not None:
                    self._given += 1
                    return batch
                if not self._given:
                    return None
                await self._changed.wait()
            self._given += 1
            return self._again.popleft()

    async def settle(self, batch: Batch, outcome: Outcome | None) -> None:
        async with self._changed:
            self._given -= 1
            self._deaths.pop(id(batch), None)
            self._tell(batch, outcome)
            self._changed.notify_all()

    async def put_back(self, batch: Batch) -> None:
        """Its worker died, be it of this batch or not."""
        self._deaths[id(batch)] += 1
        if self._deaths[id(batch)] == TRIES:
            await self.settle(batch, None)
            return
        async with self._changed:
            self._given -= 1
            self._again.append(batch)
            self._changed.notify_all()

    def give_up(self) -> None:
        """Tell of what came back and was taken by nobody."""
        while self._again:
            self._tell(self._again.popleft(), None)


class Worker:
    """A process that takes batches in, and the socket between."""

    def __init__(
        self, process: subprocess.Popen[bytes], ours: socket.socket, threads: ThreadPoolExecutor
    ) -> None:
        self._process = process
        self._socket = ours
        self._connection = Connection(os.dup(ours.fileno()))
        self._threads = threads
        self._turn = asyncio.Lock()
        self._numbers = count()
        self._asked: dict[int, asyncio.Future[Outcome]] = {}
        self._dead = False
        self._hearing = asyncio.create_task(self._hear())

    @classmethod
    def start(cls, threads: ThreadPoolExecutor) -> "Worker":
        """Start one, which needs two threads: megabytes are sent, and answers received, by calls
        that block.
        """
        ours, theirs = socket.socketpair()
        # A supervisor sends SIGTERM to all processes at once, a terminal SIGINT; it is for this one
        # to say when there is no more. What is blocked here stays so in the child, from the start.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        try:
            process = subprocess.Popen(  # noqa: S603 - this program
                [sys.executable, "-m", "consumer.files.worker", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
            theirs.close()
        return cls(process, ours, threads)

    async def ask(self, batch: Batch) -> Outcome:
        """What came of a batch. Raises WorkerDied."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Outcome] = loop.create_future()
        async with self._turn:
            if self._dead:
                raise WorkerDied
            number = next(self._numbers)
            self._asked[number] = answer
            question = (number, batch.messages)
            # Of a worker that is dead, which _hear learns as well.
            with suppress(OSError):
                await loop.run_in_executor(self._threads, self._connection.send, question)
        return await answer

    async def _hear(self) -> None:
        """Receive answers until the worker ends."""
        loop = asyncio.get_running_loop()
        with suppress(EOFError, OSError):
            while True:
                number, outcome = await loop.run_in_executor(self._threads, self._connection.recv)
                answer = self._asked.pop(number)
                if not answer.done():  # else whoever asked was cancelled
                    answer.set_result(outcome)
        self._dead = True
        code = await loop.run_in_executor(self._threads, self._process.wait)
        if self._asked:
            log.error("a worker died", extra={"status": code, "batches": len(self._asked)})
        for answer in self._asked.values():
            answer.set_exception(WorkerDied())
        self._asked.clear()

    async def end(self) -> None:
        """Let it end, and wait for it."""
        # It may be dead already.
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)
        await self._hearing
        self._socket.close()
        self._connection.close()
