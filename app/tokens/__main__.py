"""`python -m app.tokens make NAME | list | revoke NAME`: tokens for those who may have more."""

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine

from app.errors import DATABASE_ERRORS
from app.settings import Settings
from app.tokens.kept import list_tokens, make_token, revoke_token
from archive.database import make_engine


async def _make(engine: AsyncEngine, name: str) -> None:
    token = await make_token(engine, name)
    print(token)
    print("This is the only time that it is shown.", file=sys.stderr)


async def _list(engine: AsyncEngine, _: str) -> None:
    for row in await list_tokens(engine):
        revoked = f"revoked {row.revoked:%Y-%m-%d %H:%M}" if row.revoked else "good"
        print(f"{row.name}\tmade {row.made:%Y-%m-%d %H:%M}\t{revoked}")


async def _revoke(engine: AsyncEngine, name: str) -> None:
    await revoke_token(engine, name)
    print(f"{name} is revoked")


Command = Callable[[AsyncEngine, str], Awaitable[None]]
COMMANDS: Final[dict[str, tuple[Command, str]]] = {
    "make": (_make, "print a new token, this once"),
    "list": (_list, "names of all tokens, and since when they are revoked"),
    "revoke": (_revoke, "let a token be worth nothing"),
}


async def run(command: str, name: str, settings: Settings) -> int:
    """Run a command; 1 where it failed, which has been told."""
    if not settings.app_database_url.get_secret_value():
        print("tokens: MARS_APP_DATABASE_URL is not set", file=sys.stderr)
        return 1
    own = settings.model_copy(update={"database_url": settings.app_database_url})
    engine = make_engine(own, "app-tokens", pool_size=1)
    try:
        await COMMANDS[command][0](engine, name)
    except (ValueError, *DATABASE_ERRORS) as error:
        print(f"tokens: {error}", file=sys.stderr)
        return 1
    finally:
        await engine.dispose()
    return 0


def main() -> int:
    """Read the command line, and run its command."""
    parser = argparse.ArgumentParser(prog="python -m app.tokens", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, (_, words) in COMMANDS.items():
        own = commands.add_parser(name, help=words)
        if name != "list":
            own.add_argument("name", help="who has it: letters, digits, dots, hyphens, underscores")
    options = parser.parse_args()
    return asyncio.run(run(options.command, getattr(options, "name", ""), Settings()))


if __name__ == "__main__":
    sys.exit(main())
