"""What is read of folders, files and tarballs, and what is said of the rest; no path ends it."""

import bz2
import gzip
import io
import lzma
import os
import random
import tarfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.files import reading as files
from consumer.files import tarballs
from consumer.files.names import name_of
from consumer.files.reading import size_of
from consumer.files.tarballs import Kind, kind_of, members
from tests.consumer.tarballs import found, numbered, tarball, tarred

# The reader does not look into packets. Random, so that no compression makes them small.
SOME = [random.Random(n).randbytes(3000 + 200 * n) for n in range(5)]
NAMED = numbered(SOME)
WHOLE = tarred(NAMED)
PLAIN = tarred(NAMED, "")
END = len(PLAIN.rstrip(b"\0"))


def written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("suffix", ["tar", "tar.gz", "tgz", "tar.bz2", "tbz2", "tar.xz", "txz"])
def test_every_compression_under_every_name(tmp_path: Path, suffix: str) -> None:
    """What the bytes begin with decides, not the name."""
    for n, packed in enumerate(("", "gz", "bz2", "xz")):
        path = written(tmp_path / f"{n}.{suffix}", tarred(NAMED, packed))
        assert found(path) == (NAMED, [])


def test_layers_and_parts(tmp_path: Path) -> None:
    """A server packs once more; pigz and bgzip write several parts; tapes fill up with zeros."""
    half = len(PLAIN) // 2
    parts = gzip.compress(PLAIN[:half]) + gzip.compress(PLAIN[half:])
    for data in (
        gzip.compress(WHOLE),
        bz2.compress(lzma.compress(PLAIN)),
        parts,
        WHOLE + b"\0" * 9,
    ):
        assert found(written(tmp_path / "a.tar.gz", data)) == (NAMED, [])


@given(st.lists(st.integers(1, 40), min_size=1, max_size=200), st.sampled_from(["", "gz", "xz"]))
def test_chunks_of_any_size(sizes: list[int], packed: str) -> None:
    """However few bytes come at a time, be it in the midst of a header."""
    stream = io.BytesIO(tarred([("a.avro", b"one"), ("b.avro", b"two")], packed))
    chunks = [stream.read(size) for size in sizes]
    got = list(members(iter([*chunks, stream.read()])))
    assert got == [("a.avro", b"one"), ("b.avro", b"two")]


@pytest.mark.parametrize("packed", ["", "gz", "bz2", "xz"])
def test_a_tarball_cut_anywhere_is_never_taken_for_a_whole_one(tmp_path: Path, packed: str) -> None:
    whole = tarred(NAMED, packed)
    random_places = random.Random(7).sample(range(END), 60)
    borders = [0, 1, 511, 512, 513, *range(512, END, 512)]
    for cut in {c for c in (*random_places, *borders) if c < (len(whole) if packed else END)}:
        files, remarks = found(written(tmp_path / "n.tar", whole[:cut]))
        assert [remark.fault for remark in remarks] == [True], cut
        assert files == NAMED[: len(files)]
        assert len(files) < len(NAMED) or packed or cut >= END - 512


def test_damage_anywhere_in_a_compressed_tarball_is_told(tmp_path: Path) -> None:
    rng = random.Random(8)
    for _ in range(100):
        place = rng.randrange(10, len(WHOLE))  # the ten bytes of gzip's header hold a time
        data = bytearray(WHOLE)
        data[place] ^= 1 << rng.randrange(8)
        files, remarks = found(written(tmp_path / "n.tar.gz", bytes(data)))
        assert files[:-1] == NAMED[: len(files)][:-1]
        assert remarks[0].fault, place
        assert "run it again" in remarks[0].text


def test_a_damaged_header_is_not_the_end(tmp_path: Path) -> None:
    """Python's tarfile takes it for one."""
    second = 512 + (len(SOME[0]) + 511) // 512 * 512
    data = PLAIN[:second] + b"x" * 512 + PLAIN[second + 512 :]
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        assert tar.getnames() == ["0.avro"]
    files, (remark,) = found(written(tmp_path / "n.tar", data))
    assert files == NAMED[:1]
    assert remark.fault
    assert "damaged: b'xxxxxxxxxxxxxxxx' where a member" in remark.text


def test_a_second_tarball_behind_the_first_is_told(tmp_path: Path) -> None:
    files, (remark,) = found(written(tmp_path / "n.tar", PLAIN + PLAIN))
    assert (files, remark.fault) == (NAMED, True)
    assert "more follows its end" in remark.text


NOTHING = "empty, without even the end of a tarball"
NO_TARBALL: list[tuple[bytes, str]] = [
    (b"", NOTHING),
    (gzip.compress(b"", mtime=0), NOTHING),
    (b"<!DOCTYPE html>", "b'<!DOCTYPE html>' where a member"),
    (gzip.compress(b"text" * 1000, mtime=0), "b'texttexttexttext' where a member"),
    (random.Random(3).randbytes(5000), "where a member"),
    (b"\x1f\x8b" + b"\0" * 600, "damaged: "),
    (b"BZh9" + b"\0" * 600, "damaged: "),
    (b"\xfd7zXZ\0" + b"\0" * 600, "damaged: "),
]


@pytest.mark.parametrize(("data", "told"), NO_TARBALL, ids=range(len(NO_TARBALL)))
def test_what_is_no_tarball_is_told(tmp_path: Path, data: bytes, told: str) -> None:
    files, (remark,) = found(written(tmp_path / "n.tar.gz", data))
    assert files == []
    assert remark.fault
    assert told in remark.text


def test_a_night_without_alerts_is_no_fault(tmp_path: Path) -> None:
    folder = tarfile.TarInfo("ztf_public_20181129/")
    folder.type = tarfile.DIRTYPE
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as tar:
        tar.addfile(folder)
    for data in (tarred([]), made.getvalue()):
        files, (remark,) = found(written(tmp_path / "n.tar.gz", data))
        assert (files, remark.fault) == ([], False)
        assert remark.text == "an empty night: nothing in the tarball"


def test_members_that_are_no_packets_are_named(tmp_path: Path) -> None:
    others = [("._0.avro", b"Mac"), ("d/x.avro.gz", b"."), ("in.tar.gz", WHOLE), ("README", b"hi")]
    files, remarks = found(written(tmp_path / "n.tar", tarred([*others, *NAMED])))
    assert files == NAMED
    assert {(r.text, r.fault) for r in remarks} == {
        ("1 file left out, AppleDouble of a Mac: ._0.avro", False),
        ("2 files left out, packed otherwise, or in part: x.avro.gz, in.tar.gz", True),
        ("1 file left out, neither .avro nor tarball: README", False),
    }
    files, remarks = found(written(tmp_path / "n.tar", tarred(others[3:] * 5)))
    assert (files, len(remarks)) == ([], 2)
    assert (remarks[0].text, remarks[0].fault) == ("no .avro file in it", True)
    assert remarks[1].text.startswith("5 files left out, ")
    assert remarks[1].text.endswith(": README, README, README, …")


SPECIAL = [tarfile.LNKTYPE, tarfile.SYMTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE]


def test_links_and_devices_in_a_tarball_are_named(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "n.tar", "w") as tar:
        for n, (name, data) in enumerate(NAMED):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
            info = tarfile.TarInfo(f"l{n}.avro")
            info.type, info.linkname = SPECIAL[n], "0.avro"
            tar.addfile(info)
    files, (remark,) = found(tmp_path / "n.tar")
    assert files == NAMED
    assert remark.text.startswith("5 files left out, links, devices or pipes: l0.avro, l1.avro")
    assert not remark.fault


def test_a_sparse_member_is_read_with_its_holes(tmp_path: Path) -> None:
    """As GNU tar writes it (--sparse): 4 bytes at 100, of 1,000."""
    header = bytearray(tarfile.TarInfo("s.avro").tobuf(tarfile.GNU_FORMAT))
    header[124:136] = b"%011o\0" % 4
    header[156:157] = tarfile.GNUTYPE_SPARSE
    header[386:410] = b"%011o\0%011o\0" % (100, 4)
    header[483:495] = b"%011o\0" % 1000
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    data = bytes(header) + b"data".ljust(512, b"\0") + PLAIN
    files, remarks = found(written(tmp_path / "n.tar", data))
    assert files == [("s.avro", b"\0" * 100 + b"data" + b"\0" * 896), *NAMED]
    assert remarks == []


def header(name: str, size: int, kind: bytes = tarfile.REGTYPE) -> bytes:
    info = tarfile.TarInfo(name)
    info.size, info.type = size, kind
    return info.tobuf(tarfile.GNU_FORMAT)


BOMBS = [
    header("x.avro", 1 << 62),
    header("x.avro", -512),
    header("x", 1 << 40, tarfile.XHDTYPE),
    header("x", 1 << 33, tarfile.GNUTYPE_LONGNAME),
    header("x", 4, tarfile.GNUTYPE_LONGNAME) * 5000,
]


@pytest.mark.parametrize("bomb", BOMBS)
def test_sizes_that_would_never_end_are_told(tmp_path: Path, bomb: bytes) -> None:
    data = PLAIN[:END].ljust(-(-END // 512) * 512, b"\0") + bomb + b"\0" * 1024
    files, (remark,) = found(written(tmp_path / "n.tar", data))
    assert files == NAMED
    assert remark.fault


def zeros(mebibytes: int) -> bytes:
    """So many zeros as gzip, made piece by piece."""
    packer = zlib.compressobj(9, wbits=31)
    piece = b"\0" * (1 << 20)
    return b"".join(packer.compress(piece) for _ in range(mebibytes)) + packer.flush()


def test_a_gzip_bomb_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tarballs, "MAX_TAIL", 1 << 20)
    monkeypatch.setattr(tarballs, "MAX_KEPT", 1 << 20)
    big = gzip.compress(header("x.avro", 40 << 20)) + zeros(40) + gzip.compress(PLAIN) + zeros(40)
    files, (remark,) = found(written(tmp_path / "n.tar.gz", big))
    assert files == [("x.avro", b"\0" * (1 << 20)), *NAMED]
    assert "more than 1048576 bytes follow its end" in remark.text


def test_a_folder_with_all_that_may_lie_in_it(tmp_path: Path) -> None:
    root = tmp_path / "night"
    (root / "deep.avro").mkdir(parents=True)
    tarball(root / "deep.avro" / "in.tar.gz", SOME[:1])
    (root / "deep.avro" / "up").symlink_to("..")
    written(root / "a.avro", SOME[1])
    written(root / "b.avro", b"")
    written(root / "._a.avro", b"Mac")
    written(root / "bad.tar.gz", WHOLE[: len(WHOLE) // 2])
    written(root / "empty.tar.gz", tarred([]))
    written(root / "manifest.csv", b"a,b")
    (root / "lost.avro").symlink_to("nowhere")
    (root / "round.avro").symlink_to("round.avro")
    os.mkfifo(root / "pipe.avro")
    (tmp_path / "elsewhere").mkdir()
    written(tmp_path / "elsewhere" / "c.avro", SOME[2])
    (root / "z").symlink_to(tmp_path / "elsewhere")
    files, remarks = found(root)
    before = [(f"bad.tar.gz/{name}", data) for name, data in NAMED[:2]]
    inside = ("deep.avro/in.tar.gz/0.avro", SOME[0])
    last = ("z/c.avro", SOME[2])
    assert files == [("a.avro", SOME[1]), ("b.avro", b""), *before, inside, last]
    told = {(os.path.relpath(r.place, root), r.text.partition(";")[0]): r.fault for r in remarks}
    assert told == {
        ("bad.tar.gz", "cut short"): True,
        ("lost.avro", "no such file or directory"): True,
        ("round.avro", "too many levels of symbolic links"): True,
        ("pipe.avro", "no regular file"): True,
        ("empty.tar.gz", "an empty night: nothing in the tarball"): False,
        (".", "1 file left out, AppleDouble of a Mac: ._a.avro"): False,
        (".", "1 file left out, neither .avro nor tarball: manifest.csv"): False,
    }


def test_folders_of_nothing_or_closed_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(tmp_path / "notes.txt", b"")
    files, remarks = found(tmp_path)
    assert (files, remarks[0].text) == ([], "no .avro file and no tarball in it")
    assert remarks[0].fault
    (tmp_path / "closed").mkdir()
    written(tmp_path / "a.avro", SOME[0])
    scandir = os.scandir

    def refuse(path: str) -> object:
        """As root, who runs the tests in a container, may read everything."""
        if path.endswith("closed"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    files, remarks = found(tmp_path)
    assert files == [("a.avro", SOME[0])]
    assert ("not listed: permission denied", True) in [r[1:] for r in remarks]


def test_a_file_that_vanishes_is_told_and_the_next_is_read(tmp_path: Path) -> None:
    for name, data in NAMED:
        written(tmp_path / name, data)
    items = files.read(str(tmp_path))
    next(items)
    (tmp_path / "1.avro").unlink()
    rest = list(items)
    assert [item[1] for item in rest] == ["no such file or directory", *SOME[2:]]


PATHS: list[tuple[str, str, bool]] = [
    ("nowhere", "no such file or folder", True),
    ("nowhere.tar.gz", "no such file or folder", True),
    ("notes.txt", "neither .avro nor tarball: .avro, .tar, .tar.gz, .tar.bz2 and", True),
    ("a.avro.gz", "packed otherwise, or in part: .avro", True),
    ("a.tar.gz.part", "packed otherwise, or in part: .avro", True),
    ("._a.tar.gz", "1 file left out, AppleDouble of a Mac: ._a.tar.gz", False),
]


@pytest.mark.parametrize(("name", "told", "fault"), PATHS)
def test_paths_that_cannot_be_read(tmp_path: Path, name: str, told: str, fault: bool) -> None:
    if "nowhere" not in name:
        written(tmp_path / name, SOME[0])
    files, (remark,) = found(tmp_path / name)
    assert (files, remark.fault, remark.place) == ([], fault, str(tmp_path / name))
    assert remark.text.startswith(told)


def test_what_is_larger_than_is_kept_is_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "MAX_KEPT", 1000)
    assert found(written(tmp_path / "a.avro", SOME[0])) == ([("a.avro", SOME[0][:1000])], [])


@pytest.mark.parametrize("make", [lambda p: written(p / "n.tar.gz", WHOLE), lambda p: p])
def test_the_announced_size_is_what_is_read(tmp_path: Path, make: Callable[[Path], Path]) -> None:
    path = make(tmp_path)
    written(tmp_path / "a.avro", SOME[0])
    written(tmp_path / "b.txt", SOME[1])
    (tmp_path / "lost.avro").symlink_to("nowhere")
    seen: list[int] = []
    assert list(files.read(str(path), seen.append))
    assert sum(seen) == size_of(str(path))
    assert size_of("https://example.org/n.tar.gz") is None
    assert size_of(str(tmp_path / "nowhere.tar")) == 0


def test_kinds_by_name() -> None:
    kinds = {
        Kind.PACKET: ["a.avro", "A.AVRO", "d.tar/a.avro"],
        Kind.TARBALL: ["a.tar", "a.Tar.GZ", "a.avro.tar.gz"],
        Kind.DOUBLE: ["._a.avro", "d/._a.tar.gz"],
        Kind.PACKED: ["a.avro.gz", "a.tar.zst", "a.tar.gz.part", "a.tgz.1"],
        Kind.OTHER: ["a", "avro", "a.tar/b", "manifest.csv", "x.fits.gz"],
    }
    for kind, names in kinds.items():
        assert [kind_of(name) for name in names] == [kind] * len(names)


def test_names_of_paths(tmp_path: Path) -> None:
    assert name_of("https://example.org/a/n%20x.tar.gz?x=1#y") == "n x.tar.gz"
    assert name_of("https://example.org/nights/") == "nights"
    assert name_of("https://example.org") == "example.org"
    assert name_of("http://[broken") == "[broken"
    folder = tmp_path / "20210101"
    folder.mkdir()
    assert name_of(str(folder)) == name_of(f"{folder}/") == "20210101"
    assert name_of(str(written(folder / "a.avro", b""))) == "20210101"
    assert name_of(str(written(folder / "n.tar", b""))) == "n.tar"
    (folder / "round.tar").symlink_to("round.tar")
    assert name_of(str(folder / "round.tar")) == "round.tar"
    assert name_of("/") == "/"
