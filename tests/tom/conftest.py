"""A TOM of its own, made by the toolkit's template, with clients/tom_mars installed in it."""

import asyncio
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import lines_at_the_end

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".local" / "lib" / "tom3" / "bin" / "python"
PACKAGE = ROOT / "clients" / "tom_mars"
NOWHERE = "http://127.0.0.1:1"
ANSWERS = b"y\n\n1\nn\n"
"""To tom_setup: go on, the usual name for one's own code, sidereal targets, no hints."""
SETTINGS = """
import os

INSTALLED_APPS += ["tom_mars"]
DATA_SERVICES = {"MARS": {"base_url": os.environ["MARS_URL"]}}
"""


@pytest.fixture(scope="session")
def steps() -> list[str]:
    """Lines that are printed when the run ends, passed or not."""
    return lines_at_the_end("MARS in a TOM")


@dataclass
class Tom:
    """A TOM's folder."""

    folder: Path

    async def run(self, *arguments: str | Path, given: bytes = b"", url: str = NOWHERE) -> str:
        """What Python prints in this folder, with a MARS at some address; it must succeed."""
        # A TOM caches results in the folder for temporary files, where others would find them.
        own = {"MARS_URL": url, "TMPDIR": str(self.folder)}
        return await run(PYTHON, *arguments, folder=self.folder, given=given, env=own)


async def run(
    *command: str | Path,
    folder: Path = ROOT,
    given: bytes = b"",
    env: Mapping[str, str] | None = None,
) -> str:
    """What a command prints; it must succeed."""
    process = await asyncio.create_subprocess_exec(
        *map(str, command),
        cwd=folder,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **(env or {})},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate(given)
    assert process.returncode == 0, (out + err).decode()[-3000:]
    return out.decode()


@pytest.fixture(scope="session")
async def tom(tmp_path_factory: pytest.TempPathFactory) -> Tom:
    """A TOM as the toolkit's guide has one made, its database migrated."""
    await run(
        *(ROOT / ".venv/bin/uv", "pip", "install", "--quiet", "--python", PYTHON, "--no-deps"),
        *("--no-build-isolation", "--offline", "--reinstall", PACKAGE),
    )
    parent = tmp_path_factory.mktemp("tom")
    await run(PYTHON.with_name("django-admin"), "startproject", "mytom", folder=parent)
    tom = Tom(parent / "mytom")
    settings = tom.folder / "mytom" / "settings.py"
    settings.write_text(settings.read_text() + 'INSTALLED_APPS += ["tom_setup"]\n')
    await tom.run("manage.py", "tom_setup", given=ANSWERS)
    settings.write_text(settings.read_text() + SETTINGS)
    await tom.run("manage.py", "migrate", "--verbosity", "0")
    return tom
