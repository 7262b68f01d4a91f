"""`python -m consumer backfill --workers N`: the same rows as by one, whoever dies."""

import asyncio
import os
import random
import signal
import sys
from collections import Counter
from collections.abc import AsyncGenerator
from datetime import date
from pathlib import Path

import pytest

from archive.tables import conflict
from consumer import __main__ as program
from consumer.batches.ingest import Archive, Batch, Outcome
from consumer.batches.sorting import Raw
from consumer.checks.verify import verify
from consumer.files.backfill import backfill, summary
from consumer.files.workers import AHEAD, Worker, WorkerDied, _lane, _Share
from tests.conftest import Place, new_place, opened
from tests.consumer.archives import contents, rows_of, summed, sums
from tests.consumer.commands import at_least, start, until
from tests.consumer.tarballs import tarball
from tests.packets import packet
from tests.programs import Piped

FIRST = 3613372962515010000


def night(count: int) -> list[bytes]:
    """Sound packets, repeats, other content, damage and private ones, in no order."""
    sound = [packet(candid=FIRST + n) for n in range(count)]
    other = [packet(candid=FIRST + n, magpsf=18.5) for n in range(3)]
    more = [m[:-9] for m in sound[:4]] + [
        packet(candid=FIRST + 9000 + n, programid=2) for n in (0, 1)
    ]
    rest = sound[3:] + sound[-5:] + more
    random.Random(3).shuffle(rest)
    # Of two packets of one candid the first that is stored is the alert: those are apart.
    return sound[:3] + rest + other


EVERYTHING = night(60)
COUNTED = summed(received=74, stored=60, duplicate=8, private=2, rejected=4)


async def test_one_tarball_by_two_ends_in_the_rows_of_one(
    archive: Archive, place: Place, template: str, tmp_path: Path
) -> None:
    whole = tarball(tmp_path / "ztf_public_20181129.tar.gz", EVERYTHING)
    folder = tmp_path / "20181130"
    folder.mkdir()
    (folder / "a.avro").write_bytes(packet(candid=FIRST + 5000))
    paths = [str(whole), str(folder), f"{tmp_path}/nowhere"]
    process = await start(place, "backfill", "--workers=2", *paths, MARS_BATCH_MESSAGES=4)
    out, err = await process.communicate()
    assert process.returncode == 1, err.decode()
    assert f"backfill: {tmp_path}/nowhere: no such file or folder" in err.decode().splitlines()
    async with new_place(template) as calm, opened(calm) as alone:
        settings = calm.settings("writer").model_copy(update={"batch_messages": 4})
        accounts = await backfill(alone, settings, paths, asyncio.Event())
        assert out.decode() == summary(accounts) + "\n"
        assert await sums(alone) == await sums(archive)
        assert await contents(alone) == await contents(archive)
    assert await sums(archive) == {**COUNTED, "received": 75, "stored": 61}
    assert {row.candid - FIRST for row in await rows_of(archive, conflict)} == {0, 1, 2}
    assert (await verify(archive)).faults == []


def workers_of(process: Piped) -> list[int]:
    """The processes that a backfill has started."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
    return [int(pid) for pid in children.split()]


async def under_way(archive: Archive, place: Place, path: Path) -> Piped:
    """A backfill by two, which has taken in some of many small batches."""
    process = await start(place, "backfill", "--workers=2", str(path), MARS_BATCH_MESSAGES=1)
    await until(at_least(archive, 5), process)
    assert len(workers_of(process)) == 2
    return process


async def test_of_two_workers_one_is_killed_and_nothing_is_lost(
    archive: Archive, place: Place, tmp_path: Path
) -> None:
    many = [packet(candid=FIRST + n) for n in range(120)]
    path = tarball(tmp_path / "ztf_public_20181129.tar.gz", many)
    process = await under_way(archive, place, path)
    os.kill(workers_of(process)[0], signal.SIGKILL)
    out, err = await process.communicate()
    assert process.returncode == 0, out + err
    assert "a worker died" in err.decode()
    # Had it just written what it did not live to tell, that was taken in again: a duplicate.
    told = await sums(archive)
    assert told["stored"] == 120
    assert told["received"] - told["duplicate"] == 120
    assert told["duplicate"] <= AHEAD
    assert out.startswith(f"{path}: 120 received, ".encode())
    assert (await verify(archive)).faults == []


async def test_when_all_workers_are_killed_it_is_told_and_a_second_run_completes(
    archive: Archive, place: Place, tmp_path: Path
) -> None:
    many = [packet(candid=FIRST + n) for n in range(120)]
    path = tarball(tmp_path / "ztf_public_20181129.tar.gz", many)
    process = await under_way(archive, place, path)
    for pid in workers_of(process):
        os.kill(pid, signal.SIGKILL)
    out, err = await process.communicate()
    assert process.returncode == 1
    assert err.decode().count("a worker died") == 2
    assert "were not taken in, a process died; run it again" in out.decode()
    assert out.decode().endswith("stopped, run it again for the rest\n")
    before = (await sums(archive))["stored"]
    assert before < 120
    process = await start(place, "backfill", "--workers=2", str(path))
    out, err = await process.communicate()
    assert process.returncode == 0, err
    counted = f"120 received, {120 - before} stored, {before} duplicate, 0 private, 0 rejected"
    assert out.decode() == f"{path}: {counted}\n"
    assert (await verify(archive)).faults == []


async def test_sigterm_ends_it_after_what_is_under_way(
    archive: Archive, place: Place, tmp_path: Path
) -> None:
    many = [packet(candid=FIRST + n) for n in range(120)]
    path = tarball(tmp_path / "ztf_public_20181129.tar.gz", many)
    process = await under_way(archive, place, path)
    workers = workers_of(process)
    for pid in (*workers, process.pid):
        os.kill(pid, signal.SIGTERM)
    out, err = await process.communicate()
    assert (process.returncode, err) == (1, b"")
    stored = (await sums(archive))["stored"]
    assert 0 < stored < 120
    counted = f"{stored} received, {stored} stored, 0 duplicate, 0 private, 0 rejected"
    assert out.decode() == f"{path}: {counted}; stopped, run it again for the rest\n"
    assert not any(map(alive, workers))


async def test_its_reader_is_killed_and_the_workers_end(
    archive: Archive, place: Place, tmp_path: Path
) -> None:
    many = [packet(candid=FIRST + n) for n in range(120)]
    process = await under_way(archive, place, tarball(tmp_path / "n_20181129.tar", many))
    workers = workers_of(process)
    process.kill()
    await process.communicate()  # until both have closed the standard error they share
    async with asyncio.timeout(30):
        while any(map(alive, workers)):  # noqa: ASYNC110 - they are other programs
            await asyncio.sleep(0.05)
    assert (await verify(archive)).faults == []


def alive(pid: int) -> bool:
    """Whether it runs, and is no zombie whose parent is gone."""
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False


@pytest.mark.parametrize("workers", ["0", "33", "two", "-1", "1.5"])
def test_how_many_workers_there_may_be(
    workers: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["consumer", "backfill", f"--workers={workers}", "x"])
    with pytest.raises(SystemExit) as ended:
        program.main()
    assert ended.value.code == 2
    assert f"{workers!r} is no whole number from 1 to 32" in capsys.readouterr().err


class Deadly(Worker):
    """One that dies of a batch named so, and of no other."""

    def __init__(self) -> None:
        self.dead = False

    async def ask(self, batch: Batch) -> Outcome:
        await asyncio.sleep(0)
        if self.dead or batch.messages[0].name == "deadly":
            self.dead = True
            raise WorkerDied
        return Outcome(1, Counter(received=1), [])


async def test_a_batch_that_two_workers_died_of_is_given_to_no_third() -> None:
    names = ["a", "deadly", *"bcdefgh"]
    told: dict[str, bool] = {}

    async def batches() -> AsyncGenerator[Batch]:
        for n, name in enumerate(names):
            yield Batch([Raw("source", 0, n, name, date(2026, 1, 1), b"")])

    def tell(batch: Batch, outcome: Outcome | None) -> None:
        told[batch.messages[0].name] = outcome is not None

    crew, share = [Deadly() for _ in range(3)], _Share(batches(), tell)
    await asyncio.gather(*(_lane(worker, share) for worker in crew))
    share.give_up()
    assert told == {name: name != "deadly" for name in names}
    assert sum(worker.dead for worker in crew) == 2
