"""Any name that a disk or a tarball can hold becomes one that every store takes."""

import os
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.files.names import LONGEST, plain, printable

TAKEN = {
    "ztf_public_20181129.tar.gz": "ztf_public_20181129.tar.gz",
    "n x-ü.avro": "n x-ü.avro",
    os.fsdecode(b"\xff\xfe.avro"): r"\udcff\udcfe.avro",
    "a\nb\0\x1b[31m.avro": r"a\nb\x00\x1b[31m.avro",
    "\u202egpj.avro": r"\u202egpj.avro",
    "": "()",
    ".": "(.)",
    "..": "(..)",
    "x" * 1000: "x" * 95 + "…" + "x" * 95,
    "é" * 100: "é" * 15 + "…" + "é" * 15,
}


@pytest.mark.parametrize(("name", "taken"), TAKEN.items())
def test_names(name: str, taken: str) -> None:
    assert plain(name) == taken


@given(st.text(st.characters(exclude_categories=[])) | st.binary().map(os.fsdecode))
def test_every_name_becomes_one_that_can_be_stored_and_printed(name: str) -> None:
    taken = plain(name)
    assert "\0" not in taken
    assert taken.isprintable()
    assert 0 < len(quote(taken, safe="")) <= LONGEST
    assert plain(taken) == taken
    assert printable(name).encode().decode() == printable(name)
    assert taken == printable(name) or len(quote(printable(name))) > LONGEST or not name.strip(".")
