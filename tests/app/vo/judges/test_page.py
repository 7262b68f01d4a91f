"""docs/vo.md: its Python, its commands and its queries run."""

import asyncio
import re
import subprocess
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import httpx
import pytest

from app.vo.examples import EXAMPLES
from tests.app.vo.asking import ask, table

PAGE = Path("docs/vo.md").read_text()
ADDRESS = "http://127.0.0.1:8000"


def blocks(language: str) -> list[str]:
    found: list[str] = re.findall(rf"```{language}\n(.*?)```", PAGE, re.S)
    return found


@pytest.mark.filterwarnings("ignore")
async def test_the_python_runs(base: str) -> None:
    said = StringIO()

    def run() -> None:
        known: dict[str, object] = {}
        with redirect_stdout(said):
            for code in blocks("python"):
                exec(compile(code.replace(ADDRESS, base), "docs/vo.md", "exec"), known)

    await asyncio.to_thread(run)
    assert "10 alerts" in said.getvalue()
    assert "square degrees hold" in said.getvalue()
    assert "#preview-image" in said.getvalue() or "#derivation" in said.getvalue()


async def test_the_commands_run(base: str, tmp_path: Path) -> None:
    for script in blocks("sh"):
        done = await asyncio.to_thread(
            subprocess.run,
            ["bash", "-euc", script.replace(ADDRESS, base)],
            cwd=tmp_path,
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    made = sorted(path.name for path in tmp_path.iterdir())  # noqa: ASYNC240 - a folder of the test
    assert made == ["alerts.csv", "cone.vot", "region.txt"]


async def test_the_queries_are_the_examples_and_are_answered(client: httpx.AsyncClient) -> None:
    assert [adql.strip() for adql in blocks("sql")] == [one.adql for one in EXAMPLES]
    assert len(EXAMPLES) == 12
    for example in EXAMPLES:
        found = table(await ask(client, example.adql))
        nothing = ("polygon", "limits", "forced", "pairs")
        assert len(found.array) or example.id in nothing, example.id
