"""Decoding: ours beside fastavro, on simulated packets with full histories."""

import io
import statistics
import time
from collections.abc import Callable, Sequence

import fastavro

from archive.surveys.ztf.packet import decode
from bench.measure import Figure


def _fastavro(data: bytes) -> None:
    for _ in fastavro.reader(io.BytesIO(data)):
        pass


def _ours(data: bytes) -> None:
    assert decode(data).packets


def _each_ms(work: Callable[[bytes], None], messages: Sequence[bytes]) -> float:
    began = time.perf_counter()
    for data in messages:
        work(data)
    return (time.perf_counter() - began) / len(messages) * 1e3


def decoding(messages: Sequence[bytes], rounds: int = 5) -> Figure:
    """Milliseconds a packet: fastavro reads it, ours reads it and checks it."""
    _each_ms(_ours, messages[:10])
    pairs = [(_each_ms(_fastavro, messages), _each_ms(_ours, messages)) for _ in range(rounds)]
    ratios = [ours / floor for floor, ours in pairs]
    return Figure(
        "decode a packet",
        "ms",
        "fastavro.reader",
        statistics.median(floor for floor, _ in pairs),
        statistics.median(ours for _, ours in pairs),
        (min(ratios), max(ratios)),
        "< 0.5",
    )
