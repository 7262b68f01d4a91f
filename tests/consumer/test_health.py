"""The consumer is well while something moves, and says so where its metrics are."""

import time
from collections import Counter
from collections.abc import Iterator
from http import HTTPStatus

import httpx
import pytest

from consumer import metrics
from consumer.health import STUCK_S, serve
from tests.consumer.test_stream import free_port


@pytest.fixture(scope="module")
def address() -> str:
    port = free_port()
    serve(port, "127.0.0.1")
    return f"http://127.0.0.1:{port}"


@pytest.fixture(autouse=True)
def _moving() -> Iterator[None]:
    yield
    metrics.PROGRESS.set_to_current_time()


def test_well_while_something_moves(address: str) -> None:
    metrics.PROGRESS.set(time.time() - STUCK_S / 2)
    answer = httpx.get(f"{address}/healthz")
    assert answer.status_code == HTTPStatus.OK
    assert answer.text.endswith(" s since something was fetched or written\n")
    assert float(answer.text.split()[0]) >= STUCK_S / 2


def test_stuck_however_well_it_answers(address: str) -> None:
    metrics.PROGRESS.set(time.time() - STUCK_S - 1)
    answer = httpx.get(f"{address}/healthz")
    assert answer.status_code == HTTPStatus.SERVICE_UNAVAILABLE
    assert float(answer.text.split()[0]) > STUCK_S


def test_a_batch_is_progress(address: str) -> None:
    metrics.PROGRESS.set(0)
    assert httpx.get(f"{address}/healthz").status_code == HTTPStatus.SERVICE_UNAVAILABLE
    metrics.count_packets("stream", Counter(stored=1))
    assert httpx.get(f"{address}/healthz").status_code == HTTPStatus.OK


@pytest.mark.parametrize("path", ["/metrics", "/", "/metrics?name[]=mars_batches_total"])
def test_everything_else_is_metrics(address: str, path: str) -> None:
    metrics.BATCHES.labels("stream").inc(0)
    answer = httpx.get(address + path)
    assert answer.status_code == HTTPStatus.OK
    assert 'mars_batches_total{kind="stream"}' in answer.text


def test_a_port_that_is_taken_is_told(address: str) -> None:
    with pytest.raises(OSError, match="in use"):
        serve(int(address.rpartition(":")[2]), "127.0.0.1")
