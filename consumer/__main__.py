"""The command line: `python -m consumer stream | backfill PATH… | replay | release | verify`."""

import argparse
import asyncio
import gc
import logging
import signal
import sys
from collections import Counter

import uvloop
from prometheus_client import start_http_server

from archive import logs
from archive.database import check_schema, is_passing, make_engine
from archive.errors import MarsError
from archive.objects import open_store
from consumer.backfill import backfill
from consumer.breaker import release
from consumer.ingest import Archive
from consumer.replay import replay
from consumer.settings import Settings
from consumer.stream import stream
from consumer.verify import verify

log = logging.getLogger("consumer")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m consumer", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("stream", help="follow the nightly topics of Kafka until SIGTERM")
    files = commands.add_parser(
        "backfill", help="take in folders, .avro files and nightly tarballs"
    )
    files.add_argument("paths", nargs="+", metavar="PATH|URL")
    commands.add_parser("replay", help="try the rejects again")
    commands.add_parser(
        "release", help="let partitions go on that wait because their messages are refused"
    )
    commands.add_parser("verify", help="read every bundle back and check every row against it")
    return parser.parse_args()


async def _run(arguments: argparse.Namespace, settings: Settings) -> int:
    stop = asyncio.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signum, stop.set)
    engine = make_engine(settings, f"consumer-{arguments.command}")
    try:
        async with engine.connect() as connection:
            await check_schema(connection)
        async with open_store(settings) as store:
            return await _command(arguments, settings, Archive(engine, store), stop)
    finally:
        await engine.dispose()


async def _command(
    arguments: argparse.Namespace, settings: Settings, archive: Archive, stop: asyncio.Event
) -> int:
    if arguments.command == "stream":
        await stream(archive, settings, stop)
    elif arguments.command == "backfill":
        totals = await backfill(archive, settings, arguments.paths, stop)
        print(_said(totals) + ("; stopped, run it again for the rest" if stop.is_set() else ""))
    elif arguments.command == "replay":
        totals = await replay(archive, settings)
        print(f"{totals['tried']} rejects tried again: {_said(totals)}")
    elif arguments.command == "release":
        for topic, partition, reason in (released := await release(archive.engine)):
            print(f"{topic}/{partition} goes on; what is refused there is rejected: {reason}")
        print(f"{len(released)} partitions released")
    else:
        checked, faults = await verify(archive)
        print(f"checked {checked['bundles']} bundles, {checked['alerts']} alerts")
        print("\n".join(faults) or "no fault")
        return 1 if faults else 0
    return 0


def _said(totals: Counter[str]) -> str:
    outcomes = ("received", "stored", "duplicate", "private", "rejected")
    return ", ".join(f"{totals[outcome]} {outcome}" for outcome in outcomes)


def main() -> int:
    """Run a command; the exit status is 0, or 1 with the reason on standard error."""
    arguments = _arguments()
    settings = Settings()
    # A batch makes 100,000 tuples and no cycle: the usual threshold would look for one 140 times,
    # through all of astropy and SQLAlchemy, at a seventh of the processor's time.
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)
    logs.configure(settings.log_level)
    if arguments.command in ("stream", "backfill") and settings.metrics_port:
        try:
            start_http_server(settings.metrics_port, settings.metrics_host)
        except OSError as error:
            # A backfill beside a stream: one of them has the port, and that is enough.
            log.warning("no metrics", extra={"port": settings.metrics_port, "reason": str(error)})
    try:
        return uvloop.run(_run(arguments, settings))
    except Exception as error:
        if not isinstance(error, MarsError) and not is_passing(error):
            raise
        print(f"consumer: {type(error).__name__}: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
