"""README and ARCHITECTURE cannot lag: what they list is read and held against the code."""

import asyncio
import json
import re
import signal
import tomllib
from collections.abc import AsyncIterator
from contextlib import redirect_stdout
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any

import httpx
import matplotlib.pyplot as plt
import pytest
from pydantic_core import PydanticUndefined
from pydantic_settings import BaseSettings

from app.settings import Settings as AppSettings
from archive.settings import ArchiveSettings
from catalog.settings import Settings as CatalogSettings
from consumer.batches.ingest import Batch, ingest
from consumer.batches.sorting import Raw
from consumer.settings import Settings as ConsumerSettings
from consumer.topics import night_of
from dev.simulate import to_tarball
from dev.simulator import simulate, tonight
from tests.app.addresses import ENDLESS
from tests.app.conftest import app_settings, serving
from tests.catalog.catalogs import until_counted, update_catalog
from tests.conftest import new_place, opened
from tests.consumer.archives import sums
from tests.consumer.commands import consumer, start

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
LOCKS = """
requirements.txt requirements-consumer.txt requirements-dev.txt
tests/clients/tom/requirements.txt tests/sdks/requirements.txt
tests/catalog/requirements.txt tests/tom/requirements.txt
dev/pictures/requirements.txt dev/assets/package-lock.json tests/sdks/npm/package-lock.json
""".split()


def settings_table() -> list[str]:
    """The rows of README's table of settings, from the descriptions in the code."""
    rows = []
    read_by = {
        "all": ArchiveSettings,
        "app": AppSettings,
        "consumer": ConsumerSettings,
        "catalog": CatalogSettings,
    }
    for name, settings in read_by.items():
        rows += [
            f"| `MARS_{field.upper()}` | {name} | {default(settings, field)} | "
            f"{settings.model_fields[field].description} |"
            for field in settings.model_fields
            if name == "all"
            or field not in ArchiveSettings.model_fields
            or default(settings, field) != default(ArchiveSettings, field)
        ]
    return rows


def default(settings: type[BaseSettings], field: str) -> str:
    value: Any = settings.model_fields[field].default
    assert value is not PydanticUndefined
    value = getattr(value, "get_secret_value", lambda: value)()
    return f"`{value}`" if value not in (None, "", []) else ""


def test_readme_lists_every_setting() -> None:
    table = [line for line in README.splitlines() if line.startswith("| `MARS_")]
    assert table == settings_table()


def test_readme_names_commands_that_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    told = "".join(
        (ROOT / name).read_text() for name in ("README.md", "CONTRIBUTING.md", "ARCHITECTURE.md")
    )
    commands = set(re.findall(r"(?:^|`)make ([a-z]+)", told, re.M))
    assert commands >= {"demo", "test", "check"}
    assert commands <= set(re.findall(r"^([a-z]+):", makefile, re.M))
    links = set(re.findall(r"\]\(([^)#:]+)\)", told))
    assert "ARCHITECTURE.md" in links
    assert {link for link in links if not (ROOT / link).exists()} == set()


def lines_of(package: str) -> str:
    """What ARCHITECTURE.md lists of a package."""
    told = (ROOT / "ARCHITECTURE.md").read_text()
    own = re.search(rf"^{package}/ .*\n(?: +\S.*\n)*", told, re.M)
    assert own is not None
    return own[0]


@pytest.mark.parametrize("package", ["archive", "consumer", "catalog", "app"])
def test_architecture_names_every_module(package: str) -> None:
    """In the package's own lines, and none that is not there."""
    modules = {path.name for path in (ROOT / package).glob("*.py")}
    named = re.findall(r"\b\w+\.py\b", lines_of(package))
    assert sorted(named) == sorted(name for name in modules if not name.startswith("__")) != []


def test_architecture_names_every_room_of_the_app() -> None:
    """Those inside of rooms, too; each says in its own words what it is for."""
    found = [p for p in (ROOT / "app").glob("*/**/__init__.py") if p.parents[1].name != "surveys"]
    listed = set(re.findall(r"\b(\w+)/", lines_of("app"))) - {"app", "templates", "static"}
    assert listed == {path.parent.name for path in found} != set()
    for room in found:
        assert room.read_text().startswith('"""'), room


def test_documents_name_files_that_are_there() -> None:
    """Of the whole project: a file that moved takes its mentions with it."""
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]:
        text = page.read_text()
        for path in re.findall(
            r"\b((?:app|archive|consumer|catalog|dev|tests|bench|faults)/[\w/]+\.py)\b", text
        ):
            assert (ROOT / path).exists(), f"{page.name}: {path}"


def test_the_newest_release_is_this_version() -> None:
    releases = re.findall(
        r"^## \[([\d.]+)\] - \d{4}-\d\d-\d\d$", (ROOT / "CHANGELOG.md").read_text(), re.M
    )
    for project in ("pyproject.toml", "clients/tom_mars/pyproject.toml"):
        assert tomllib.loads((ROOT / project).read_text())["project"]["version"] == releases[0]


def test_decisions_are_numbered_and_whole() -> None:
    pages = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    assert [int(page.name[:4]) for page in pages] == list(range(1, len(pages) + 1)) != []
    for page in pages:
        for part in ("**Context.**", "**Decision.**", "**Consequences.**", "**Refused.**"):
            assert part in page.read_text(), f"{page.name}: {part}"


def test_nothing_names_a_machine_or_a_registry() -> None:
    for lock in LOCKS:
        text = (ROOT / lock).read_text()
        assert "sha256" in text or "sha512" in text
        # npm's lock quotes where a package asks for donations.
        assert not re.search(r"https?://(?!opencollective|github\.com/\S*sponsor)", text), lock


@pytest.fixture(scope="module")
async def demo(template: str) -> AsyncIterator[httpx.AsyncClient]:
    """What `make demo` feeds, served."""
    async with new_place(template) as place:
        async with opened(place) as archive:
            topic = f"ztf_{tonight():%Y%m%d}_programid1"
            raws = [
                Raw(topic, 0, n, "", night_of(topic, datetime.now(UTC)), packet.message)
                for n, packet in enumerate(simulate(1000, 1))
            ]
            await ingest(archive, "stream", Batch(raws))
        await update_catalog(place)
        async with serving(app_settings(place)) as client:
            await until_counted(client)
            yield client


def block(language: str, n: int = 0) -> str:
    found: list[str] = re.findall(rf"```{language}\n(.*?)```", README, re.S)
    return found[n]


async def test_the_first_query_of_readme_has_such_an_answer(demo: httpx.AsyncClient) -> None:
    command = next(b for b in re.findall(r"```sh\n(.*?)```", README, re.S) if "curl" in b)
    address = re.search(r"'http://127\.0\.0\.1:8000(.*)'", command)
    assert address is not None
    answer = (await demo.get(address[1])).json()
    shown = json.loads(block("json"))
    assert shown.keys() == answer.keys()
    (item,), (shown_item,) = answer["items"], shown["items"]
    more = shown_item.pop("…")
    for name, value in shown_item.items():
        assert type(item[name]) is type(value), name
    assert more == f"{len(item) - len(shown_item)} more fields"


async def test_the_other_queries_of_readme_find_what_they_say(demo: httpx.AsyncClient) -> None:
    addresses = re.findall(r"^curl 'http://127\.0\.0\.1:8000(/api\S*)'", README, re.M)
    assert len(addresses) == README.count("\ncurl ") == 6
    for address in addresses:
        assert (await demo.get(address)).json()["items"], address


async def test_the_address_of_the_first_mars_in_readme_finds_it(demo: httpx.AsyncClient) -> None:
    (address,) = re.findall(r"`http://127\.0\.0\.1:8000(/\?\S+)`", README)
    found = (await demo.get(address)).json()
    assert {one["objectId"] for one in found["results"]} == {"ZTF18hkapgpi"}
    (shown,) = re.findall(r"shows the first at http://127\.0\.0\.1:8000(\S+)\. ", README)
    page = await demo.get(shown, headers={"Accept": "text/html"})
    assert (page.status_code, "ZTF18hkapgpi" in page.text) == (200, True)


async def test_every_address_of_readmes_table_is_there(demo: httpx.AsyncClient) -> None:
    newest = (await demo.get("/?format=json")).json()["results"][0]
    night = (await demo.get("/api/v1/nights")).json()["items"][0]["night"]
    here = {
        "candid": newest["candidate"]["candid"],
        "object_id": newest["objectId"],
        "id": newest["lco_id"],
        "night": night,
        "kind": "science",
        "Kind": "Science",
    }
    values = {"cone": "0,90,5", "ssnamenr": "2018 YZ901", "name": "m31", "q": newest["objectId"]}
    asked = 0
    for first_cell in re.findall(r"^\| (`(?:POST )?/.*?) \|", README, re.M):
        for address in full_addresses(re.findall(r"`(.*?)`", first_cell)):
            made = any(part in address for part in ("{job}", "{region}", "{watch}"))
            if made or address in ENDLESS:
                continue  # tests/schema/test_examples.py, tests/app/live, tests/app/watches
            named = address.format_map(here)
            wanted = named.endswith("=") and named.rpartition("?")[2][:-1]
            answer = await demo.get(named + (values[wanted] if wanted else ""))
            assert answer.status_code in (200, 302, 303, 307), (named, answer.status_code)
            asked += 1
    assert asked > 30


def full_addresses(shown: list[str]) -> list[str]:
    """What a cell of the table means: `/a/b.fits` · `.png` is /a/b.png too; POST is left out."""
    full: list[str] = []
    for text in shown:
        if text.startswith("/"):
            full.append(text)
        elif text.startswith("?"):
            full.append(full[0].partition("?")[0] + text)
        elif text.startswith("."):
            full.append(full[0].removesuffix(".fits") + text)
        elif not text.startswith("POST"):
            full.append(full[0].rpartition("/")[0] + "/" + text)
    return full


async def test_the_commands_of_readme_take_alerts_in(template: str, tmp_path: Path) -> None:
    commands = [
        line.partition("#")[0].split()[3:]
        for line in README.splitlines()
        if line.startswith("python -m consumer ")
    ]
    names = [name for name, *_ in commands]
    assert names == ["stream", "backfill", "replay", "release", "verify"]
    to_tarball(simulate(5, 1), tmp_path / "ztf_public_20181129.tar.gz")
    async with new_place(template) as place:
        stream, *others = commands
        running = await start(place, *stream)
        for command in others:
            said = await consumer(place, *(str(tmp_path / w) if "." in w else w for w in command))
            assert said, command
        async with opened(place) as archive:
            assert (await sums(archive))["stored"] == 5
        running.send_signal(signal.SIGTERM)
        _, complaints = await running.communicate()
        assert running.returncode == 0, complaints.decode()


async def test_the_notebook_runs(demo: httpx.AsyncClient) -> None:
    cells = json.loads((ROOT / "docs" / "first-look.ipynb").read_text())["cells"]
    assert not any(cell.get("outputs") for cell in cells)
    code = "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "code")
    known: dict[str, Any] = {}

    def run() -> None:
        at = code.replace("http://127.0.0.1:8000", str(demo.base_url).rstrip("/"))
        exec(compile(at, "first-look.ipynb", "exec"), known)

    with plt.rc_context({"backend": "agg"}):
        await asyncio.to_thread(run)
    plt.close("all")
    # A notebook leaves its client open until its end; here its socket would end in another test.
    known["mars"].close()
    kinds = set(known["points"]["kind"])
    assert {"detection", "upper_limit"} <= kinds
    assert len(known["plots"]) == 3


async def test_the_python_of_readme_runs(demo: httpx.AsyncClient) -> None:
    said = StringIO()

    def run() -> None:
        with redirect_stdout(said):
            for n in (0, 1):
                code = block("python", n)
                code = code.replace("http://127.0.0.1:8000", str(demo.base_url).rstrip("/"))
                exec(compile(code, "README.md", "exec"), {})

    await asyncio.to_thread(run)
    told = r"ZTF\w+ (\d+) points, \d+ bytes of FITS\n(\d+) points in mag\n"
    counted = re.fullmatch(told, said.getvalue())
    assert counted is not None
    assert counted[1] == counted[2]
