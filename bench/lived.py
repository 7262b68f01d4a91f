"""docs/life.md and its plots, written by the run that they show."""

import argparse
import json
import statistics
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple

import matplotlib.pyplot as plt

from bench.report import DOCS, machine
from bench.visitors import Tally
from bench.visits import KINDS
from bench.vitals import Vitals, at, series, slope

PAGE: Final = DOCS / "life.md"
PICTURES: Final = DOCS / "pictures"
SHOWN: Final = (5, 15, 30, 45, 60)
"""Minutes of which the table tells the memory."""
FILLING_MIN: Final = 20
"""Of a shorter time growth says nothing: caches fill."""
TARGET_MB: Final = 300
COLOURS: Final = (
    "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#7F7F7F",
    "#999933",
)  # fmt: skip


class Lived(NamedTuple):
    """What was asked for, and what came of it."""

    options: argparse.Namespace
    tally: Tally
    seen: Sequence[Vitals]
    fed: tuple[int, int, float]
    """Alerts sent, alerts in the ledger, seconds until all had come after the clients had gone."""
    heard: tuple[int, int, int]
    """Streams that got all once and in order, streams, alerts that came to them."""


def names_of(seen: Sequence[Vitals]) -> list[str]:
    """Programs in the order in which they were first seen."""
    return list(dict.fromkeys(name for one in seen for name in one.held))


def visits_table(tally: Tally) -> list[str]:
    """Visits of each kind, how long they took, and how they failed."""
    lines = [
        "| Kind | Clients, each every | Visits | Requests | p50 [ms] | p99 [ms] | Busy | Errors |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for kind in KINDS:
        spent = sorted(tally.spent_ms.get(kind.name, []))
        busy, wrong = (
            sum(count for (name, _), count in some.items() if name == kind.name)
            for some in (tally.busy, tally.wrong)
        )
        p50, p99 = (
            (f"{statistics.median(spent):,.1f}", f"{spent[int(len(spent) * 0.99)]:,.1f}")
            if spent
            else ("", "")
        )
        lines.append(
            f"| {kind.name} | {kind.clients} × {kind.every_s:g} s | {len(spent):,} | "
            f"{tally.requests[kind.name]:,} | {p50} | {p99} | {busy:,} | {wrong:,} |"
        )
    return lines


def memory_table(seen: Sequence[Vitals], shown: Sequence[int] = SHOWN) -> list[str]:
    """Memory of each program at some minutes, the most of it, and how it grows."""
    minutes = [minute for minute in shown if minute <= seen[-1].minute + 0.5]
    heads = " | ".join(f"{minute} min" for minute in minutes)
    lines = [
        f"| Program | {heads} | Most | Grows, MB/hour | PSS at the end |",
        f"|---|{'---|' * len(minutes)}---|---|---|",
    ]
    for name in names_of(seen):
        when, held = series(seen, name, "rss_mb")
        cells = [at(when, held, minute) for minute in minutes]
        told = " | ".join("" if cell is None else f"{cell:,.0f}" for cell in cells)
        grows = f"{slope(when, held):+,.1f}" if when[-1] - when[0] >= FILLING_MIN else ""
        _, shared = series(seen, name, "pss_mb")
        lines.append(f"| {name} | {told} | {max(held):,.0f} | {grows} | {shared[-1]:,.0f} |")
    return lines


def held_table(seen: Sequence[Vitals]) -> list[str]:
    """Descriptors and threads of each program: in the middle of all moments, at most, at last."""
    lines = [
        "| Program | Descriptors, median | Most | Last | Threads, median | Most | Last |",
        "|---|---|---|---|---|---|---|",
    ]
    for name in names_of(seen):
        cells = []
        for what in ("descriptors", "threads"):
            _, held = series(seen, name, what)
            cells += [statistics.median(held), max(held), held[-1]]
        lines.append(f"| {name} | " + " | ".join(f"{cell:,.0f}" for cell in cells) + " |")
    return lines


def errors(tally: Tally) -> list[str]:
    """What was answered that was not asked for, by kind of client; first what is explained."""
    told: list[str] = []
    for what, counts in (("busy, with Retry-After", tally.busy), ("unexplained", tally.wrong)):
        told.append(f"{counts.total():,} {what}")
        told += [f"  {n:,} × {why} ({kind})" for (kind, why), n in Counter(counts).most_common()]
    return told


def behind(seen: Sequence[Vitals]) -> str:
    """How far those who follow the feed were behind."""
    told = []
    for who in seen[-1].behind:
        late = sorted(one.behind[who] for one in seen)
        told.append(f"{who} {statistics.median(late):,.0f} (at most {late[-1]:,})")
    return ", ".join(told)


def tell(lived: Lived) -> list[str]:
    """A run in sentences."""
    sent, stored, drained = lived.fed
    right, streams, came = lived.heard
    connections = [sum(one.connections.values()) for one in lived.seen]
    feeding = lived.options.minutes * 60
    return [
        f"alerts: {sent:,} sent ({sent / feeding:.0f}/s), {stored:,} in the ledger; the last had "
        f"come to archive, watches and streams {drained:.1f} s after the clients had gone",
        f"streams: {right} of {streams} got each alert that SQL finds, once and in order; "
        f"{came:,} alerts came to them",
        f"alerts behind, median and most of all moments: {behind(lived.seen)}",
        f"connections to PostgreSQL: median {statistics.median(connections):.0f}, most "
        f"{max(connections)}, at the end {connections[-1]}",
        *errors(lived.tally),
    ]


def keep(lived: Lived) -> str:
    """All that was seen, as JSON."""
    tally = lived.tally
    told = {
        "options": {name: str(value) for name, value in vars(lived.options).items()},
        "sent, stored, drained after": lived.fed,
        "streams right, streams, alerts": lived.heard,
        "requests": tally.requests,
        "visits in ms": tally.spent_ms,
        "busy": [[*what, count] for what, count in tally.busy.items()],
        "wrong": [[*what, count] for what, count in tally.wrong.items()],
        "seen": [
            one._asdict() | {"held": {name: held._asdict() for name, held in one.held.items()}}
            for one in lived.seen
        ],
    }
    return json.dumps(told)


def plot(seen: Sequence[Vitals], what: str, label: str, name: str, names: Sequence[str]) -> None:
    """What programs held over time, on white: a page may be light or dark."""
    drawing, axes = plt.subplots(figsize=(8, 4), facecolor="white")
    for colour, program in zip(COLOURS, names, strict=False):
        minutes, held = series(seen, program, what)
        axes.plot(minutes, held, color=colour, linewidth=1.2, label=program)
    if what == "rss_mb":
        axes.axhline(TARGET_MB, color="#555555", linewidth=0.8, linestyle="--")
        axes.set_title(f"dashed: {TARGET_MB} MB", loc="right", fontsize=8, color="#555555")
    axes.set_xlabel("minutes")
    axes.set_ylabel(label)
    axes.set_xlim(left=0)
    axes.set_ylim(bottom=0)
    axes.grid(color="#dddddd", linewidth=0.6)
    axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False, fontsize=8)
    drawing.tight_layout()
    drawing.savefig(PICTURES / f"{name}.svg", metadata={"Date": None})
    plt.close(drawing)


def write_page(lived: Lived, server: str) -> None:
    """The page, and its plots."""
    options, seen = lived.options, lived.seen
    ours = [name for name in names_of(seen) if name not in ("PostgreSQL", "Kafka", "S3Proxy")]
    plot(seen, "rss_mb", "memory, RSS [MB]", "life-memory", ours)
    plot(seen, "descriptors", "descriptors", "life-descriptors", ours)
    first, *rest = tell(lived)
    sentences = "\n".join(
        f"- {one}" if one[0] != " " else f"  -{one[1:]}" for one in [first, *rest]
    )
    PAGE.write_text(
        f"# {options.minutes:g} minutes of life\n\n"
        f"Written by `make life` on {datetime.now(UTC):%Y-%m-%d}: {options.minutes:g} minutes of "
        f"{options.rate:g} alerts/s through Kafka, over an archive of {options.rows:,} alerts with "
        f"its catalog, and {options.watches:,} watches, matched all the while. App, consumer and "
        "catalog are single processes with the settings that they have of themselves; feed, "
        "servers and clients share the machine with them. Each client has an address of its own, "
        "so that each has the bounds of one client.\n\n"
        f"Machine: {machine(server)}.\n\n"
        f"{sentences}\n\n"
        "## What was asked\n\n"
        "A visit is one answer or several: a page with its pictures, a job from being sent to the "
        "last byte of its result. Each answer is looked at: an export must have all its rows, a "
        "picture must be one. `Busy` is a 429 or 503 that says when to come again; all else that "
        "is not what was asked for is an error.\n\n"
        + "\n".join(visits_table(lived.tally))
        + "\n\n## Memory\n\n"
        "RSS in MB. Growth is the slope of a straight line through all but the first quarter of "
        "the time. The scanner is the app's child that reads the catalog (DuckDB), which ends "
        "when it is not needed; the app's workers write exports, the consumer's decode packets.\n\n"
        + "\n".join(memory_table(seen))
        + "\n\n![Memory over time](pictures/life-memory.svg)\n\n## Descriptors and threads\n\n"
        + "\n".join(held_table(seen))
        + "\n\n![Descriptors over time](pictures/life-descriptors.svg)\n"
    )
