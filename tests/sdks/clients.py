"""The clients of docs/sdks.md: that page's own commands and programs, and our longer programs."""

import asyncio
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = (ROOT / "docs" / "sdks.md").read_text()
PROGRAMS: Final = Path(__file__).parent / "programs"
FOLDER: Final = ROOT / ".local" / "sdks"
TOOLS: Final = ROOT / ".local" / "lib" / "sdks"
PAGE_SERVER: Final = "http://127.0.0.1:8000"
_CHECKED: Final = "python -m mypy --strict --follow-imports=silent"
_JARS: Final = "'mars-java/target/*:mars-java/target/lib/*'"
_JAVAC: Final = "javac -Xlint:all -Werror -proc:none -d classes"
_COMPILED: Final = "npx tsc --strict --module nodenext --target es2022 --types node"


@dataclass(frozen=True)
class Client:
    """One generated client: its heading in docs/sdks.md, and what our longer program needs."""

    name: str
    heading: str
    program: str
    check: str
    run: str
    operation: str
    """Where an operation is in what was generated: a pattern."""
    files: str
    """In which files it is looked for."""

    @property
    def folder(self) -> Path:
        return FOLDER / self.name

    def blocks(self, language: str) -> str:
        """The page's block of a language in this client's section."""
        section = PAGE.split(f"\n## {self.heading}\n")[1].split("\n## ")[0]
        (block,) = re.findall(rf"```{language}\n(.*?)```", section, re.S)
        return str(block)

    @property
    def commands(self) -> list[str]:
        """The page's commands but for those that install something."""
        lines = self.blocks("sh").replace("\\\n", "").splitlines()
        return [line for line in lines if not re.match("(pip|npm) install ", line)]


CLIENTS: Final = (
    Client(
        name="openapi-python-client",
        heading="Python: openapi-python-client",
        program="openapi_python_client.py",
        check=f"{_CHECKED} search.py openapi_python_client.py",
        run="python openapi_python_client.py",
        operation="def sync_detailed",
        files="mars_client/api/*/{snake}.py",
    ),
    Client(
        name="openapi-generator-python",
        heading="Python: openapi-generator",
        program="openapi_generator.py",
        check=f"MYPYPATH=mars-api {_CHECKED} search.py openapi_generator.py",
        run="python openapi_generator.py",
        operation=r"def {snake}\(",
        files="mars-api/mars_api/api/*.py",
    ),
    Client(
        name="openapi-generator-java",
        heading="Java: openapi-generator",
        program="Program.java",
        check=f"{_JAVAC} -cp {_JARS} Program.java Search.java",
        run=f"java -cp classes:{_JARS} Program",
        operation=r"public \w+ {camel}\(",
        files="mars-java/src/main/java/mars/client/api/*.java",
    ),
    Client(
        name="openapi-typescript",
        heading="TypeScript: openapi-typescript",
        program="program.mts",
        check=f"{_COMPILED} program.mts",
        run="node program.mjs",
        operation=r"\b{snake}: \{{",
        files="mars.d.ts",
    ),
)
LANGUAGES: Final = {".py": "python", ".java": "java", ".mts": "ts"}


class Outcome(NamedTuple):
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        return re.sub(r"\x1b\[[0-9;]*m", "", self.out + self.err).strip()


async def run(command: str, folder: Path) -> Outcome:
    """Run a line of shell with the tools of the clients at hand."""
    path = f"{TOOLS}/python/bin:{TOOLS}/node/node_modules/.bin:{os.environ['PATH']}"
    process = await asyncio.create_subprocess_exec(
        *("bash", "-euo", "pipefail", "-c", command),
        cwd=folder,
        # The clients are to find their packages, and neither ours nor a proxy.
        env={**os.environ, "PATH": path, "PYTHONPATH": "", "NO_PROXY": "*", "CI": ""},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode is not None
    return Outcome(process.returncode, out.decode(), err.decode())


_TROUBLE: Final = re.compile(r"\b(warn|warning|warnings|error|errors|failed|skipping)\b", re.I)


def complaints(text: str) -> list[str]:
    """Lines in which a generator or compiler is not content, or had to make up a name."""
    lines = [line for line in text.splitlines() if " INFO " not in line and _TROUBLE.search(line)]
    return [*lines, *(line for line in text.splitlines() if "Inline schema" in line)]


class Made(NamedTuple):
    """What came of a client."""

    making: list[Outcome]
    shown: Outcome
    check: Outcome
    told: Outcome


async def make(client: Client, document: str, address: str, asked: str) -> Made:
    """A client made by the page's commands, its programs checked and run."""
    shutil.rmtree(client.folder, ignore_errors=True)
    client.folder.mkdir(parents=True)
    kind = Path(client.program).suffix
    shown = client.blocks(LANGUAGES[kind])
    *making, running = client.commands
    files = {
        "openapi.json": document,
        "asked.json": asked,
        client.program: (PROGRAMS / client.program).read_text(),
        {".java": "Search.java"}.get(kind, f"search{kind}"): shown.replace(PAGE_SERVER, address),
    }
    if kind == ".mts":
        (client.folder / "node_modules").symlink_to(TOOLS / "node" / "node_modules")
    if "python-client.yaml" in client.blocks("sh"):
        files["python-client.yaml"] = client.blocks("yaml")
    for name, text in files.items():
        (client.folder / name).write_text(text)
    exports = "\n".join(line for line in making if line.startswith("export "))
    made = [await run(line, client.folder) for line in making]
    return Made(
        making=made,
        shown=await run(f"{exports}\n{running}", client.folder),
        check=await run(f"{exports}\n{client.check}", client.folder),
        told=await run(f"{exports}\n{client.run} asked.json", client.folder),
    )
