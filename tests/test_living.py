"""What is told of an hour of life: slopes, tables, and answers that are looked at."""

import os
import subprocess
import sys
from array import array
from pathlib import Path

import pytest

from bench.enduring import Listener
from bench.lived import errors, held_table, memory_table, visits_table
from bench.living import without_development
from bench.surviving import WANTED
from bench.visitors import Tally
from bench.visits import KINDS
from bench.vitals import Held, Vitals, at, children_of, slope, take

MINUTES = [float(minute) for minute in range(61)]


def test_slope_leaves_out_the_time_in_which_caches_fill() -> None:
    filling = [min(minute, 15) * 10 for minute in MINUTES]
    assert slope(MINUTES, filling) == pytest.approx(0)
    leaking = [100 + minute / 2 for minute in MINUTES]
    assert slope(MINUTES, leaking) == pytest.approx(30)
    assert slope(MINUTES, leaking[::-1]) == pytest.approx(-30)
    with pytest.raises(ValueError, match="at least"):
        slope([0.0], [1.0])


def test_value_at_a_minute_is_that_of_the_next_moment() -> None:
    assert at([0.1, 4.9, 10.2], [1, 2, 3], 5) == 2
    assert at([0.1, 4.9, 10.2], [1, 2, 3], 10.5) == 3
    assert at([0.1, 4.9, 10.2], [1, 2, 3], 15) is None


def test_a_process_that_has_just_ended_holds_nothing() -> None:
    """Nobody has waited for it yet: it is still there, without memory."""
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)
        assert take([ended.pid]) is None
        own = take([ended.pid, os.getpid()])
        assert own is not None
        assert own.rss_mb > 1


def moment(minute: float, **mb: float) -> Vitals:
    held = {name: Held(value, value / 2, int(value), 4) for name, value in mb.items()}
    return Vitals(minute, held, {"mars-app": 3}, {"consumer": 0})


def test_memory_table_has_each_program_at_the_minutes_that_were_reached() -> None:
    seen = [moment(minute, app=200 + minute, consumer=90) for minute in MINUTES[:31]]
    seen[10] = moment(10, app=210, consumer=90, scanner=250)
    head, _, app, consumer, scanner = memory_table(seen, shown=(5, 30, 60))
    assert head == "| Program | 5 min | 30 min | Most | Grows, MB/hour | PSS at the end |"
    assert app == "| app | 205 | 230 | 230 | +60.0 | 115 |"
    # A fit of what does not change may be off by rounding, with either sign.
    assert consumer.replace("-0.0", "+0.0") == "| consumer | 90 | 90 | 90 | +0.0 | 45 |"
    assert scanner == "| scanner | 250 |  | 250 |  | 125 |"


def test_held_table_has_median_most_and_last() -> None:
    seen = [moment(0, app=10), moment(1, app=30), moment(2, app=20)]
    assert held_table(seen)[2] == "| app | 20 | 30 | 20 | 4 | 4 | 4 |"


def test_visits_table_counts_what_is_explained_apart() -> None:
    tally, kind = Tally(), KINDS[0]
    tally.spent_ms[kind.name] = [float(n) for n in range(1, 102)]
    tally.requests[kind.name] = 104
    tally.busy[kind.name, "503"] = 2
    tally.wrong[kind.name, "500 for GET /"] = 1
    lines = visits_table(tally)
    assert len(lines) == 2 + len(KINDS)
    asked = f"{kind.clients} × {kind.every_s:g} s"
    assert lines[2] == f"| {kind.name} | {asked} | 101 | 104 | 51.0 | 100.0 | 2 | 1 |"
    assert errors(tally) == [
        "2 busy, with Retry-After",
        f"  2 × 503 ({kind.name})",
        "1 unexplained",
        f"  1 × 500 for GET / ({kind.name})",
    ]


def test_a_listener_notes_alerts_across_pieces_and_how_far_it_was_told() -> None:
    one = Listener(WANTED[0], whole=False, since=3)
    events = (
        b'retry: 1000\nid: 3\nevent: seen\ndata: 3\n\nid: 5\nevent: alert\ndata: {"id: 9": 1}\n\n'
    )
    events += b": still here\nid: 6\nevent: alert\ndata: {}\n\nid: 8\nevent: seen\ndata: 8\n\n"
    for cut in range(len(events)):
        one = Listener(WANTED[0], whole=False, since=3)
        rest = one.note(one.note(b"", events[:cut]), events[cut:])
        assert (one.got, one.reached, rest) == (array("q", [5, 6]), 8, b"")


def test_what_only_development_needs_is_barred(tmp_path: Path) -> None:
    place = {"PYTHONPATH": str(without_development(tmp_path / "barred"))}
    for name, is_there in (("pandas", False), ("matplotlib", False), ("pyarrow", True)):
        done = subprocess.run([sys.executable, "-c", f"import {name}"], env=place, check=False)
        assert (done.returncode == 0) is is_there, name


def test_what_a_process_and_its_children_hold() -> None:
    code = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'input()'], check=True)"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE) as parent:
        while not (children := list(children_of(parent.pid))):
            assert parent.poll() is None
        alone, both = take([parent.pid]), take([parent.pid, *children])
        assert alone is not None
        assert both is not None
        assert both.descriptors > alone.descriptors > 2
        assert both.threads == alone.threads + 1 == 2
        assert parent.stdin is not None
        parent.stdin.write(b"\n")
        parent.stdin.close()
    assert parent.returncode == 0
    assert take([parent.pid]) is None
    assert os.getpid() not in children
