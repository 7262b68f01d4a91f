"""docs/performance.md and its plots, written by the run whose figures they show."""

import platform
import re
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Final

import matplotlib as mpl
import matplotlib.pyplot as plt
from matplotlib.figure import Figure as Drawing

from bench.measure import Figure

DOCS: Final = Path(__file__).resolve().parents[1] / "docs"
LIBRARIES: Final = ("fastapi", "uvicorn", "asyncpg", "sqlalchemy", "aiokafka", "fastavro", "numpy")

MARS_REQUESTS_PER_S: Final = {
    "first page": 2.3,
    "cone 10 arcsec": 10.8,
    "alert with history": 13.0,
    "cutout": 104.0,
}
"""What the first MARS served at 16 clients with a million rows, on the same kind of machine."""

mpl.use("svg")
mpl.rcParams["svg.hashsalt"] = "mars"


def machine(server: str) -> str:
    """What the figures were taken on."""
    cpu = next(
        (line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
         if line.startswith("model name")), platform.processor(),
    )  # fmt: skip
    cores = subprocess.run(["nproc"], capture_output=True, text=True, check=True).stdout.strip()
    libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    return f"{cores} cores of {cpu}; Python {platform.python_version()}, {server}, {libraries}"


def table(figures: Sequence[Figure]) -> str:
    """Floor, ours and ratio side by side."""
    lines = [
        "| What | Unit | Floor | | Ours | Ratio (rounds) | Target |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {f.what} | {f.unit} | {f.floor_name} | {f.floor:,.2f} | {f.ours:,.2f} | "
        f"{f.ratio:.2f} ({f.spread[0]:.2f} to {f.spread[1]:.2f}) | {f.target} |"
        for f in figures
    ]
    return "\n".join(lines)


def against_mars(per_s: Mapping[str, float]) -> str:
    """Requests a second at 16 clients beside what the first MARS managed."""
    lines = ["| What, 16 clients | The first MARS | Ours | Ratio |", "|---|---|---|---|"]
    lines += [
        f"| {what} | {MARS_REQUESTS_PER_S[what]:,.1f}/s | {rate:,.0f}/s | "
        f"{rate / MARS_REQUESTS_PER_S[what]:,.0f} × |"
        for what, rate in per_s.items()
    ]
    return "\n".join(lines)


def plot_ratios(figures: Sequence[Figure], name: str) -> None:
    """How far each is from its floor."""
    timed = [f for f in figures if f.unit == "ms p50"]
    drawing, axes = plt.subplots(figsize=(8, 0.32 * len(timed) + 1))
    rows = range(len(timed))
    axes.barh(rows, [f.floor for f in timed], height=0.38, color="#56B4E9", label="floor")
    axes.barh([r + 0.4 for r in rows], [f.ours for f in timed], height=0.38,
              color="#D55E00", label="ours")  # fmt: skip
    axes.set_yticks([r + 0.2 for r in rows], [f.what for f in timed])
    axes.invert_yaxis()
    axes.set_xlabel("p50 [ms]")
    axes.legend()
    _save(drawing, name)


def plot_steps(step_ms: Mapping[str, float], name: str) -> None:
    """Where the time of ingest goes."""
    drawing, axes = plt.subplots(figsize=(8, 2.2))
    axes.barh(list(step_ms), list(step_ms.values()), color="#009E73")
    axes.invert_yaxis()
    axes.set_xlabel("wall time an alert [ms]; steps of neighbouring batches overlap")
    _save(drawing, name)


def plot_delays(delays: Sequence[float], name: str) -> None:
    """The share of messages that is visible after so many seconds."""
    drawing, axes = plt.subplots(figsize=(8, 2.6))
    axes.plot(delays, [(n + 1) / len(delays) for n in range(len(delays))], color="#0072B2")
    axes.set_xlabel("from producing the message to its row being visible [s]")
    axes.set_ylabel("share of messages")
    axes.set_xlim(left=0)
    _save(drawing, name)


def _save(drawing: Drawing, name: str) -> None:
    (DOCS / "performance").mkdir(exist_ok=True)
    drawing.tight_layout()
    drawing.savefig(DOCS / "performance" / f"{name}.svg", metadata={"Date": None})
    plt.close(drawing)


def write(parts: Sequence[str], server: str, rows: int, histories: int) -> None:
    """The page."""
    head = [
        "# Performance",
        f"Written by `make bench` on {datetime.now(UTC):%Y-%m-%d}, over {rows:,} archived alerts, "
        f"{histories:,} of them with a history. Machines are shared and noisy: each ratio was "
        "taken in one run, floor and ours in turn, five rounds; the spread is that of the rounds.",
        f"Machine: {machine(server)}.",
    ]
    (DOCS / "performance.md").write_text("\n\n".join([*head, *parts]) + "\n")


def put_section(page: Path, heading: str, text: str) -> None:
    """Put a section into a page: where it was, else at the end."""
    before, found, rest = page.read_text().partition(heading)
    following = re.search(r"^## ", rest, re.MULTILINE)
    after = "\n" + rest[following.start() :] if found and following else ""
    page.write_text(f"{before.rstrip()}\n\n{heading}\n\n{text}\n{after}")
