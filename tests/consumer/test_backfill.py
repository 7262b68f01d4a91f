"""`python -m consumer backfill`: folders, files, tarballs, addresses; stopped and run again."""

import asyncio
import gzip
import http.server
import io
import signal
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from archive.errors import BadInput
from archive.tables import alert, ledger, reject
from consumer.backfill import backfill, messages, size_of, source_of
from consumer.ingest import Archive
from consumer.verify import verify
from tests.conftest import Place
from tests.consumer.archives import contents, rows_of, summed, sums
from tests.consumer.commands import at_least, consumer, start, until
from tests.packets import packet

FIRST = 3613372962515010000
SOME = [packet(candid=FIRST + n) for n in range(5)]


def tarball(path: Path, members: list[bytes]) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for n, data in enumerate(members):
            info = tarfile.TarInfo(f"{n}.avro")
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


async def run(archive: Archive, place: Place, *paths: Path | str) -> dict[str, int]:
    settings = place.settings("writer").model_copy(update={"batch_messages": 2})
    totals = await backfill(archive, settings, [str(p) for p in paths], asyncio.Event())
    return {name: totals[name] for name in summed()}


async def test_a_nightly_tarball_a_folder_and_a_file(
    archive: Archive, place: Place, tmp_path: Path
) -> None:
    night = tarball(tmp_path / "ztf_public_20181129.tar.gz", SOME[:3])
    folder = tmp_path / "folder"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "a.avro").write_bytes(SOME[3])
    (folder / "notes.txt").write_text("no packet")
    (folder / "broken.avro").write_bytes(SOME[4][:1000])
    assert await run(archive, place, night, folder) == summed(received=5, stored=4, rejected=1)
    told = {(r.source, f"{r.night:%Y%m%d}") for r in await rows_of(archive, ledger)}
    assert ("ztf_public_20181129.tar.gz", "20181129") in told
    assert {source for source, _ in told} == {"ztf_public_20181129.tar.gz", "folder"}
    (bad,) = await rows_of(archive, reject)
    assert (bad.source, bad.name) == ("folder", "broken.avro")
    assert await run(archive, place, folder / "deep" / "a.avro") == summed(received=1, duplicate=1)
    assert (await verify(archive))[1] == []


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """A tarball behind a real HTTP server on loopback."""
    tarball(tmp_path / "ztf_public_20181130.tar.gz", SOME)

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args: object, **kwargs: object) -> None:
            super().__init__(*args, directory=str(tmp_path))  # type: ignore[arg-type]

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/ztf_public_20181130.tar.gz"
    server.shutdown()
    thread.join()
    server.server_close()


async def test_an_address(archive: Archive, place: Place, address: str) -> None:
    assert await run(archive, place, address) == summed(received=5, stored=5)
    assert {r.source for r in await rows_of(archive, ledger)} == {"ztf_public_20181130.tar.gz"}
    with pytest.raises(BadInput, match="404"):
        await run(archive, place, address.replace("1130", "0101"))


async def test_a_tarball_that_breaks_off_keeps_what_came_and_says_so(
    archive: Archive, place: Place, tmp_path: Path
) -> None:
    whole = tarball(tmp_path / "ztf_public_20181129.tar.gz", SOME).read_bytes()
    broken = tmp_path / "ztf_public_20181201.tar.gz"
    broken.write_bytes(whole[: len(whole) * 3 // 4])
    with pytest.raises(BadInput, match="run it again"):
        await run(archive, place, broken)
    assert len(await rows_of(archive, alert)) == 2
    broken.write_bytes(whole)
    assert await run(archive, place, broken) == summed(received=5, stored=3, duplicate=2)


async def test_a_stop_ends_after_a_batch_and_a_second_run_completes(
    archive: Archive, place: Place, tmp_path: Path
) -> None:
    many = [packet(candid=FIRST + n) for n in range(80)]
    night = tarball(tmp_path / "ztf_public_20181129.tar.gz", many)
    process = await start(place, "backfill", str(night), MARS_BATCH_MESSAGES=1)
    await until(at_least(archive, 1), process)
    process.send_signal(signal.SIGTERM)
    out, _ = await process.communicate()
    assert process.returncode == 0
    assert out.endswith(b"stopped, run it again for the rest\n")
    first = (await sums(archive))["stored"]
    assert 0 < first < 80
    assert await run(archive, place, night) == summed(
        received=80, stored=80 - first, duplicate=first
    )


def test_what_is_no_packet_is_told(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no such file"):
        list(messages(str(tmp_path / "nowhere")))
    (tmp_path / "not.tar.gz").write_bytes(gzip.compress(b"text"))
    with pytest.raises(BadInput, match=r"not\.tar\.gz"):
        list(messages(str(tmp_path / "not.tar.gz")))


def test_sizes_and_names(tmp_path: Path) -> None:
    night = tarball(tmp_path / "n.tar.gz", SOME)
    seen: list[int] = []
    got = list(messages(str(night), seen.append))
    assert [data for _, data in got] == SOME
    assert sum(seen) == size_of(str(night)) == night.stat().st_size
    assert size_of("https://example.org/n.tar.gz") is None
    assert source_of("https://example.org/a/n%20x.tar.gz?x=1") == "n x.tar.gz"


async def test_the_command_on_every_real_packet(archive: Archive, place: Place, real: Path) -> None:
    said = await consumer(place, "backfill", str(real / "ztf"))
    assert said == "877 received, 864 stored, 0 duplicate, 13 private, 0 rejected\n"
    before = await contents(archive)
    again = await consumer(place, "backfill", str(real / "ztf"))
    assert again == "877 received, 0 stored, 864 duplicate, 13 private, 0 rejected\n"
    assert await contents(archive) == before
    assert await consumer(place, "verify") == "checked 4 bundles, 864 alerts\nno fault\n"


async def test_the_command_on_every_damaged_file(
    archive: Archive, place: Place, real: Path
) -> None:
    """24 packets: 23 files are damaged, and in one of them a sound private record comes first."""
    said = await consumer(place, "backfill", str(real / "ztf_malformed"))
    assert said == "24 received, 0 stored, 0 duplicate, 1 private, 23 rejected\n"
    assert len(await rows_of(archive, reject)) == 23
    assert (await consumer(place, "replay")).startswith("23 rejects tried again: 0 received")
    assert await sums(archive) == summed(received=24, private=1, rejected=23)


async def test_an_error_of_the_command_is_one_line_and_status_1(place: Place) -> None:
    with pytest.raises(AssertionError, match="consumer: BadInput: /nowhere: no such file"):
        await consumer(place, "backfill", "/nowhere")
