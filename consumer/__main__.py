"""The command line: `python -m consumer stream | backfill PATH… | replay | release | verify`."""

import argparse
import asyncio
import logging
import signal
import sys

import uvloop
from tqdm import tqdm

from archive.database import is_foreseen
from consumer.batches.breaker import release
from consumer.batches.ingest import Archive
from consumer.checks.verify import verify
from consumer.feed.stream import stream
from consumer.files.backfill import backfill, said, summary
from consumer.health import serve
from consumer.process import open_archive, prepare
from consumer.replay import replay
from consumer.settings import Settings

log = logging.getLogger("consumer")

LONG = ("stream", "backfill")
MOST_WORKERS = 32
BACKFILL = """\
Take in folders, .avro files and nightly tarballs (.tar, .tar.gz, .tar.bz2, .tar.xz), also from
http(s) addresses. What cannot be read is told on standard error, and the others are read.
With --workers one process reads, and N others take in what it read, batch by batch, of one large
tarball as of many. If one of them dies, another takes what it had.

exit status:
  0  all paths were read whole; a night without alerts is no fault
  1  some path was not, or it was stopped: run it again, what is there already is not stored twice
"""
VERIFY = """\
Read every bundle back and hold all rows against it and against each other. Each fault is a line;
so is what could not be looked at, since database or store did not answer.

exit status:
  0  all was looked at, and there is no fault
  1  there are faults
  3  none was found, but not all could be looked at: run it again
"""


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m consumer", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("stream", help="follow the nightly topics of Kafka until SIGTERM")
    files = commands.add_parser(
        "backfill",
        help="take in folders, .avro files and nightly tarballs",
        description=BACKFILL,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    files.add_argument("paths", nargs="+", metavar="PATH|URL")
    files.add_argument(
        "--workers",
        type=_workers,
        default=1,
        metavar="N",
        help=f"processes that take in what this one reads, 1 to {MOST_WORKERS} (1: itself)",
    )
    commands.add_parser("replay", help="try the rejects again")
    commands.add_parser(
        "release", help="let partitions go on that wait because their messages are refused"
    )
    commands.add_parser(
        "verify",
        help="read every bundle back and check every row against it",
        description=VERIFY,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    return parser.parse_args()


def _workers(text: str) -> int:
    if not (text.isdecimal() and 1 <= int(text) <= MOST_WORKERS):
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1 to {MOST_WORKERS}")
    return int(text)


async def _run(arguments: argparse.Namespace, settings: Settings) -> int:
    stop = asyncio.Event()
    # The others have nothing to finish, and end at once.
    for signum in (signal.SIGTERM, signal.SIGINT) if arguments.command in LONG else ():
        asyncio.get_running_loop().add_signal_handler(signum, stop.set)
    async with open_archive(settings, arguments.command) as archive:
        return await _command(arguments, settings, archive, stop)


async def _command(
    arguments: argparse.Namespace, settings: Settings, archive: Archive, stop: asyncio.Event
) -> int:
    if arguments.command == "stream":
        await stream(archive, settings, stop)
    elif arguments.command == "backfill":
        accounts = await backfill(archive, settings, arguments.paths, stop, arguments.workers)
        print(summary(accounts))
        return 0 if all(account.whole for account in accounts) else 1
    elif arguments.command == "replay":
        totals = await replay(archive, settings)
        print(f"{totals['tried']} rejects tried again: {said(totals)}")
    elif arguments.command == "release":
        for topic, partition, reason in (released := await release(archive.engine)):
            print(f"{topic}/{partition} goes on; what is refused there is rejected: {reason}")
        print(f"{len(released)} partitions released")
    else:
        verdict = await verify(archive, _say)
        print(verdict)
        return verdict.status
    return 0


def _say(line: str) -> None:
    tqdm.write(line)
    sys.stdout.flush()


def main() -> int:
    """Run a command; the exit status is 0, or 1 with the reason on standard error."""
    arguments = _arguments()
    settings = Settings()
    prepare(settings)
    if arguments.command in LONG and settings.metrics_port:
        try:
            serve(settings.metrics_port, settings.metrics_host)
        except OSError as error:
            # A backfill beside a stream: one of them has the port, and that is enough.
            log.warning("no metrics", extra={"port": settings.metrics_port, "reason": str(error)})
    try:
        return uvloop.run(_run(arguments, settings))
    except Exception as error:
        if not is_foreseen(error):
            raise
        print(f"consumer: {type(error).__name__}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
