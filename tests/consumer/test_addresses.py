"""Tarballs at addresses: servers as they are met, each a real one on loopback."""

import gzip
import http.server
import random
import threading
from collections.abc import Iterator

import pytest

from consumer.files import reading as files
from tests.consumer.tarballs import found, numbered, tarred

SOME = numbered(random.Random(n).randbytes(40_000) for n in range(5))
NIGHT = tarred(SOME)
HALF = len(NIGHT) // 2
GZIP = {"Content-Encoding": "gzip"}
# Path -> status, headers beside the true Content-Length, body.
ANSWERS: dict[str, tuple[int, dict[str, str], bytes]] = {
    "/night.tar.gz": (200, {}, NIGHT),
    "/twice.tar.gz": (200, GZIP, gzip.compress(NIGHT)),
    "/old.tar.gz": (200, {"Content-Encoding": "x-gzip"}, gzip.compress(NIGHT)),
    "/labelled.tar.gz": (200, GZIP, NIGHT),
    "/unsaid.tar.gz": (200, {}, gzip.compress(NIGHT)),
    "/download?night=20181129": (200, {}, NIGHT),
    "/moved.tar.gz": (302, {"Location": "/night.tar.gz"}, b""),
    "/round.tar.gz": (302, {"Location": "/round.tar.gz"}, b""),
    "/lies.tar.gz": (200, GZIP, b"no gzip at all"),
    "/page.tar.gz": (200, {"Content-Type": "text/html"}, b"<!DOCTYPE html><p>Please log in</p>"),
    "/down.tar.gz": (503, {}, b"later"),
    "/empty.tar.gz": (200, {}, b""),
    "/cloudy.tar.gz": (200, {}, tarred([])),
    "/short.tar.gz": (200, {"Content-Length": str(len(NIGHT))}, NIGHT[:HALF]),
    "/broken.tar.gz": (200, {"Transfer-Encoding": "chunked"}, b"%x\r\n%s" % (HALF, NIGHT[:HALF])),
    "/cut.tar.gz": (200, {}, NIGHT[:HALF]),
    "/cut_twice.tar.gz": (200, GZIP, gzip.compress(NIGHT)[:HALF]),
}
asked_for: list[str | None] = []
enough = threading.Event()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        asked_for.append(self.headers["Accept-Encoding"])
        if self.path == "/silent.tar.gz":
            enough.wait(30)
            return
        status, headers, body = ANSWERS.get(self.path, (404, {}, b"none"))
        self.send_response(status)
        length = {} if "Transfer-Encoding" in headers else {"Content-Length": str(len(body))}
        for name, value in (length | {"Connection": "close"} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


WHOLE = ["night", "twice", "old", "labelled", "unsaid", "moved"]


@pytest.mark.parametrize(
    "path", [f"/{name}.tar.gz" for name in WHOLE] + ["/download?night=20181129"]
)
def test_a_server_may_pack_it_once_more(site: str, path: str) -> None:
    asked_for.clear()
    assert found(site + path) == (SOME, [])
    assert set(asked_for) == {"identity"}


TOLD = {
    "/nowhere.tar.gz": "the server answers 404 Not Found",
    "/down.tar.gz": "the server answers 503 Service Unavailable",
    "/round.tar.gz": "Exceeded maximum allowed redirects.",
    "/lies.tar.gz": "Error -3 while decompressing data: incorrect header check",
    "/page.tar.gz": "damaged: b'<!DOCTYPE html><' where a member of a tarball should begin",
    "/empty.tar.gz": "empty, without even the end of a tarball",
    "/night.avro": "not read: an address must be that of a tarball",
}


@pytest.mark.parametrize(("path", "told"), TOLD.items())
def test_what_is_no_tarball_is_told(site: str, path: str, told: str) -> None:
    got, (remark,) = found(site + path)
    assert (got, remark.place, remark.fault) == ([], site + path, True)
    assert remark.text.startswith(told)


@pytest.mark.parametrize("name", ["short", "broken", "cut", "cut_twice"])
def test_an_answer_that_breaks_off_keeps_what_came_and_says_so(site: str, name: str) -> None:
    got, (remark,) = found(f"{site}/{name}.tar.gz")
    assert got == SOME[: len(got)]
    assert len(got) in (1, 2)
    assert remark.fault
    assert "run it again" in remark.text
    assert remark.text.endswith(f"({len(got)} read before)")


def test_a_cloudy_night_is_no_fault(site: str) -> None:
    got, (remark,) = found(f"{site}/cloudy.tar.gz")
    assert (got, remark.fault) == ([], False)


def test_a_server_that_is_not_there_or_never_answers(
    site: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for address in ("http://127.0.0.1:1/n.tar.gz", "http://[n.tar.gz", "http:///n.tar.gz"):
        got, (remark,) = found(address)
        assert (got, remark.fault) == ([], True)
    monkeypatch.setattr(files, "TIMEOUT_S", 0.1)
    _, (remark,) = found(f"{site}/silent.tar.gz")
    enough.set()
    assert remark.text == "no answer for 0.1 s; run it again"
