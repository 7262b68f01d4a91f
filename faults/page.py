"""docs/faults.md, made of the newest result of each fault."""

import statistics
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from faults.runner import Result

PAGE: Final = Path(__file__).parents[1] / "docs" / "faults.md"
_INTRODUCTION: Final = """# Faults

Written by `make faults`. Each row is a feed of its own through real Kafka,
PostgreSQL and S3 server, broken `runs` times at moments drawn from the seed (`seen`: so often the
fault did happen), then drained and checked: every packet that was sent ended as stored, duplicate,
conflict, private or rejected; the rows equal those of an undisturbed feed; each row's bytes have
the packet's sha256; nothing private is in a row; the ledger ends where Kafka ends. Recovery is the
time from the fault to the next durable batch (the next start of a consumer takes over from a dead
one of its name at once; another consumer only after Kafka's session of 10 s); SIGTERM the longest
time to a clean end. `reads` counts what clients of the app were answered meanwhile, and what was
wrong: no answer, another than before, or where only a 503 is right, one without `Retry-After` or
after more than 5 s. After such faults the app has as many descriptors as before, but for those of
its pools. Each row tells of the newest whole run of its fault: `make faults ARGS='--kind "NAME"
--seed N'` repeats it.

"S3 answers …" is a proxy before the S3 server, for the consumer and the app. Disks are file systems
in memory that are made as small as what is on them. Poison is what public reports tell of, beside
messages that are made to kill their reader. Where PostgreSQL has two replicas, each of the three is
killed `runs` / 3 times while four clients read every kind of answer of the app.
Processes and servers die here, not the machine: the local S3 server promises no fsync.

"""
_UNSOUND: Final = " (NOT SOUND)"
_HEAD: Final = (
    "fault|runs|seen|packets|lost|doubled|without bytes|private served|"
    "recovery s: median, longest|SIGTERM s|reads: answered, failed"
)


def note(result: Result, seed: int, names: Sequence[str]) -> None:
    """Put a result into the page's table, in the order of all names of faults.

    At once: a suite takes more than an hour, and may be ended before it is over.
    """
    lines = PAGE.read_text().splitlines()
    held = [line[2:-2].split(" | ") for line in lines if line.startswith("| ")]
    head = [*_HEAD.split("|"), "day", "seed"]
    rows = {cells[0].removesuffix(_UNSOUND): cells for cells in held if len(cells) == len(head)}
    rows[result.name] = [*_cells(result), f"{datetime.now(UTC):%Y-%m-%d}", str(seed)]
    text = _INTRODUCTION + _table(head, [rows[name] for name in names if name in rows]) + "\n"
    if missing := [name for name in names if name not in rows]:
        text += f"\nNot wholly run since this table is kept: {', '.join(missing)}.\n"
    PAGE.write_text(text)


def table(results: Sequence[Result]) -> str:
    """The results in Markdown."""
    return _table(_HEAD.split("|"), list(map(_cells, results)))


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    rule = ["---", *["--:"] * (len(head) - 1)]
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, rule, *rows))


def _cells(result: Result) -> list[str]:
    verdict, times = result.verdict, result.recoveries
    recovery = f"{statistics.median(times):.1f}, {max(times):.1f}" if times else "–"
    counts = (result.times, result.hits, verdict.packets, verdict.lost, verdict.doubled)
    exits = f"{max(result.exits):.1f}" if result.exits else "–"
    tally = result.tally
    reads = f"{tally.answered:,}, {len(tally.failed)}" if tally.answered else "–"
    name = result.name if result.sound else result.name + _UNSOUND
    return [name, *map(str, counts), str(verdict.bare), str(verdict.served), recovery, exits, reads]
