"""The command line: `python -m catalog update | compact | check`."""

import argparse
import asyncio
import signal
import sys
from collections.abc import Callable
from datetime import time
from functools import partial
from typing import Any, Final

import uvloop
from tqdm import tqdm

from archive import logs
from archive.database import is_foreseen
from archive.objects import ObjectStore, open_store
from archive.survey import Survey
from archive.surveys import SURVEYS
from catalog import source
from catalog.check import Checker
from catalog.compact import compact
from catalog.form import Form
from catalog.layout import Place
from catalog.nightly import every_night
from catalog.published import Shelf
from catalog.settings import Settings
from catalog.update import update
from catalog.writer import Writer

LOCKED: Final = 4
UPDATE = """\
Add what came since the last update. It can be stopped at any time and run again.

exit status:
  0  the catalog holds what PostgreSQL held when it began
  1  it does not: database or store failed
  4  another process writes the catalog now
"""
CHECK = """\
Read the catalog back and hold it against PostgreSQL. Each fault is a line; so is what could not be
looked at, since the store did not answer.

exit status:
  0  all was looked at, and there is no fault
  1  there are faults
  3  none was found, but not all could be looked at: run it again
"""


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m catalog", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    how = argparse.RawDescriptionHelpFormatter
    told = commands.add_parser(
        "update", help="add what came since", description=UPDATE, formatter_class=how
    )
    told.add_argument(
        "--every-night",
        metavar="HH:MM",
        type=time.fromisoformat,
        help="now, and then every day at this time, UTC, until SIGTERM",
    )
    commands.add_parser("compact", help="update, then write it anew with one file a leaf")
    told = commands.add_parser(
        "check", help="hold it against PostgreSQL", description=CHECK, formatter_class=how
    )
    told.add_argument("--quick", action="store_true", help="count rows, and read no file")
    return parser.parse_args()


async def _write(
    work: Callable[[Writer], Any], settings: Settings, surveys: tuple[Survey, ...]
) -> None:
    """Update or compact the catalogs of all surveys."""
    async with (
        source.open_archive(settings) as engine,
        source.alone(engine) as lock,
        open_store(settings) as store,
    ):
        for survey in surveys:
            shelf = _shelf(store, settings, survey)
            held = await work(Writer(engine, shelf, settings, lock))
            print(f"{survey.name}: {held.rows:,} alerts as of batch {held.as_of}", flush=True)


def _shelf(store: ObjectStore, settings: Settings, survey: Survey) -> Shelf:
    return Shelf(store, Place(settings.catalog_prefix, survey.name), Form(survey))


async def _check(settings: Settings, surveys: tuple[Survey, ...], quick: bool) -> int:
    statuses = []
    async with source.open_archive(settings) as engine, open_store(settings) as store:
        for survey in surveys:
            checker = Checker(engine, _shelf(store, settings, survey), _say)
            verdict = await checker.check(quick)
            print(f"{survey.name}: {verdict}")
            statuses.append(verdict.status)
    # Faults are worse than what could not be looked at.
    return 1 if 1 in statuses else max(statuses)


def _say(line: str) -> None:
    tqdm.write(line)
    sys.stdout.flush()


async def _run(arguments: argparse.Namespace, settings: Settings) -> int:
    ours = asyncio.current_task()
    assert ours is not None
    # So that what lies on the local disk goes too.
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ours.cancel)
    if arguments.command == "check":
        return await _check(settings, SURVEYS, arguments.quick)
    once = partial(_write, compact if arguments.command == "compact" else update)
    if arguments.command == "update" and arguments.every_night:
        await every_night(arguments.every_night, partial(once, settings, SURVEYS))
    await once(settings, SURVEYS)
    return 0


def main() -> int:
    """Run a command; the exit status is 0, or another with the reason on standard error."""
    arguments = _arguments()
    settings = Settings()
    logs.configure(settings.log_level)
    try:
        return uvloop.run(_run(arguments, settings))
    except Exception as error:
        if not is_foreseen(error):
            raise
        print(f"catalog: {type(error).__name__}: {error}", file=sys.stderr)
        return LOCKED if isinstance(error, source.Locked) else 1
    except asyncio.CancelledError:
        # The only way to end a nightly one.
        return 0 if getattr(arguments, "every_night", None) else 143
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
