"""What processes hold while they work: memory, descriptors, threads; and how that grows."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from bench.following import memory_mb, told_mb
from dev import processes, stack
from dev.state import State

SETTLED: Final = 0.25
"""The share of an hour in which caches fill; a line is laid through the rest."""
SCANNER: Final = "app.columns.duck"


class Held(NamedTuple):
    """What one process holds, or some together."""

    rss_mb: float
    pss_mb: float
    descriptors: int
    threads: int


class Vitals(NamedTuple):
    """All at a moment."""

    minute: float
    held: dict[str, Held]
    """By the name of a program."""
    connections: dict[str, int]
    """Connections to PostgreSQL, by the name that a program gives itself."""
    behind: dict[str, int]
    """Alerts that consumer, watches and streams have yet to see."""


def take(pids: Sequence[int]) -> Held | None:
    """What processes hold together; None if none of them is there any more."""
    held = []
    for pid in pids:
        with suppress(FileNotFoundError, ProcessLookupError):
            threads = len(os.listdir(f"/proc/{pid}/task"))
            descriptors = len(os.listdir(f"/proc/{pid}/fd"))
            held.append(Held(memory_mb(pid, "VmRSS"), _pss_mb(pid), descriptors, threads))
    if not held:
        return None
    return Held(
        sum(one.rss_mb for one in held),
        sum(one.pss_mb for one in held),
        sum(one.descriptors for one in held),
        sum(one.threads for one in held),
    )


def _pss_mb(pid: int) -> float:
    """Memory, of which what is shared counts as a share for each."""
    return told_mb(Path(f"/proc/{pid}/smaps_rollup"), "Pss")


def children_of(pid: int) -> Iterator[int]:
    """All processes that one has started, and that these have."""
    with suppress(FileNotFoundError, ProcessLookupError):
        for task in os.listdir(f"/proc/{pid}/task"):
            for child in Path(f"/proc/{pid}/task/{task}/children").read_text().split():
                yield int(child)
                yield from children_of(int(child))


def programs(state: State, ours: Mapping[str, int]) -> dict[str, list[int]]:
    """The processes of each program: those of ours alone, what they have started, the servers."""
    found = {name: [pid] for name, pid in ours.items()}
    for name, pid in ours.items():
        for child in children_of(pid):
            is_scanner = SCANNER in _command(child)
            found.setdefault("scanner" if is_scanner else f"{name}'s workers", []).append(child)
    for part in stack.PARTS:
        server = part.server(state)
        if (first := processes.find(server)) is not None:
            found[server.name] = [first, *children_of(first)]
    return found


def _command(pid: int) -> str:
    with suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/cmdline").read_text()
    return ""


def slope(minutes: Sequence[float], values: Sequence[float]) -> float:
    """How much a value grows in an hour, by a straight line (least squares) through what is left
    when the first quarter of the time is taken away."""
    since = minutes[0] + (minutes[-1] - minutes[0]) * SETTLED
    settled = [(m, v) for m, v in zip(minutes, values, strict=True) if m >= since]
    if len(settled) < 2:
        raise ValueError("of two moments at least a line is made")
    x, y = np.array(settled).T
    return float(np.polyfit(x, y, 1)[0]) * 60


def at(minutes: Sequence[float], values: Sequence[float], minute: float) -> float | None:
    """The value at the moment next to a minute; None if all ended before."""
    if minute > minutes[-1] + 0.5:
        return None
    return values[int(np.argmin(np.abs(np.array(minutes) - minute)))]


def series(vitals: Sequence[Vitals], name: str, what: str) -> tuple[list[float], list[float]]:
    """Minutes, and what a program held then."""
    seen = [(one.minute, getattr(one.held[name], what)) for one in vitals if name in one.held]
    return [minute for minute, _ in seen], [float(value) for _, value in seen]
