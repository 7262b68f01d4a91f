"""`make demo` whole: a stack of its own, fed, answering, stopped, and found again as it was."""

import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.conftest import free_ports

PORT = free_ports()
DEADLINE_S = 600


@contextmanager
def demo(local: Path, *more: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Run the demo until it says that it answers; afterwards stop it, which must succeed."""
    command = [sys.executable, "-m", "dev.demo", "--local", str(local), "--port", str(PORT), *more]
    log = local.with_suffix(".log")
    with log.open("w") as out:
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, text=True)
    try:
        until = time.monotonic() + DEADLINE_S
        while "Ctrl-C stops it" not in log.read_text():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < until, log.read_text()
            time.sleep(0.2)
        yield log.read_text(), process
    finally:
        process.send_signal(signal.SIGTERM)
        code = process.wait(DEADLINE_S)
    assert code == 0, log.read_text()


def told(said: str) -> dict[str, int]:
    """The table of outcomes that the demo prints."""
    rows = re.findall(r"^  (fed|stored|duplicate|private|rejected) +([\d,]+)", said, re.M)
    return {name: int(count.replace(",", "")) for name, count in rows}


def stack(command: str, local: Path) -> str:
    arguments = [sys.executable, "-m", "dev.stack", command, "--local", str(local)]
    return subprocess.run(arguments, capture_output=True, text=True, check=True).stdout


@pytest.fixture
def local(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "state"
    yield folder
    stack("clean", folder)


def test_every_real_packet_is_accounted_for_twice(local: Path, real: Path) -> None:
    data = ("--data", str(real / "ztf"))
    with demo(local, *data) as (said, _):
        assert told(said) == {
            "fed": 877, "stored": 864, "duplicate": 0, "private": 13, "rejected": 0,
        }  # fmt: skip
        address = re.search(r"curl '(.*)'", said)
        assert address is not None
        assert httpx.get(address[1]).json()["items"]
        nights = httpx.get(f"http://127.0.0.1:{PORT}/api/v1/nights").json()["items"]
        assert (nights[0]["received"], nights[0]["stored"], nights[0]["private"]) == (877, 864, 13)
        assert "ledger      received 877  stored 864" in stack("status", local)
    assert "not running" in stack("status", local)
    with demo(local, *data) as (said, _):
        assert told(said) == {
            "fed": 877, "stored": 0, "duplicate": 864, "private": 13, "rejected": 0,
        }  # fmt: skip
        assert "every packet is accounted for" in said
        assert "catalog of ztf: 864 alerts" in said


def test_simulated_alerts_without_data(local: Path) -> None:
    with demo(local) as (said, process):
        assert told(said)["stored"] == told(said)["fed"] == 1000
        assert "demo: catalog of ztf: 1,000 alerts as of batch " in said
        named = dict(re.findall(r"^demo: (a [a-z ]+): (http\S+)$", said, re.M))
        assert set(named) == {"a supernova", "a variable star", "a body that moves"}
        for address in named.values():
            page = httpx.get(address, headers={"Accept": "text/html"})
            assert page.status_code == 200
            assert "ZTF" in page.text
        process.send_signal(signal.SIGINT)
        assert process.wait(DEADLINE_S) == 0


def test_a_taken_port_is_named_with_the_way_out(local: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", PORT + 2))
        taken.listen()
        command = [sys.executable, "-m", "dev.stack", "up", "--local", str(local)]
        done = subprocess.run(
            [*command, "--port", str(PORT)], capture_output=True, text=True, check=False
        )
    assert done.returncode == 1
    assert str(PORT + 2) in done.stderr
    assert "PORT=" in done.stderr
