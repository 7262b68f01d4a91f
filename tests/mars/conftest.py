"""The recordings, our archive of the same packets, and the counts at the end of every run."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.conftest import lines_at_the_end
from tests.mars.recordings import Recordings
from tests.mars.tally import Tally
from tests.real_archive import Everything

LISTED = Path(".local/recordings")


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
def tally() -> Iterator[Callable[[str], Tally]]:
    """A new tally of a part; it is printed when the run ends, passed or not."""
    tallies: list[Tally] = []

    def new_tally(part: str) -> Tally:
        tallies.append(Tally(part))
        return tallies[-1]

    yield new_tally
    LISTED.mkdir(exist_ok=True, parents=True)
    told = lines_at_the_end(f"the recordings of the original MARS (each difference: {LISTED}/)")
    for tally in tallies:
        told.extend(tally.lines())
        (LISTED / f"{tally.part}.txt").write_text(
            "".join(
                f"{one.what}\n    known fault: {one.fault}\n"
                f"    recorded: {one.recorded}\n    ours: {one.ours}\n"
                for one in tally.explained
            )
        )
