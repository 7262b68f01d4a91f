"""The command line: `python -m catalog update | compact | check`."""

import argparse
import sys

import uvloop

from archive import logs
from archive.database import is_passing
from archive.errors import MarsError
from archive.objects import open_store
from archive.surveys import SURVEYS
from catalog import source
from catalog.form import Form
from catalog.layout import Place
from catalog.published import Shelf
from catalog.settings import Settings
from catalog.update import update

LOCKED = 4


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m catalog", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("update", help="add what came since the last update")
    return parser.parse_args()


async def _run(arguments: argparse.Namespace, settings: Settings) -> int:
    async with source.open_archive(settings) as engine, open_store(settings) as store:
        async with source.alone(engine) as lock:
            for survey in SURVEYS:
                shelf = Shelf(store, Place(settings.catalog_prefix, survey.name), Form(survey))
                catalog = await update(engine, shelf, settings, lock)
                print(f"{survey.name}: {catalog.rows:,} alerts as of batch {catalog.as_of}")
    return 0


def main() -> int:
    """Run a command; the exit status is 0, or 1 with the reason on standard error."""
    arguments = _arguments()
    settings = Settings()
    logs.configure(settings.log_level)
    try:
        return uvloop.run(_run(arguments, settings))
    except Exception as error:
        if not isinstance(error, MarsError) and not is_passing(error):
            raise
        print(f"catalog: {type(error).__name__}: {error}", file=sys.stderr)
        return LOCKED if isinstance(error, source.Locked) else 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
