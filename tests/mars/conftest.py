"""The recordings, our archive of the same packets, and the counts at the end of every run."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.mars.recordings import Recordings
from tests.mars.tally import Tally
from tests.real_archive import Everything

LISTED = Path(".local/recordings.txt")
_tallies: list[Tally] = []


@dataclass
class Ours:
    """Our server, asked as a script of MARS's users asks."""

    client: httpx.AsyncClient
    recorded: frozenset[str]
    ingested: frozenset[str]

    async def json(self, path: str, **args: Any) -> Any:
        """The JSON body of an answer that must be 200."""
        answer = await self.client.get(path, params={**args, "format": "json"})
        assert answer.status_code == 200, (path, args, answer.text[:300])
        return answer.json()

    async def one(self, candid: str) -> dict[str, Any]:
        """The one alert of a search by candid."""
        found = (await self.json("/", candid=candid))["results"]
        assert len(found) == 1, f"{len(found)} alerts of candid {candid}"
        alert: dict[str, Any] = found[0]
        return alert


@pytest.fixture(scope="session")
def recordings(real: Path) -> Recordings:
    return Recordings(real / "mars")


@pytest.fixture(scope="session")
def ours(everything: Everything, recordings: Recordings) -> Ours:
    ingested = frozenset(str(candid) for candid in everything.packets)
    return Ours(everything.client, frozenset(recordings.alerts), ingested)


@pytest.fixture
def tally() -> Callable[[str], Tally]:
    """A new tally of a part; it is printed when the run ends, passed or not."""
    return partial(_new_tally)


def _new_tally(part: str) -> Tally:
    _tallies.append(Tally(part))
    return _tallies[-1]


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    if not _tallies:
        return
    terminalreporter.section("the recordings of the original MARS")
    path = config.rootpath / LISTED
    path.parent.mkdir(exist_ok=True)
    with path.open("w") as listed:
        for tally in _tallies:
            for line in tally.lines():
                terminalreporter.write_line(line)
            for one in tally.explained:
                listed.write(
                    f"{tally.part}: {one.what}\n    known fault: {one.fault}\n"
                    f"    recorded: {one.recorded}\n    ours: {one.ours}\n"
                )
    terminalreporter.write_line(f"every difference, with both answers: {LISTED}")
