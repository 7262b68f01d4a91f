"""`python -m consumer backfill`: what is read ends in the archive, the rest is told."""

import asyncio
import os
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import fastavro

from archive.surveys.ztf.tables import STAMPS, alert
from archive.tables import bundle, ledger, reject
from consumer.batches.ingest import Archive
from consumer.checks.verify import verify
from consumer.files.backfill import Account, backfill, summary, total_of
from consumer.files.reading import Remark
from tests.conftest import Place
from tests.consumer.archives import contents, rows_of, summed, sums
from tests.consumer.commands import at_least, consumer, start, until
from tests.consumer.tarballs import tarball, tarred
from tests.packets import packet

FIRST = 3613372962515010000
SOME = [packet(candid=FIRST + n) for n in range(5)]


async def run(archive: Archive, place: Place, *paths: Path | str) -> list[Account]:
    settings = place.settings("writer").model_copy(update={"batch_messages": 2})
    return await backfill(archive, settings, [str(p) for p in paths], asyncio.Event())


def outcomes(accounts: list[Account]) -> dict[str, int]:
    totals = total_of(accounts)
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
    accounts = await run(archive, place, night, folder)
    assert outcomes(accounts) == summed(received=5, stored=4, rejected=1)
    assert all(account.whole for account in accounts)
    told = {(r.source, f"{r.night:%Y%m%d}") for r in await rows_of(archive, ledger)}
    assert ("ztf_public_20181129.tar.gz", "20181129") in told
    assert {source for source, _ in told} == {"ztf_public_20181129.tar.gz", "folder"}
    (bad,) = await rows_of(archive, reject)
    assert (bad.source, bad.name) == ("folder", "broken.avro")
    again = await run(archive, place, folder / "deep" / "a.avro")
    assert outcomes(again) == summed(received=1, duplicate=1)
    assert (await verify(archive))[1] == []


async def test_a_tarball_that_breaks_off_keeps_all_that_came_and_says_so(
    archive: Archive, place: Place, tmp_path: Path
) -> None:
    whole = tarball(tmp_path / "ztf_public_20181129.tar.gz", SOME).read_bytes()
    broken = tmp_path / "ztf_public_20181201.tar.gz"
    broken.write_bytes(whole[: len(whole) * 3 // 4])
    (account,) = await run(archive, place, broken)
    assert not account.whole
    assert str(account).endswith(": cut short; get it anew and run it again (3 read before)")
    assert len(await rows_of(archive, alert)) == account.counts["stored"] == 3
    broken.write_bytes(whole)
    again = await run(archive, place, broken)
    assert outcomes(again) == summed(received=5, stored=2, duplicate=3)


async def test_two_folders_of_one_name(archive: Archive, place: Place, tmp_path: Path) -> None:
    for n in range(2):
        (tmp_path / str(n) / "20210101").mkdir(parents=True)
        (tmp_path / str(n) / "20210101" / "0.avro").write_bytes(SOME[n])
    accounts = await run(archive, place, *(tmp_path / str(n) / "20210101" for n in range(2)))
    assert [account.counts["stored"] for account in accounts] == [1, 1]
    assert {row.source for row in await rows_of(archive, ledger)} == {"20210101"}
    assert (await verify(archive))[1] == []


async def test_names_that_no_store_takes(archive: Archive, place: Place, tmp_path: Path) -> None:
    """Not UTF-8, control characters, as long as a disk allows, longer than that in a tarball."""
    names = [b"\xff\xfe\n.avro", b"\x1b[31m.avro", b"x" * 250 + b".avro", "é".encode() * 125]
    paths = [tmp_path / os.fsdecode(name) for name in names]
    for n, path in enumerate(paths):
        path.mkdir()
        (path / "a.avro").write_bytes(SOME[n])
        (path / os.fsdecode(names[n][:200] + b".avro")).write_bytes(b"bad %d" % n)
    nul = tmp_path / "n.tar"
    nul.write_bytes(tarred([("y" * 70_000 + ".avro", b"bad"), ("\udcff.avro", b"worse")], ""))
    accounts = await run(archive, place, *paths, nul)
    assert outcomes(accounts) == summed(received=10, stored=4, rejected=6)
    assert summary(accounts).isascii() is False
    assert {row.name for row in await rows_of(archive, reject)} >= {
        r"\udcff\udcfe\n.avro.avro",
        r"\udcff.avro",
    }
    assert max(len(put.key.encode()) for put in await rows_of(archive, bundle)) < 300
    assert (await verify(archive))[1] == []


async def test_an_empty_file_is_a_reject_and_ends_nothing(
    archive: Archive, place: Place, tmp_path: Path
) -> None:
    (tmp_path / "a.avro").write_bytes(b"")
    (tmp_path / "b.avro").write_bytes(b"bad")
    (tmp_path / "c.avro").write_bytes(SOME[0])
    accounts = await run(archive, place, tmp_path)
    assert outcomes(accounts) == summed(received=3, stored=1, rejected=2)
    assert {(r.name, r.reason) for r in await rows_of(archive, reject)} == {
        ("a.avro", "an empty message"),
        ("b.avro", "not an Avro file"),
    }


def test_an_account_in_words() -> None:
    night, fault = Remark("p", "an empty night", False), Remark("p/a", "no\n", True)
    account = Account("p", ended=True)
    account.remarks = [night]
    assert (str(account), account.whole) == ("p: an empty night", True)
    account.remarks = [night, fault]
    assert (str(account), account.whole) == (r"p: not read: p/a: no\n", False)
    account.counts["received"] = account.counts["stored"] = 2
    account.remarks = [fault, fault]
    counted = "2 received, 2 stored, 0 duplicate, 0 private, 0 rejected"
    assert str(account) == rf"p: {counted}; not whole: p/a: no\n (and 1 more)"
    account.remarks = []
    account.ended = False
    stopped = f"p: {counted}; stopped, run it again for the rest"
    assert (str(account), account.whole) == (stopped, False)
    assert summary([account]) == stopped
    assert summary([account, account]).splitlines()[2] == (
        "2 paths, 2 not whole: 4 received, 4 stored, 0 duplicate, 0 private, 0 rejected"
    )


async def test_a_stop_ends_after_a_batch_and_a_second_run_completes(
    archive: Archive, place: Place, tmp_path: Path
) -> None:
    many = [packet(candid=FIRST + n) for n in range(80)]
    night = tarball(tmp_path / "ztf_public_20181129.tar.gz", many)
    process = await start(place, "backfill", str(night), "later", MARS_BATCH_MESSAGES=1)
    await until(at_least(archive, 1), process)
    process.send_signal(signal.SIGTERM)
    out, err = await process.communicate()
    assert (process.returncode, err) == (1, b"")
    lines = out.decode().splitlines()
    assert lines[0].endswith(" 0 rejected; stopped, run it again for the rest")
    assert lines[1] == "later: stopped, run it again for the rest"
    first = (await sums(archive))["stored"]
    assert 0 < first < 80
    again = await run(archive, place, night)
    assert outcomes(again) == summed(received=80, stored=80 - first, duplicate=first)


async def test_the_command_on_every_real_packet(archive: Archive, place: Place, real: Path) -> None:
    folder = real / "ztf"
    said = await consumer(place, "backfill", str(folder))
    assert said == f"{folder}: 877 received, 864 stored, 0 duplicate, 13 private, 0 rejected\n"
    before = await contents(archive)
    assert_stamps_are_the_packets(before, folder)
    again = await consumer(place, "backfill", str(folder))
    assert again == f"{folder}: 877 received, 0 stored, 864 duplicate, 13 private, 0 rejected\n"
    assert await contents(archive) == before
    assert await consumer(place, "verify") == "checked 4 bundles, 864 alerts\nno fault\n"


def assert_stamps_are_the_packets(held: Mapping[int, Mapping[str, Any]], folder: Path) -> None:
    """What the archive holds of each stamp of each alert is what fastavro reads, or nothing."""
    packets: dict[int, Any] = {}
    for path in folder.rglob("*.avro"):
        with path.open("rb") as file:
            packets |= {record["candid"]: record for record in cast(Any, fastavro.reader(file))}
    for candid, fields in held.items():
        for stamp in STAMPS:
            cutout = packets[candid][f"cutout{stamp.capitalize()}"]
            assert fields[f"{stamp}_bytes"] == (cutout is not None and cutout["stampData"])


async def test_the_command_on_every_damaged_file(
    archive: Archive, place: Place, real: Path
) -> None:
    """24 packets: 23 files are damaged, and in one of them a sound private record comes first."""
    folder = real / "ztf_malformed"
    said = await consumer(place, "backfill", str(folder))
    assert said == f"{folder}: 24 received, 0 stored, 0 duplicate, 1 private, 23 rejected\n"
    assert len(await rows_of(archive, reject)) == 23
    assert (await consumer(place, "replay")).startswith("23 rejects tried again: 0 received")
    assert await sums(archive) == summed(received=24, private=1, rejected=23)


async def test_the_command_goes_on_behind_a_bad_path_and_tells(
    archive: Archive, place: Place, tmp_path: Path
) -> None:
    whole = tarball(tmp_path / "a.tar.gz", SOME[:2]).read_bytes()
    (tmp_path / "b.tar.gz").write_bytes(whole[: len(whole) // 3 * 2])
    (tmp_path / "cloudy.tar.gz").write_bytes(tarred([]))
    (tmp_path / "._a.tar.gz").write_bytes(b"Mac")
    tarball(tmp_path / "z.tar.gz", SOME[2:])
    names = [f"{tmp_path}/{name}" for name in ("b.tar.gz", "nowhere", "cloudy.tar.gz")]
    address = "http://127.0.0.1:1/n.tar.gz"
    process = await start(
        place, "backfill", *names, f"{tmp_path}/._a.tar.gz", address, f"{tmp_path}/z.tar.gz"
    )
    out, err = await process.communicate()
    assert process.returncode == 1
    cut = "cut short; get it anew and run it again (1 read before)"
    mac = "1 file left out, AppleDouble of a Mac: ._a.tar.gz"
    lost = "the connection broke: [Errno 111] Connection refused; run it again"
    night = "an empty night: nothing in the tarball"
    assert err.decode().replace(f"{tmp_path}/", "").splitlines() == [
        f"backfill: b.tar.gz: {cut}",
        "backfill: nowhere: no such file or folder",
        f"backfill: cloudy.tar.gz: {night}",
        f"backfill: ._a.tar.gz: {mac}",
        f"backfill: {address}: {lost}",
    ]
    counted = "{0} received, {0} stored, 0 duplicate, 0 private, 0 rejected".format
    assert out.decode().replace(f"{tmp_path}/", "").splitlines() == [
        f"b.tar.gz: {counted(1)}; not whole: {cut}",
        "nowhere: not read: no such file or folder",
        f"cloudy.tar.gz: {night}",
        f"._a.tar.gz: {mac}",
        f"{address}: not read: {lost}",
        f"z.tar.gz: {counted(3)}",
        f"6 paths, 3 not whole: {counted(4)}",
    ]
    assert await consumer(place, "backfill", names[2]) == f"{names[2]}: {night}\n"


async def test_only_empty_files(archive: Archive, place: Place, tmp_path: Path) -> None:
    (tmp_path / "a.avro").write_bytes(b"")
    night = tmp_path / "n.tar"
    night.write_bytes(tarred([("e.avro", b"")], ""))
    accounts = await run(archive, place, tmp_path / "a.avro", night)
    assert outcomes(accounts) == summed(received=2, rejected=2)
    assert {(r.reason, r.bundle) for r in await rows_of(archive, reject)} == {
        ("an empty message", None)
    }
    assert (await verify(archive)).faults == []
