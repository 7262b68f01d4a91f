"""One of a backfill's processes: `python -m consumer.files.worker FD`; only `workers` starts it.

It takes in what comes through a socket until that is closed, be it since the process at the other
end died: what it has by then it finishes.
"""

import asyncio
import logging
import os
import socket
import sys
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing.connection import Connection

import uvloop

from consumer.batches.ingest import Batch, ingest
from consumer.batches.sorting import Raw
from consumer.process import open_archive, prepare
from consumer.settings import Settings

log = logging.getLogger(__name__)


async def work(ours: socket.socket, settings: Settings) -> None:
    """Answer each numbered list of messages with its number and its Outcome, whichever is first.

    All are taken in at the same time: whoever sends them knows how many to have under way.
    """
    connection = Connection(os.dup(ours.fileno()))

    async def answer(number: int, messages: Sequence[Raw]) -> None:
        outcome = await ingest(archive, "backfill", Batch(messages))
        connection.send((number, outcome))

    try:
        async with open_archive(settings, "backfill") as archive, asyncio.TaskGroup() as group:
            while True:
                try:
                    number, messages = await asyncio.to_thread(connection.recv)
                except (EOFError, ConnectionResetError):
                    return
                group.create_task(answer(number, messages))
    finally:
        # Ends the thread that receives, which nothing else would.
        with suppress(OSError):
            ours.shutdown(socket.SHUT_RDWR)


def main() -> int:
    """Work until there is no more; what ends it before is an error, printed as Python does."""
    settings = Settings()
    prepare(settings)
    try:
        with socket.socket(fileno=int(sys.argv[1])) as ours:
            uvloop.run(work(ours, settings))
    except* BrokenPipeError:
        log.warning("nobody is left to be answered")
    return 0


if __name__ == "__main__":
    sys.exit(main())
